"""Storage for each iteration, where its reuse alone keeps a loop."""

from __future__ import annotations

from affine_notation import check_regions, loop_count, program, render

SIZES = ({"N": 4, "M": 3, "K": 5}, {"N": 1, "M": 2, "K": 1}, {"N": 2, "M": 1, "K": 3})


def test_a_scalar_that_two_statements_share() -> None:
    text = """
for i in range(0, N):
  t = exp(a[i]) + 1
  b[i] = t
  c[i] = t * t
"""
    made = check_regions(program(text, a="N", b="N", c="N", t="", local="t"), *SIZES)
    assert render(made) == [
        "b[i] = exponential(a[i]) + 1.0  for i < N",
        "c[i] = b[i] * b[i]  for i < N",
    ]


def test_a_parameter_keeps_what_its_last_iteration_left() -> None:
    text = """
for r in range(0, N):
  for q in range(0, M):
    for p in range(0, K):
      t[p] = 0
      for s in range(0, K):
        t[p] += A[r, q, s] * C[s, p]
    for p in range(0, K):
      A[r, q, p] = t[p]
"""
    made = check_regions(program(text, A="N, M, K", C="K, K", t="K"), *SIZES)
    lines = render(made)
    assert lines[0] == "A[r, q, p] = add[s < K](A[r][q][s] * C[s][p])  for r < N, q < M, p < K"
    assert lines[1].startswith("t[") and "A[N - 1][M - 1]" in lines[1]
    assert len(lines) == 2


def test_what_is_written_only_in_part_is_copied_out_in_part() -> None:
    text = """
for i in range(0, N):
  for j in range(i, M):
    t[j] = a[i, j]
  for j in range(i, M):
    b[i, j] = t[j] + exp(t[j])
"""
    made = check_regions(program(text, t="M", a="N, M", b="N, M"), *SIZES, {"N": 6, "M": 3})
    assert loop_count(made.body) == 0


def test_a_value_from_the_iteration_before_is_no_reuse() -> None:
    text = """
for i in range(0, N):
  b[i] = t
  t = exp(a[i])
"""
    made = check_regions(program(text, a="N", b="N", t=""), *SIZES)
    assert loop_count(made.body) == 1


def test_a_temporary_of_an_innermost_loop_is_not_stored() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    for k in range(0, K):
      t = A[i, k] * B[k, j]
      C[i, j] += t
      D[i, j] += t * t
"""
    shapes = {"A": "N, K", "B": "K, M", "C": "N, M", "D": "N, M", "t": ""}
    made = check_regions(program(text, local="t", **shapes), *SIZES)
    assert loop_count(made.body) == 0
    assert all(array.name in shapes for array in made.arrays)


def test_no_expanded_array_is_larger_than_four_times_the_largest() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    for k in range(0, K):
      t[k] = exp(A[i, k]) + B[k, j]
    for k in range(1, K):
      C[i, j] += t[k] * t[k - 1]
      D[i, j] += t[k] / t[K - k]
    for k in range(1, K):
      E[i, j] += exp(t[K - k])
"""
    shapes = {"A": "N, K", "B": "K, M", "C": "N, M", "D": "N, M", "E": "N, M", "t": "K"}
    made = check_regions(program(text, local="t", **shapes), *SIZES)
    assert all(len(array.shape) <= 2 for array in made.arrays)


def test_gains_nothing_means_no_expansion() -> None:
    text = """
for t in range(1, N):
  s = 0
  for i in range(0, M):
    s += A[i, t - 1]
  for i in range(0, M):
    A[i, t] = s / B[i]
"""
    made = check_regions(program(text, A="M, N", B="M", s="", local="s"), *SIZES)
    assert {array.name for array in made.arrays} == {"A", "B", "s"}


def test_expansion_inside_a_time_loop() -> None:
    text = """
for t in range(0, K):
  for i in range(1, N):
    w = a[i - 1] + b[i]
    x[i] = exp(w)
    y[i] = w * w
  for i in range(1, N):
    a[i] = x[i] + y[i]
"""
    made = check_regions(program(text, a="N", b="N", x="N", y="N", w="", local="w"), *SIZES)
    assert loop_count(made.body) == 1
