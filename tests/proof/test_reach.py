"""Sizes at which a program does all that it can."""

from __future__ import annotations

import pytest

from exalift.affine import abstract_sizes
from exalift.frontend.c import parse_c
from exalift.proof.reach import iterations, reach
from exalift.proof.sizes import SizeSpace, sizes_for_tests, small_sizes

PROGRAMS = {
    "for (int i = 0; i < n; i++) a[i] = 100;": 0,
    "for (int i = 5; i < n; i++) a[i] = 2 * a[i - 5];": 5,
    "for (int i = 0; i < n; i++) if (i > 7) a[i] = 0;": 8,
    "for (int i = 0; i < n - 9; i++) a[i] = a[i + 9];": 9,
    "for (int i = 0; i < n; i++) a[i] = a[i / 6];": 12,
    "double s = 0; for (int k = 0; k < 40; k++) if (k > 30) s += k; a[0] = s;": 0,
}


def _program(body: str):
    (program,) = parse_c(f"void f(int n, double a[n]) {{ {body} }}", "f.c")
    return program


@pytest.mark.parametrize("body", PROGRAMS)
def test_the_distance_between_places_that_depend_on_sizes(body: str) -> None:
    assert reach(_program(body)) == PROGRAMS[body]


@pytest.mark.parametrize("start", [3, 5, 12, 30])
def test_tests_run_every_loop(start: int) -> None:
    space = SizeSpace.of(_program(f"for (int i = {start}; i < n; i++) a[i] = 2 * a[i - {start}];"))
    assert any(sizes["n"] > start + 1 for sizes in sizes_for_tests(space))


def test_tests_run_at_the_sizes_that_the_source_fixes() -> None:
    """Made symbolic, an extent of 23 is tried small, and as it is."""
    (program,) = parse_c("void f(double a[23]) { for (int i = 0; i < 23; i++) a[i] = 1; }", "f.c")
    symbolic = abstract_sizes(program, {})
    assert any(23 in sizes.values() for sizes in sizes_for_tests(SizeSpace.of(symbolic)))


def test_what_holds_at_every_third_place_meets_two_of_them() -> None:
    body = "for (int i = 0; i < n; i++) if (i % 3 == 2) a[i] = 0;"
    space = SizeSpace.of(_program(body))
    assert any(sizes["n"] > 5 for sizes in sizes_for_tests(space))
    assert any(sizes["n"] > 5 for sizes in small_sizes(space, 3).tuples)


def test_small_sizes_run_every_loop_or_say_that_they_do_not() -> None:
    near = small_sizes(SizeSpace.of(_program("for (int i = 5; i < n; i++) a[i] = 2 * a[i - 5];")), 3)
    assert near.reaching and max(sizes["n"] for sizes in near.tuples) >= 7
    far = small_sizes(SizeSpace.of(_program("for (int i = 90; i < n; i++) a[i] = 2 * a[i - 90];")), 3)
    assert not far.reaching


TILED = """
void tiled(int n, int m, int k, double *s) {
  for (int a = 0; a < n; a++) for (int b = 0; b < m; b++) for (int c = 0; c < k; c++)
    for (int i = 16 * a; i < 16 * a + 16; i++) for (int j = 16 * b; j < 16 * b + 16; j++)
      for (int l = 16 * c; l < 16 * c + 16; l++) s[0] += 1;
}
"""


def test_sizes_stay_small_where_every_round_is_long() -> None:
    """One tile is 4096 assignments, and the smallest run comes first."""
    (program,) = parse_c(TILED, "f.c")
    found = sizes_for_tests(SizeSpace.of(program))
    runs = [iterations(program, sizes) for sizes in found]
    assert runs == sorted(runs) and runs[0] == 16**3 and runs[-1] <= 8 * 16**3
    assert any(len(set(sizes.values())) == 3 for sizes in found)


def test_rounds_of_a_triangle_are_counted_in_the_middle() -> None:
    program = _program("for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) a[i] += 1;")
    assert iterations(program, {"n": 11}) == 55
    assert iterations(program, {"n": 1}) == 0
