from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import ALWAYS, Affine, Constraint, Guard
from exalift.affine.algebra import PrimeField
from exalift.base import DType, UsageError
from exalift.dialects import TensorType
from exalift.synthesis.environment import Environment, choose_sizes

N, M, OUTER, INNER = (Affine.symbol(name) for name in ("N", "M", "i", "j"))


def at_least(left: Affine, right: Affine | int) -> Constraint:
    return Constraint(left - right)


def test_sizes_are_distinct_and_not_next_to_each_other() -> None:
    sizes = choose_sizes(["N", "M", "K"])
    values = sorted(sizes.values())
    assert values[0] >= 3
    assert all(b - a >= 2 for a, b in pairwise(values))


def test_many_sizes_stay_small() -> None:
    sizes = choose_sizes([f"n{number}" for number in range(7)])
    assert len(set(sizes.values())) == 7
    assert max(sizes.values()) <= 12


def test_an_induction_variable_is_neither_first_nor_last() -> None:
    inside = Guard.of(at_least(OUTER, 0), at_least(N, OUTER + 1))
    sizes = choose_sizes(["N", "M"], ["i"], inside)
    assert 2 <= sizes["i"] <= sizes["N"] - 2
    assert len(set(sizes.values())) == 3


def test_triangular_nests() -> None:
    inside = Guard.of(at_least(OUTER, 0), at_least(INNER, OUTER + 1), at_least(N, INNER + 1))
    sizes = choose_sizes(["N"], ["i", "j"], inside)
    assert sizes["i"] < sizes["j"] < sizes["N"]


def test_forced_coincidences_are_accepted() -> None:
    sizes = choose_sizes(["N", "M"], [], Guard.of(Constraint(N - M, equality=True)))
    assert sizes["N"] == sizes["M"]


def test_minimum_by_name() -> None:
    sizes = choose_sizes(["N", "M"], [], ALWAYS, {"N": 6, "M": 4})
    assert sizes["N"] >= 6 and sizes["M"] >= 4


def test_a_union_of_conditions() -> None:
    either = Guard(((at_least(N, 1000),), (at_least(N, M * 2), at_least(M, 5))))
    sizes = choose_sizes(["N", "M"], [], either)
    assert either.at(sizes) and sizes["N"] < 100


def test_negative_and_far_values_are_found() -> None:
    below = Guard.of(at_least(-OUTER, 3), at_least(OUTER, -9), at_least(N, 40))
    sizes = choose_sizes(["N"], ["i"], below)
    assert below.at(sizes)


def test_the_impossible_is_refused() -> None:
    with pytest.raises(UsageError, match="no small values"):
        choose_sizes(["N"], [], Guard.of(at_least(N, 5), at_least(-N, -4)))


def test_no_names_at_all() -> None:
    assert choose_sizes([]) == {}


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-6, 6)), max_size=4))
@settings(max_examples=30, deadline=None)
def test_what_is_chosen_satisfies_the_constraints(rows: list[tuple[int, int, int]]) -> None:
    guard = Guard.of(*(Constraint(N * a + OUTER * b + c) for a, b, c in rows))
    try:
        sizes = choose_sizes(["N"], ["i"], guard)
    except UsageError:
        for n in range(3, 20):
            assert not any(guard.at({"N": n, "i": i}) for i in range(20))
        return
    assert guard.at(sizes) and sizes["N"] >= 3


def test_contents_depend_on_seed_and_name_only() -> None:
    type = TensorType((N, M), DType.F64)
    sizes = {"N": 3, "M": 4}
    here = Environment(sizes, PrimeField(), 1)
    assert here.shape(type) == (3, 4)
    assert np.array_equal(here.random("A", type), Environment(sizes, PrimeField(), 1).random("A", type))
    assert not np.array_equal(here.random("A", type), here.random("B", type))
    assert not np.array_equal(here.random("A", type), Environment(sizes, PrimeField(), 2).random("A", type))
