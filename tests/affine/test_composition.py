"""Merging of regions, absorption of single cases, and cuts of loops."""

from __future__ import annotations

import pytest
from affine_notation import check_regions, loop_count, program, render

SIZES = ({"N": 5, "M": 4, "K": 3}, {"N": 2, "M": 2, "K": 2}, {"N": 3, "M": 6, "K": 2})


def split(text: str, local: str = "", **shapes: str) -> list[str]:
    return render(check_regions(program(text, local=local, **shapes), *SIZES))


def test_a_sum_moves_to_its_only_reader() -> None:
    text = """
for i in range(0, N):
  t[i] = 0
  for j in range(0, M):
    t[i] += A[i, j] * x[j]
for i in range(0, N):
  y[i] = y[i] + 2 * t[i]
"""
    assert split(text, "t", t="N", A="N, M", x="M", y="N") == [
        "y[i] = y[i] + 2.0 * add[j < M](A[i][j] * x[j])  for i < N"
    ]


def test_a_sum_with_two_readers_stays() -> None:
    text = """
for i in range(0, N):
  t[i] = 0
  for j in range(0, M):
    t[i] += A[i, j]
for i in range(0, N):
  y[i] = t[i]
  z[i] = t[i] * t[i]
"""
    lines = split(text, "t", t="N", A="N, M", y="N", z="N")
    assert lines == ["y[i] = add[j < M](A[i][j])  for i < N", "z[i] = y[i] * y[i]  for i < N"]


def test_no_sum_moves_into_another_sum() -> None:
    text = """
for i in range(0, N):
  for k in range(0, K):
    t[i, k] = 0
    for j in range(0, M):
      t[i, k] += A[i, j] * B[j, k]
for i in range(0, N):
  for k in range(0, K):
    y[i] += t[i, k]
"""
    assert len(split(text, "t", t="N, K", A="N, M", B="M, K", y="N")) == 2


def test_a_cheap_value_is_not_computed_again_for_every_point() -> None:
    text = """
for i in range(0, N):
  t[i] = exp(a[i])
for i in range(0, N):
  for j in range(0, M):
    b[i, j] = t[i] * c[j]
"""
    assert len(split(text, "t", t="N", a="N", b="N, M", c="M")) == 2


def test_nothing_moves_past_a_write_to_what_it_reads() -> None:
    text = """
for i in range(0, N):
  t[i] = exp(a[i])
for i in range(0, N):
  a[i] = 0
for i in range(0, N):
  b[i] = t[i]
"""
    assert len(split(text, "t", t="N", a="N", b="N")) == 3


def test_a_shifted_reader_that_sees_more_than_was_written() -> None:
    text = """
for i in range(0, N):
  t[i] = a[i]
for i in range(0, N):
  b[i] = t[i + 1] + t[i]
"""
    assert len(split(text, "", t="N + 1", a="N", b="N")) == 2


def test_what_is_overwritten_before_it_is_read_goes_away() -> None:
    text = """
for i in range(0, N):
  a[i] = exp(b[i])
for i in range(0, N):
  a[i] = b[i]
for i in range(0, N):
  t[i] = b[i] * 3
"""
    assert split(text, "t", a="N", b="N", t="N") == ["a[i] = b[i]  for i < N"]


def test_what_the_next_iteration_reads_stays() -> None:
    text = """
for t in range(1, K):
  b[t] = a[t - 1]
  a[t] = exp(b[t]) + c[t]
  w[t] = exp(c[t]) * b[t]
for t in range(1, K):
  c[t] = w[t - 1]
"""
    check_regions(program(text, local="b w", a="K", b="K", c="K", w="K"), *SIZES)


def test_a_running_pair_of_scalars() -> None:
    text = """
x = 0
y = 1
for k in range(0, N):
  f[k] = y
  z = x + y
  x = y
  y = z
"""
    made = check_regions(program(text, local="x y z", x="", y="", z="", f="N"), *SIZES)
    assert loop_count(made.body) == 1


