"""The shared functions against `math`, and in the types that they are given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from exalift.base import FLOAT_FUNCTIONS

POINTS = np.array([-2.5, -1.5, -0.5, -0.25, 0.0, 0.5, 0.75, 1.5, 2.5])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["logistic", "erf", "round_nearest_afz", "sine", "floor", "tanh"])
def test_a_function_keeps_its_operand_type(name: str, dtype: str) -> None:
    assert FLOAT_FUNCTIONS[name](POINTS.astype(dtype)).dtype == dtype


def test_the_functions_that_numpy_lacks() -> None:
    assert np.allclose(FLOAT_FUNCTIONS["erf"](POINTS), special.erf(POINTS), rtol=1e-15)
    assert np.allclose(FLOAT_FUNCTIONS["logistic"](POINTS), special.expit(POINTS), rtol=1e-15)
    assert np.allclose(FLOAT_FUNCTIONS["rsqrt"](np.array([0.25, 4.0])), [2.0, 0.5])


def test_halves_round_away_from_zero_or_to_even() -> None:
    assert FLOAT_FUNCTIONS["round_nearest_afz"](POINTS).tolist() == [-3, -2, -1, 0, 0, 1, 1, 2, 3]
    assert FLOAT_FUNCTIONS["round_nearest_even"](POINTS).tolist() == [-2, -2, 0, 0, 0, 0, 1, 2, 2]


def test_maximum_gives_nan_for_nan() -> None:
    assert math.isnan(FLOAT_FUNCTIONS["maximum"](np.array(1.0), np.array(math.nan)))
