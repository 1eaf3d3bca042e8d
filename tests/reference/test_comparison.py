"""Random inputs, and how results are compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Array, Program, Size
from exalift.base import DType, UsageError
from exalift.reference import InputRules, compare, random_inputs, tolerance

N = Affine.symbol("n")


def signature(*arrays: Array) -> Program:
    return Program("f", ("n", *(array.name for array in arrays)), (Size("n"),), arrays, ())


def test_inputs_have_the_types_and_ranges_that_are_promised() -> None:
    program = signature(
        Array("x", DType.F32, (N, N)),
        Array("alpha", DType.F64, ()),
        Array("i", DType.I8, (N,)),
        Array("u", DType.UI32, (N,)),
        Array("b", DType.I1, (N,)),
    )
    inputs = random_inputs(program, {"n": 200}, 1)
    assert {name: (array.dtype.name, array.shape) for name, array in inputs.items()} == {
        "x": ("float32", (200, 200)),
        "alpha": ("float64", ()),
        "i": ("int8", (200,)),
        "u": ("uint32", (200,)),
        "b": ("bool", (200,)),
    }
    assert inputs["x"].min() >= 0.1 and inputs["x"].max() <= 1
    assert set(inputs["i"].tolist()) == set(range(-8, 8))
    assert set(inputs["u"].tolist()) == set(range(16))
    assert set(inputs["b"].tolist()) == {False, True}


def test_inputs_depend_on_seed_and_position_not_on_names() -> None:
    first = random_inputs(signature(Array("x", DType.F64, (N,)), Array("y", DType.F64, (N,))), {"n": 9}, 5)
    renamed = random_inputs(signature(Array("q", DType.F64, (N,)), Array("x", DType.F64, (N,))), {"n": 9}, 5)
    other = random_inputs(signature(Array("x", DType.F64, (N,)), Array("y", DType.F64, (N,))), {"n": 9}, 6)
    np.testing.assert_array_equal(first["x"], renamed["q"])
    np.testing.assert_array_equal(first["y"], renamed["x"])
    assert not np.array_equal(first["x"], first["y"])
    assert not np.array_equal(first["x"], other["x"])


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 1000))
def test_rules_for_matrices_hold(n: int, seed: int) -> None:
    program = signature(
        *(Array(name, DType.F64, (N, N)) for name in ("s", "d", "z")), Array("r", DType.I32, (N,))
    )
    rules = InputRules(
        spd=frozenset({"s"}), dominant=frozenset({"d"}), zero=frozenset({"z"}), ranges={"r": (3, 5)}
    )
    inputs = random_inputs(program, {"n": n}, seed, rules)
    np.testing.assert_array_equal(inputs["s"], inputs["s"].T)
    assert np.linalg.eigvalsh(inputs["s"].astype(float)).min() > 0
    diagonal = np.diag(inputs["d"])
    assert np.all(2 * diagonal > inputs["d"].sum(axis=1))
    assert not inputs["z"].any()
    assert set(inputs["r"].tolist()) <= {3, 4}


def test_rules_that_do_not_fit_are_told() -> None:
    program = signature(Array("x", DType.F64, (N,)))
    with pytest.raises(UsageError, match="no array y"):
        random_inputs(program, {"n": 3}, 0, InputRules(zero=frozenset({"y"})))
    with pytest.raises(UsageError, match="not a square matrix"):
        random_inputs(program, {"n": 3}, 0, InputRules(spd=frozenset({"x"})))


def test_rounding_passes_and_errors_do_not() -> None:
    generator = np.random.default_rng(0)
    for dtype, numpy_dtype in ((DType.F64, np.float64), (DType.F32, np.float32)):
        a, b = (generator.uniform(0.1, 1, (60, 60)).astype(numpy_dtype) for _ in range(2))
        product = a @ b
        other_order = (a[:, ::-1] @ b[::-1]).astype(numpy_dtype)
        assert compare(product, other_order, dtype).within
        wrong = product.copy()
        wrong[17, 3] *= 1.001
        difference = compare(product, wrong, dtype)
        assert (difference.within, difference.wrong, difference.worst) == (False, 1, (17, 3))
        assert "1 elements beyond" in str(difference)


def test_nan_and_infinity_must_stand_in_the_same_places() -> None:
    expected = np.array([1.0, np.nan, np.inf, -np.inf])
    assert compare(expected, expected.copy(), DType.F64).within
    for place, value in ((0, np.nan), (1, 1.0), (2, np.nan), (2, -np.inf), (3, 0.0), (0, np.inf)):
        wrong = expected.copy()
        wrong[place] = value
        difference = compare(expected, wrong, DType.F64)
        assert difference.wrong == 1 and difference.max_abs == np.inf and difference.worst == (place,)


def test_integers_are_exact() -> None:
    expected = np.array([2**63 - 1, 0, -5])
    assert compare(expected, expected.copy(), DType.I64).within
    wrong = np.array([2**63 - 2, 0, -5])
    assert compare(expected, wrong, DType.I64).wrong == 1
    assert compare(np.array([True]), np.array([False]), DType.I1).wrong == 1


def test_what_cancels_is_measured_against_the_inputs() -> None:
    zeros, residue = np.zeros(3), np.full(3, 1e-17)
    assert not compare(zeros, residue, DType.F64).within
    assert compare(zeros, residue, DType.F64, scale=1.0).within
    assert not compare(zeros, np.full(3, 1e-5), DType.F64, scale=1.0).within


def test_shapes_must_agree_and_empty_arrays_do() -> None:
    with pytest.raises(ValueError, match="shapes"):
        compare(np.zeros(3), np.zeros(1), DType.F64)
    assert compare(np.zeros((0, 3)), np.zeros((0, 3)), DType.F64).within
    assert compare(np.array(2.0), np.array(2.0), DType.F64).worst == ()


def test_tolerance_grows_with_size_and_shrinks_with_precision() -> None:
    assert tolerance(DType.F64, 100) < tolerance(DType.F64, 10000) < tolerance(DType.F32, 100)
    assert tolerance(DType.I32, 10**6) == 0
