"""Conditions as isl sets, checked point by point."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import (
    ALWAYS,
    NEVER,
    Affine,
    Constraint,
    Guard,
    is_implied,
    simplify_guard,
)
from exalift.affine.domains import (
    DomainError,
    bounds,
    condition,
    condition_of_points,
    decode,
    encode,
    exists,
    only_value,
    to_guard,
    tuple_set,
)

i, j, n, m = (Affine.symbol(name) for name in "ijnm")


def at_least(*rows: Affine) -> Guard:
    return Guard.of(*(Constraint(row) for row in rows))


TRIANGLE = at_least(i, n - 1 - i, j, i - 1 - j)


@pytest.mark.parametrize("name", ["i", "max", "mod", "%arg0", "a.b", "été", "x_1", "floor"])
def test_any_name_is_encoded_and_decoded(name: str) -> None:
    assert encode(name).isidentifier()
    assert decode(encode(name)) == name


def affines() -> st.SearchStrategy[Affine]:
    linear = st.builds(lambda a, b, c: i * a + j * b + c, *[st.integers(-3, 3)] * 3)
    divided = st.builds(lambda e, d: e // d, linear, st.integers(2, 4))
    return st.builds(lambda a, b, c: a + b * c, linear, divided, st.integers(-1, 1))


def guards() -> st.SearchStrategy[Guard]:
    row = st.builds(Constraint, affines(), st.sampled_from([False, False, False, True]))
    conjunction = st.lists(row, min_size=1, max_size=3).map(tuple)
    return st.lists(conjunction, min_size=1, max_size=2).map(lambda d: Guard(tuple(d)))


POINTS = [{"i": a, "j": b} for a, b in product(range(-6, 7), repeat=2)]


@settings(max_examples=60, deadline=None)
@given(guards())
def test_a_guard_survives_the_way_to_isl_and_back(guard: Guard) -> None:
    again = to_guard(condition(guard))
    assert all(guard.at(point) == again.at(point) for point in POINTS)


@pytest.mark.parametrize("denominator", [2, 3, 5])
def test_which_remainder_it_is_survives(denominator: int) -> None:
    for remainder in range(denominator):
        guard = Guard.of(Constraint(i - (i // denominator) * denominator - remainder, equality=True))
        again = to_guard(condition(guard))
        assert all(guard.at(point) == again.at(point) for point in POINTS)


@settings(max_examples=60, deadline=None)
@given(guards(), guards())
def test_a_simplified_guard_agrees_in_its_context(guard: Guard, context: Guard) -> None:
    small = simplify_guard(guard, context)
    for point in POINTS:
        if context.at(point):
            assert small.at(point) == guard.at(point)


def test_what_the_context_implies_goes_away() -> None:
    assert simplify_guard(TRIANGLE, at_least(i, n - 1 - i, j, n - 1 - j)) == at_least(i - j - 1)
    assert simplify_guard(TRIANGLE, TRIANGLE) == ALWAYS
    assert simplify_guard(NEVER, TRIANGLE) == NEVER


def test_is_implied() -> None:
    assert is_implied(Constraint(n - 2 - j), TRIANGLE)
    assert not is_implied(Constraint(n - 3 - j), TRIANGLE)
    assert is_implied(Constraint(i // 2 * 2 - i + 1), ALWAYS)


def test_bounds_in_terms_of_what_is_given() -> None:
    triangle = condition(TRIANGLE)
    inner = bounds(triangle, "j", ["n", "i"])
    assert (inner.lower, inner.upper) == (Affine.of(0), i)
    outer = bounds(triangle, "j", ["n"])
    assert (outer.lower, outer.upper) == (Affine.of(0), n - 1)


def test_a_piecewise_bound_becomes_a_valid_affine_one() -> None:
    smaller = condition(at_least(i, n - 1 - i, m - 1 - i, n - 1, m - 1))
    assert bounds(smaller, "i", ["n", "m"]).upper in (n, m)
    either = condition((at_least(i, n - 1 - i) | at_least(i, m - 1 - i)) & at_least(n - 1, m - 1))
    upper = bounds(either, "i", ["n", "m"]).upper
    for a, b in product(range(1, 5), repeat=2):
        assert upper.at({"n": a, "m": b}) >= max(a, b)


def test_strided_bounds_are_tight() -> None:
    even = condition(at_least(i, n - 1 - i) & Guard.of(Constraint(i % 2, True)))
    upper = bounds(even, "i", ["n"]).upper
    assert [upper.at({"n": size}) for size in range(1, 6)] == [1, 1, 3, 3, 5]


def test_an_unbounded_name_has_no_bounds() -> None:
    with pytest.raises(DomainError):
        bounds(condition(at_least(i)), "i", ["n"])


def test_tuples_and_conditions_are_inverse() -> None:
    points = tuple_set(condition(TRIANGLE), "S", ["i", "j"])
    assert condition_of_points(points, ["i", "j"]).is_equal(condition(TRIANGLE))


def test_exists_projects() -> None:
    assert to_guard(exists(condition(TRIANGLE), ["j", "absent"])) == at_least(n - i - 1, i - 1)


def test_only_value() -> None:
    tile = condition(at_least(i - j * 8, j * 8 + 7 - i))
    assert only_value(tile, "j") == i // 8
    assert only_value(condition(TRIANGLE), "j") is None
