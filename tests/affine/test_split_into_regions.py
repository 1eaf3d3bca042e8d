"""What programs split into; every result is also run against the interpreter in the prime field."""

from __future__ import annotations

import pytest
from affine_notation import check_regions, loop_count, program, render

from exalift.affine import Program, Region, Role, splitting, verify_program
from exalift.affine.domains import DomainError
from exalift.affine.planning import Planned
from exalift.base import DType


def split(text: str, *sizes: dict[str, int], local: str = "", **options: str) -> list[str]:
    """The lines of the region program of a text, after running it at the sizes."""
    return render(check_regions(program(text, local=local, **options), *sizes))


SMALL = ({"N": 5, "M": 4, "K": 3}, {"N": 1, "M": 1, "K": 1}, {"N": 3, "M": 6, "K": 2})


def test_gemm_is_one_region() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    C[i, j] *= beta
    for k in range(0, K):
      C[i, j] += alpha * A[i, k] * B[k, j]
"""
    assert split(text, *SMALL, C="N, M", A="N, K", B="K, M", alpha="", beta="") == [
        "C[i, j] = C[i][j] * beta + add[k < K](alpha * A[i][k] * B[k][j])  for i < N, j < M"
    ]


def test_an_empty_reduction_does_not_write_out_of_bounds() -> None:
    text = """
for i in range(0, N):
  for k in range(2, i):
    A[i - 3] += B[k]
"""
    split(text, *SMALL, A="N", B="N")


def test_of_two_bounds_an_axis_takes_that_of_the_arrays() -> None:
    text = """
for i in range(0, N):
  for j in range(0, i + 1):
    if j < M:
      y[i] += A[i, j] * x[j]
"""
    (line,) = split(text, *SMALL, A="N, M", x="M", y="N")
    assert line == "y[i] = y[i] + add[j < M if i - j >= 0](A[i][j] * x[j])  for i < N"


def test_symm_gathers_what_it_scatters() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    t = 0
    for k in range(0, i):
      C[k, j] += alpha * B[i, j] * A[i, k]
      t += B[k, j] * A[i, k]
    C[i, j] = beta * C[i, j] + alpha * B[i, j] * A[i, i] + alpha * t
"""
    (line,) = split(text, *SMALL, C="N, M", A="N, N", B="N, M", alpha="", beta="", t="", local="t")
    assert line.count("add[") == 2
    assert line.endswith("for k < N, j < M")


def test_trmm_reads_everything_before_it_writes() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    for k in range(i + 1, N):
      B[i, j] += A[k, i] * B[k, j]
    B[i, j] = alpha * B[i, j]
"""
    assert split(text, *SMALL, A="N, N", B="N, M", alpha="") == [
        "B[i, j] = alpha * (B[i][j] + add[k < N if -i + k - 1 >= 0](A[k][i] * B[k][j]))  for i < N, j < M",
    ]


def test_covariance_keeps_its_triangle_and_mirrors_it() -> None:
    text = """
for i in range(0, N):
  for j in range(i, N):
    cov[i, j] = 0
    for k in range(0, M):
      cov[i, j] += data[k, i] * data[k, j]
    cov[i, j] = cov[i, j] / f
    cov[j, i] = cov[i, j]
"""
    assert split(text, *SMALL, cov="N, N", data="M, N", f="") == [
        "cov[i, j] = add[k < M](data[k][i] * data[k][j]) / f  for i < N, j < N  where -i + j >= 0",
        "cov[j, i] = cov[i][j]  for j < N, i < N  where -i + j >= 0",
    ]


def test_a_time_loop_stays_and_says_why() -> None:
    text = """
for t in range(0, T):
  for i in range(1, N - 1):
    B[i] = A[i - 1] + A[i] + A[i + 1]
  for i in range(1, N - 1):
    A[i] = B[i - 1] + B[i] + B[i + 1]
"""
    assert split(text, {"N": 6, "T": 3}, {"N": 1, "T": 2}, {"N": 2, "T": 1}, A="N", B="N") == [
        "loop t in [0, T): flow of `A` from line 5 to line 3, carried by `t`",
        "  B[i + 1] = A[i] + A[i + 1] + A[i + 2]  for i < N - 2",
        "  A[i + 1] = B[i] + B[i + 1] + B[i + 2]  for i < N - 2",
    ]


def test_lu_keeps_two_loops() -> None:
    text = """
