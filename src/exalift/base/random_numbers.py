"""Random contents for inputs, made the same way wherever a program runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dtypes import DType


def default_range(dtype: DType) -> tuple[float, float]:
    """`low <= x < high`: positive and away from 0 for floating point, so that square roots and divisions are
    well conditioned; small for integers, so that sums of products stay far from overflow."""
    if dtype.is_float:
        return (0.1, 1.0)
    return (-8, 8) if dtype.is_signed else (0, 16)


def random_numbers(
    dtype: DType, shape: tuple[int, ...], low: float, high: float, generator: np.random.Generator
) -> NDArray[np.float64] | NDArray[np.int64]:
    """Uniform numbers, as doubles or 64-bit integers, not rounded to the type yet; truth values are fair."""
    if dtype.is_float:
        return np.asarray(generator.uniform(low, high, shape))
    if dtype.is_integer:
        return np.asarray(generator.integers(int(low), int(high), shape))
    return np.asarray(generator.integers(0, 2, shape))


def input_generator(seed: int, parameter: int) -> np.random.Generator:
    """The generator for one parameter, by its place among the function's arrays and scalars."""
    return np.random.default_rng((seed, parameter))
