"""Random inputs keep their rules, and comparisons tell rounding from wrong answers."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.base import DType, UsageError
from exalift.pipeline.compare import compare_result
from exalift.pipeline.inputs import InputRules, Profile, Variable, random_inputs

MATRIX = Variable("A", DType.F64, (7, 7))
VECTOR = Variable("x", DType.F32, (9,))
COUNTS = Variable("c", DType.I16, (50,))


def test_a_seed_fixes_the_inputs() -> None:
    first = random_inputs((MATRIX, VECTOR), 3)
    again = random_inputs((MATRIX, VECTOR), 3)
    other = random_inputs((MATRIX, VECTOR), 4)
    np.testing.assert_array_equal(first["A"], again["A"])
    assert not np.array_equal(first["A"], other["A"])
    assert (first["A"].dtype, first["x"].dtype) == (np.float64, np.float32)


def test_rules_hold() -> None:
    rules = InputRules(frozenset({"A"}), frozenset(), frozenset({"x"}), {"c": (3, 5)})
    values = random_inputs((MATRIX, VECTOR, COUNTS), 0, rules)
    np.testing.assert_array_equal(values["A"], values["A"].T)
    assert np.linalg.eigvalsh(np.asarray(values["A"], dtype=np.float64)).min() > 0
    assert not values["x"].any()
    assert set(values["c"].tolist()) == {3, 4}
    dominant = random_inputs((MATRIX,), 0, InputRules(dominant=frozenset({"A"})))["A"].astype(np.float64)
    diagonal = np.abs(np.diag(dominant))
    assert np.all(diagonal > np.abs(dominant).sum(1) - diagonal)


def test_profiles_go_from_rough_to_tame() -> None:
    assert random_inputs((MATRIX,), 0)["A"].astype(np.float64).min() < 0
    assert random_inputs((MATRIX,), 0, profile=Profile.POSITIVE)["A"].astype(np.float64).min() > 0
    definite = random_inputs((MATRIX,), 0, profile=Profile.DEFINITE)["A"].astype(np.float64)
    assert np.linalg.eigvalsh(definite).min() > 0


def test_unsigned_and_truth_values_stay_in_their_types() -> None:
    values = random_inputs((Variable("u", DType.UI8, (40,)), Variable("b", DType.I1, (40,))), 0)
    assert values["u"].dtype == np.uint8 and int(values["u"].max()) < 8
    assert values["b"].dtype == np.bool_


def test_rules_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="name B"):
        random_inputs((MATRIX,), 0, InputRules(zero=frozenset({"B"})))
    with pytest.raises(UsageError, match="square matrix"):
        random_inputs((VECTOR,), 0, InputRules(definite=frozenset({"x"})))


def test_rounding_agrees_and_a_wrong_element_does_not() -> None:
    expected = np.random.default_rng(0).uniform(-1, 1, (5, 6))
    assert compare_result("A", DType.F64, expected, expected * (1 + 1e-14)).agrees
    wrong = expected.copy()
    wrong[2, 3] += 1e-6
    error = compare_result("A", DType.F64, expected, wrong)
    assert (error.agrees, error.index) == (False, (2, 3))
    assert error.absolute == pytest.approx(1e-6)


def test_a_small_element_is_not_hidden_by_a_large_one() -> None:
    expected = np.ones(1000)
    expected[0] = 1e6
    wrong = expected.copy()
    wrong[5] = 1.001
    assert not compare_result("A", DType.F64, expected, wrong).agrees


def test_not_numbers_and_infinities_compare_by_kind() -> None:
    expected = np.array([np.nan, np.inf, 1.0])
    assert compare_result("A", DType.F64, expected, expected.copy()).agrees
    error = compare_result("A", DType.F64, expected, np.array([np.nan, -np.inf, 1.0]))
    assert (error.agrees, error.index, error.note) == (False, (1,), "inf expected, -inf found")
    assert not compare_result("A", DType.F64, np.array([1.0]), np.array([np.nan])).agrees


def test_integers_must_be_equal() -> None:
    expected = np.array([2**62, 5], dtype=np.int64)
    assert compare_result("A", DType.I64, expected, expected.copy()).agrees
    assert not compare_result("A", DType.I64, expected, expected + np.array([1, 0])).agrees


def test_shapes_must_be_equal_and_scalars_compare() -> None:
    assert not compare_result("A", DType.F64, np.zeros(3), np.zeros(4)).agrees
    assert compare_result("A", DType.F64, np.array(2.0), np.array(2.0)).agrees
    assert compare_result("A", DType.F64, np.zeros((0, 3)), np.zeros((0, 3))).agrees