for i in range(0, N):
  for j in range(0, i):
    for k in range(0, j):
      A[i, j] -= A[i, k] * A[k, j]
    A[i, j] = A[i, j] / A[j, j]
  for j in range(i, N):
    for k in range(0, i):
      A[i, j] -= A[i, k] * A[k, j]
"""
    assert split(text, {"N": 6}, {"N": 1}, A="N, N") == [
        "loop i in [0, N): flow of `A` from line 8 to line 4, carried by `i`",
        "  loop j in [0, i): flow of `A` from line 5 to line 4, carried by `j`",
        "    A[i, j] = (A[i][j] - add[k < N if j - k - 1 >= 0](A[i][k] * A[k][j])) / A[j][j]",
        "  A[i, j] = A[i][j] - add[k < N if i - k - 1 >= 0](A[i][k] * A[k][j])  for j < N  where -i + j >= 0",
    ]


def test_gramschmidt_keeps_one_loop_and_no_expansion() -> None:
    text = """
for k in range(0, N):
  nrm = 0
  for i in range(0, M):
    nrm += A[i, k] * A[i, k]
  R[k, k] = sqrt(nrm)
  for i in range(0, M):
    Q[i, k] = A[i, k] / R[k, k]
  for j in range(k + 1, N):
    R[k, j] = 0
    for i in range(0, M):
      R[k, j] += Q[i, k] * A[i, j]
    for i in range(0, M):
      A[i, j] = A[i, j] - Q[i, k] * R[k, j]
"""
    assert split(text, *SMALL, A="M, N", R="N, N", Q="M, N", nrm="", local="nrm") == [
        "loop k in [0, N): flow of `A` from line 13 to line 4, carried by `k`",
        "  R[k, k] = sqrt(add[i < M](A[i][k] * A[i][k]))",
        "  Q[i, k] = A[i][k] / R[k][k]  for i < M",
        "  R[k, j] = add[i < M](Q[i][k] * A[i][j])  for j < N  where j - k - 1 >= 0",
        "  A[i, j] = A[i][j] - Q[i][k] * R[k][j]  for i < M, j < N  where j - k - 1 >= 0",
    ]


def test_a_polynomial_product_is_gathered() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    c[i + j] += a[i] * b[j]
"""
    (line,) = split(text, *SMALL, c="N + M - 1", a="N", b="M")
    assert line.startswith("c[e0] = c[e0] + add[j < M if ")


def test_a_sum_over_groups_is_gathered() -> None:
    text = """
for i in range(0, N):
  c[i // 4] += a[i]
"""
    (line,) = split(text, {"N": 11}, {"N": 1}, c="N", a="N")
    assert "e1 < 4" in line and "a[4*e0 + e1]" in line


def test_the_last_writer_wins() -> None:
    text = """
for i in range(0, N):
  s = a[i]
  for j in range(0, M):
    b[j] = a[i] + c[j]
"""
    assert split(text, *SMALL, s="", a="N", b="M", c="M") == [
        "s[] = a[N - 1]",
        "b[j] = a[N - 1] + c[j]  for j < M",
    ]


def test_interchange_saves_a_sequential_loop() -> None:
    text = """
for i in range(1, N):
  for j in range(1, M):
    A[i, j] = A[i, j - 1] + A[i - 1, j - 1]
"""
    lines = split(text, *SMALL, A="N, M")
    assert lines[0] == "loop j in [1, M): flow of `A` within line 3, carried by `j`"
    assert len(lines) == 2


def test_interchange_is_refused_where_it_would_break_an_anti_dependence() -> None:
    text = """
for i in range(0, N):
  for j in range(1, M):
    A[i, j] = A[i, j - 1] + A[i + 1, j + 1]
"""
    assert loop_count(check_regions(program(text, A="N + 1, M + 1"), *SMALL).body) == 1
    text = text.replace("A[i + 1, j + 1]", "A[i + 1, j - 1]")
    assert loop_count(check_regions(program(text, A="N + 1, M + 1"), *SMALL).body) == 2


def test_a_partial_sum_that_is_read_keeps_its_loop() -> None:
    text = """
for i in range(0, N):
  for j in range(1, M):
    t[j] += t[j - 1] * a[i]
"""
    assert loop_count(check_regions(program(text, t="M", a="N"), *SMALL).body) == 2
    text = """
for i in range(0, N):
  s += a[i]
  b[i] = s
"""
    assert split(text, *SMALL, s="", a="N", b="N")[0].startswith("loop i in [0, N): partial results of `s`")


