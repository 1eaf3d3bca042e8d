"""Extents that cover what is touched, and the sizes for which accesses are in bounds."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    If,
    Load,
    Loop,
    Program,
    Size,
    Statement,
)
from exalift.affine.extents import OutOfBounds, covering_extent, find_touched, in_bounds
from exalift.base import DType, Span

F64, I1 = DType.F64, DType.I1
N, M, ROW, COL = (Affine.symbol(name) for name in "nmij")
ZERO, ONE = Affine.of(0), Constant(1, F64)


def program(*body: Statement, extent: Affine = Affine.symbol("unknown")) -> Program:  # noqa: B008
    arrays = (Array("x", F64, (extent,)), Array("s", F64, ()))
    return Program("f", ("n", "m", "x", "s"), (Size("n"), Size("m")), arrays, body)


def put(index: Affine, value: Expression = ONE) -> Assign:
    return Assign("x", (index,), value, Span("k.c", 4, 2, 4, 3))


def loop(iv: str, lower: Affine, upper: Affine, *body: Statement) -> Loop:
    return Loop(iv, (lower,), (upper,), body)


def over(upper: Affine, index: Affine) -> Loop:
    return loop("i", ZERO, upper, put(index))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ((over(N, ROW),), N),
        ((over(N, ROW + 3),), N + 3),
        ((over(N, N - ROW - 1),), N),
        ((loop("i", ZERO + 1, N - 1, put(ROW - 1)), loop("i", ZERO + 1, N - 1, put(ROW + 1))), N),
        ((loop("i", ZERO, N, loop("j", ZERO, M, put(ROW + COL))),), N + M - 1),
        ((loop("i", ZERO, N, loop("j", ROW, N, put(COL - ROW))),), N),
        ((loop("i", ZERO, (N + 2) // 3, put(ROW * 3)),), N),
        ((over(N, ROW // 2),), (N + 1) // 2),
        ((over(N, ROW % 5),), Affine.of(5)),
        ((over(N, ROW), over(N + 2, ROW)), N + 2),
        ((over(N, ROW), over(Affine.of(1), ROW)), N),
        ((over(N, ROW), over(M, ROW)), None),
        ((over(N, ROW), over(Affine.of(7), ROW)), None),
        ((over(N, ROW * 2), over(M, ROW)), None),
        ((If(Guard.of(Constraint(N - M)), (over(N, ROW), over(M, ROW))),), N),
        ((loop("i", ZERO, N, If(Guard.of(Constraint(ROW - 2)), (put(ROW - 2),))),), N - 2),
        ((), Affine.of(0)),
    ],
)
def test_covering_extents(body: tuple[Statement, ...], expected: Affine | None) -> None:
    assert covering_extent(program(*body), "x", 0) == expected


BOUND = st.sampled_from([N, M, N - 1, N * 2, Affine.of(6), (N + 1) // 2, N + M])
INDEX = st.builds(
    lambda a, b, c: ROW * a + N * b + c, st.integers(1, 3), st.integers(0, 1), st.integers(0, 3)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(BOUND, INDEX), min_size=1, max_size=3))
def test_extents_cover_every_subscript(accesses: list[tuple[Affine, Affine]]) -> None:
    body = tuple(over(bound, index) for bound, index in accesses)
    extent = covering_extent(program(*body), "x", 0)
    if extent is None:
        return
    for n, m in product(range(1, 9), repeat=2):
        sizes = {"n": n, "m": m}
        reached = [index.at(sizes | {"i": i}) for bound, index in accesses for i in range(bound.at(sizes))]
        assert max(reached, default=-1) < max(extent.at(sizes), 0)


def selected(condition: Expression) -> Assign:
    """`s = condition ? x[i - 1] : 0`"""
    taken = Load("x", (ROW - 1,), F64)
    return Assign("s", (), Apply("select", (condition, taken, Constant(0, F64)), F64))


POSITIVE = GuardValue(Guard.of(Constraint(ROW - 1)))
DATA = Apply("compare_lt", (Load("s", (), F64), ONE), I1)
BOTH = Apply("and", (DATA, POSITIVE), I1)
NESTED = Apply("select", (POSITIVE, DATA, Constant(False, I1)), I1)


@pytest.mark.parametrize("condition", [POSITIVE, BOTH, NESTED])
def test_a_select_protects_what_it_does_not_take(condition: Expression) -> None:
    assert in_bounds(program(loop("i", ZERO, N, selected(condition)), extent=N)) == Guard.of()


def test_a_select_on_data_does_not_protect() -> None:
    found = in_bounds(program(loop("i", ZERO, N, selected(DATA)), extent=N))
    assert isinstance(found, OutOfBounds)
    assert found.touched.indices == (ROW - 1,)


@pytest.mark.parametrize(
    ("body", "extent", "expected"),
    [
        ((over(N, ROW),), N, Guard.of()),
        ((over(N, ROW),), Affine.of(10), Guard.of(Constraint(10 - N))),
        ((over(N, ROW),), M, Guard.of(Constraint(M - N))),
        ((over(N, ROW), over(M, ROW)), Affine.of(10), Guard.of(Constraint(10 - M), Constraint(10 - N))),
        ((loop("i", Affine.of(3), N, put(ROW - 3)),), Affine.of(9), Guard.of(Constraint(12 - N))),
        ((), N - 3, Guard.of(Constraint(N - 3))),
    ],
)
def test_bounds_become_conditions_on_sizes(
    body: tuple[Statement, ...], extent: Affine, expected: Guard
) -> None:
    assert in_bounds(program(*body, extent=extent)) == expected


@pytest.mark.parametrize(
    ("body", "extent"),
    [((over(N, ROW + N),), N), ((put(Affine.of(-1)),), N), ((over(N, N - ROW),), N), ((put(N),), N)],
)
def test_what_never_is_in_bounds_is_told(body: tuple[Statement, ...], extent: Affine) -> None:
    found = in_bounds(program(*body, extent=extent))
    assert isinstance(found, OutOfBounds)
    assert (found.touched.array, found.dimension, found.touched.span.line) == ("x", 0, 4)


def test_touched_has_every_access_once() -> None:
    twice = Apply("add", (Load("x", (ROW,), F64), Load("x", (ROW,), F64)), F64)
    found = find_touched(program(loop("i", ZERO, N, put(ROW, twice), put(ROW + 1, twice))))
    assert [touched.indices for touched in found] == [(ROW,), (ROW + 1,)]