def test_names_bound_by_reductions_do_not_clash() -> None:
    text = """
for i in range(0, N):
  for k in range(0, M):
    s[i] += A[i, k]
for k in range(0, N):
  t[k] = 0
  for i in range(0, M):
    t[k] += A[k, i]
for k in range(0, N):
  s[k] = s[k] + t[k]
"""
    (line,) = split(text, "t", s="N", t="N", A="N, M")
    assert line.count("add[") == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("m = a[0]\nfor i in range(1, N):\n  m = max(m, a[i])", "m[] = maximum[i < N](a[i])"),
        ("m = a[0]\nfor i in range(1, N):\n  m = m + a[i]", "m[] = add[i < N](a[i])"),
        ("m = a[N - 1]\nfor i in range(0, N - 1):\n  m = min(a[i], m)", "m[] = minimum[i < N](a[i])"),
        ("m = a[0]\nfor i in range(0, N):\n  m = max(m, a[i])", "m[] = maximum[i < N](a[i])"),
        ("m = a[0]\nfor i in range(0, N):\n  m = m + a[i]", "m[] = a[0] + add[i < N](a[i])"),
        ("m = b\nfor i in range(0, N):\n  m = max(m, a[i])", "m[] = maximum(b, maximum[i < N](a[i]))"),
    ],
)
def test_a_first_or_last_term_is_absorbed(text: str, line: str) -> None:
    assert split(text, "", m="", a="N", b="") == [line]


def test_a_region_absorbs_what_goes_on_where_it_stops() -> None:
    text = """
for i in range(0, N - 1):
  c[i, i] = 1
  for j in range(i + 1, N):
    c[i, j] = a[i] * a[j]
    c[j, i] = c[i, j]
c[N - 1, N - 1] = 1
"""
    lines = split(text, "", c="N, N", a="N")
    assert lines[0] == "c[i, i] = 1.0  for i < N"
    assert len(lines) == 3


def test_what_is_read_in_between_is_not_absorbed() -> None:
    text = """
for i in range(0, N - 1):
  c[i] = 1
b = c[N - 1]
c[N - 1] = 1
"""
    assert len(split(text, "", c="N", b="")) == 3


def test_floyd_warshall_is_cut_at_its_pivot() -> None:
    text = """
for k in range(0, N):
  for i in range(0, N):
    for j in range(0, N):
      d[i, j] = min(d[i, j], d[i, k] + d[k, j])
"""
    lines = split(text, "", d="N, N")
    assert lines[0] == "loop k in [0, N): flow of `d` within line 4, carried by `k`"
    (line,) = lines[1:]
    assert line.startswith("  d[i, j] = minimum(d[i][j], ")
    assert line.endswith("for i < N, j < N")


def test_the_cases_of_a_condition_become_one_region() -> None:
    text = """
for i in range(0, N):
  for j in range(0, M):
    if i < j:
      c[i, j] = a[i] * 2
    else:
      c[i, j] = exp(b[j])
"""
    assert split(text, "", c="N, M", a="N", b="M") == [
        "c[i, j] = holds(-i + j - 1 >= 0) ? a[i] * 2.0 : exponential(b[j])  for i < N, j < M"
    ]


def test_a_mirror_image_is_no_case() -> None:
    text = """
for i in range(0, N):
  for j in range(i, N):
    c[i, j] = a[i] * b[j]
    c[j, i] = c[i, j]
"""
    assert len(split(text, "", c="N, N", a="N", b="N")) == 2


def test_cases_that_overlap_stay_apart() -> None:
    text = """
for i in range(0, N):
  for j in range(0, N):
    if i <= j:
      c[i, j] = a[i]
for i in range(0, N):
  for j in range(0, N):
    if i >= j:
      c[i, j] = b[j]
"""
    assert len(split(text, "", c="N, N", a="N", b="N")) == 2


def test_a_cut_in_the_middle() -> None:
    text = """
for i in range(0, N):
  a[i] = a[i] + a[N - 1 - i]
"""
    lines = split(text, "", a="N")
    assert not any("loop" in line for line in lines)


def test_a_recurrence_is_not_cut() -> None:
    text = """
for i in range(1, N):
  a[i] = a[i] + a[i - 1]
"""
    assert split(text, "", a="N")[0] == "loop i in [1, N): flow of `a` within line 2, carried by `i`"