def test_two_accumulations_of_one_loop_merge() -> None:
    text = """
for k in range(0, K):
  for i in range(0, N):
    c[i] += a[i, k]
    c[i] -= b[k, i]
"""
    (line,) = split(text, *SMALL, c="N", a="N, K", b="K, N")
    assert line == "c[i] = c[i] + add[k < K](a[i][k]) - add[k < K](b[k][i])  for i < N"


def test_axes_run_forwards() -> None:
    text = """
for i in range(0, N):
  for k in range(0, M):
    c[N - 1 - i] += a[N - 1 - i, M - 1 - k]
"""
    assert split(text, *SMALL, c="N", a="N, M") == ["c[i] = c[i] + add[k < M](a[i][k])  for i < N"]


def test_tiles_go_away() -> None:
    text = """
for ti in range(0, N):
  for i in range(8*ti, 8*ti + 8):
    b[i] = a[i]
"""
    assert split(text, {"N": 3}, a="8*N", b="8*N") == ["b[i] = a[i]  for i < 8*N"]


def test_a_diagonal_guard_becomes_a_subscript() -> None:
    text = """
for i in range(0, N):
  for j in range(0, N):
    if i == j:
      A[i, j] = 1
    else:
      A[i, j] = 0
"""
    lines = split(text, {"N": 4}, A="N, N")
    assert "A[i, i] = 1.0  for i < N" in lines


def test_a_window_that_moves_with_a_sequential_loop_keeps_its_width() -> None:
    text = """
for t in range(1, N):
  for d in range(t, t + 3):
    a[d] = a[d - 1] + b[t]
"""
    lines = split(text, {"N": 5}, {"N": 1}, a="N + 3", b="N")
    assert not any("where" in line for line in lines)


def test_the_returned_value_and_scalars_by_value() -> None:
    text = """
for i in range(0, N):
  s = s + a[i]
"""
    made = program(text, s="", a="N", by_value="s", returns="s * 2")
    regions = check_regions(made, {"N": 4})
    assert regions.returned == "returned"
    assert regions.results == ()
    assert render(regions) == ["returned[] = (s + add[i < N](a[i])) * 2.0"]


def test_an_empty_program_has_no_steps() -> None:
    assert check_regions(program("pass", a="N"), {"N": 2}).body == ()


def test_integers_wrap_the_same() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    s[i] = s[i] & a[i, j]
    t[i] = t[i] ^ a[i, j]
"""
    made = program(text, s="N", t="N", a="N, M", dtype=DType.I32)
    assert loop_count(check_regions(made, *SMALL).body) == 0


def test_names_may_be_anything() -> None:
    text = """
for max in range(0, N):
  for mod in range(0, max):
    floor[max] += exists[max, mod]
"""
    assert split(text, {"N": 4}, floor="N", exists="N, N") == [
        "floor[max] = floor[max] + add[mod < N if max - mod - 1 >= 0](exists[max][mod])  for max < N"
    ]


def test_the_source_is_kept_and_all_arrays_are_declared() -> None:
    text = """
for i in range(0, N):
  t = a[i]
  b[i] = t * exp(t)
  c[i] = t + exp(t)
"""
    made = program(text, a="N", b="N", c="N", t="", local="t")
    regions = check_regions(made, {"N": 3})
    assert regions.source is made
    names = {array.name for array in regions.arrays}
    assert {array.name for array in made.arrays if array.role is Role.PARAMETER} <= names
    assert all(isinstance(step, Region) and step.array in names for step in regions.body)
    verify_program(made)


def test_what_isl_gives_up_on_runs_in_source_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(_: Program, ordered: bool = False) -> Planned:
        raise DomainError("too many operations")

    monkeypatch.setattr(splitting, "plan", gives_up)
    text = """
for i in range(0, N):
  for j in range(0, i):
    if j % 2 == 0:
      A[i, j] = A[j, i] + 1
  b[i] = A[i, 0]
"""
    made = check_regions(program(text, A="N, N", b="N"), {"N": 5}, {"N": 1})
    assert loop_count(made.body) == 2
    assert "too complex" in render(made)[0]
