"""Which values sizes take: given, fixed, bounded by extents, told by shapes, or small defaults."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Array, Constraint, Guard, Program, Size
from exalift.base import DType, UsageError
from exalift.pipeline.sizes import Origin, choose_sizes, infer_sizes


def _program(
    sizes: tuple[Size, ...],
    constraints: tuple[Constraint, ...] = (),
    shapes: tuple[tuple[Affine, ...], ...] = (),
) -> Program:
    arrays = tuple(Array(f"A{i}", DType.F64, shape) for i, shape in enumerate(shapes))
    return Program("f", tuple(s.name for s in sizes), sizes, arrays, (), constraints=Guard.of(*constraints))


def _at_least(left: Affine | int, right: Affine | int) -> Constraint:
    return Constraint(Affine.of(left) - Affine.of(right))


n, m, lda = Affine.symbol("n"), Affine.symbol("m"), Affine.symbol("lda")


def test_free_sizes_get_small_distinct_defaults() -> None:
    sizes = choose_sizes(_program((Size("n"), Size("m"))), {})
    assert sizes.values == {"n": 8, "m": 9}
    assert {s.origin for s in sizes.chosen} == {Origin.ASSUMED}


def test_a_given_size_stays() -> None:
    sizes = choose_sizes(_program((Size("n"), Size("m"))), {"m": 1000})
    assert sizes.values == {"n": 8, "m": 1000}
    assert sizes.determined == {"m": 1000}


def test_fixed_extents_bound_a_parameter_and_the_largest_admissible_value_is_taken() -> None:
    program = _program((Size("n"), Size("m")), (_at_least(1000, n), _at_least(1100, m)))
    sizes = choose_sizes(program, {})
    assert sizes.values == {"n": 1000, "m": 1100}
    assert sizes.assumed == ()


def test_a_given_size_bounds_another() -> None:
    program = _program((Size("n"), Size("lda")), (_at_least(lda, n),))
    assert choose_sizes(program, {"n": 100}).values == {"n": 100, "lda": 100}
    assert choose_sizes(program, {"lda": 5}).values == {"n": 5, "lda": 5}


def test_floor_divisions_and_equalities_are_respected() -> None:
    half = n // 2
    program = _program((Size("n"), Size("m")), (Constraint(half - m, equality=True), _at_least(m, 7)))
    values = choose_sizes(program, {}).values
    assert values["n"] // 2 == values["m"] >= 7


def test_a_given_size_that_breaks_a_constraint_is_refused() -> None:
    program = _program((Size("n"),), (_at_least(1000, n),))
    with pytest.raises(UsageError, match="does not admit n = 1001"):
        choose_sizes(program, {"n": 1001})


def test_an_unknown_size_names_those_that_exist_and_hints_at_macros() -> None:
    with pytest.raises(UsageError, match=r"size parameters: n\).*-D N=1000"):
        choose_sizes(_program((Size("n"),)), {"N": 1000})


def test_a_size_fixed_by_the_source_cannot_be_given() -> None:
    program = _program((Size("N", value=1000, is_parameter=False),))
    assert choose_sizes(program, {}).values == {"N": 1000}
    with pytest.raises(UsageError, match="no size parameter"):
        choose_sizes(program, {"N": 10})


def test_a_size_below_its_minimum_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        choose_sizes(_program((Size("n"),)), {"n": 0})


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 5), st.integers(0, 9))
def test_what_is_chosen_satisfies_the_constraints(top: int, a: int, b: int, c: int) -> None:
    constraints = (_at_least(n * a, m * b + c), _at_least(top, m), _at_least(n // 3, 1))
    values = choose_sizes(_program((Size("n"), Size("m")), constraints), {}).values
    assert Guard.of(*constraints).at(values)


def test_shapes_tell_sizes() -> None:
    shapes = [("A", (n, m + 1), (5, 8)), ("B", (n * 2,), (10,))]
    assert infer_sizes(shapes, ["n", "m"], {}, {}) == {"n": 5, "m": 7}


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(UsageError, match=r"argument B has shape \(11,\), not \(10,\)"):
        infer_sizes([("A", (n,), (5,)), ("B", (n * 2,), (11,))], ["n"], {}, {})
    with pytest.raises(UsageError, match="rank 1, not 2"):
        infer_sizes([("A", (n, n), (5,))], ["n"], {}, {})


def test_a_size_that_no_shape_tells_needs_a_value() -> None:
    with pytest.raises(UsageError, match="do not tell the size m"):
        infer_sizes([("A", (n,), (5,))], ["n", "m"], {}, {})
    assert infer_sizes([("A", (n,), (5,))], ["n", "m"], {}, {"m": 3}) == {"n": 5, "m": 3}


def test_known_sizes_are_not_overridden_by_shapes() -> None:
    with pytest.raises(UsageError, match="shape"):
        infer_sizes([("A", (n,), (5,))], ["n"], {"n": 6}, {})
