"""How far two results are apart, and whether rounding explains it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

from .buffers import NumericArray

# Unit roundoffs of the floating-point types.
_EPSILON = {DType.F64: 2.0**-52, DType.F32: 2.0**-23, DType.F16: 2.0**-10, DType.BF16: 2.0**-7}


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest differences between an expected and an actual array.

    max_abs: the largest |actual - expected|; infinite where one is NaN or infinite and the other is not
        the same.
    max_rel: the largest |actual - expected| / (|expected| + scale), with scale at least the largest
        finite |expected| of the array.
    tolerance: what max_rel may be; 0 for integers. wrong: how many elements are beyond it.
    worst: the index of the worst element, None for empty arrays.
    """

    max_abs: float
    max_rel: float
    tolerance: float
    wrong: int
    worst: tuple[int, ...] | None

    @property
    def within(self) -> bool:
        return self.wrong == 0

    def __str__(self) -> str:
        verdict = "within" if self.within else f"{self.wrong} elements beyond"
        place = f" at {list(self.worst)}" if self.worst else ""
        return (
            f"max abs {self.max_abs:.3g}, max rel {self.max_rel:.3g}{place}, {verdict} {self.tolerance:.3g}"
        )


def tolerance(dtype: DType, elements: int) -> float:
    """The relative difference that reordered sums, fused multiply-adds and other maths libraries explain.

    eps * (256 + 16 sqrt(elements)): rounding errors of sums grow like the square root of their length, and
    sums are seldom longer than the arrays are large; the rest is for short programs with long chains.
    0 for integers, which must be equal.
    """
    return _EPSILON[dtype] * (256 + 16 * sqrt(elements)) if dtype.is_float else 0.0


def compare(
    expected: NumericArray,
    actual: NumericArray,
    dtype: DType,
    *,
    allowed: float | None = None,
    scale: float = 0.0,
    noise: NumericArray | None = None,
) -> Difference:
    """Compare two arrays of one shape element by element.

    allowed: replaces the `tolerance` by type and size.
    scale: the size of the numbers that the results were computed from, where results may cancel out:
        errors are then relative to it, if it is larger than what was expected.
    noise: by how much each element moves where inputs move by rounding (an array like `expected`): a
        difference is only wrong as far as it is larger. Its infinities excuse anything finite.
    A NaN equals a NaN, an infinity the same infinity. Integers must be equal. Raises ValueError where
    the shapes differ.
    """
    if expected.shape != actual.shape:
        raise ValueError(f"shapes differ: {expected.shape} and {actual.shape}")
    limit = tolerance(dtype, expected.size) if allowed is None else allowed
    if not expected.size:
        return Difference(0.0, 0.0, limit, 0, None)
    if not dtype.is_float:
        return _compare_exact(expected, actual)
    left, right = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    finite = np.isfinite(left) & np.isfinite(right)
    size = np.where(np.isfinite(left), np.abs(left), 0.0)
    apart = np.full(left.shape, inf)
    np.subtract(right, left, out=apart, where=finite)
    apart = np.where(same, 0.0, np.abs(apart))
    against = size + max(scale, float(size.max()))
    relative = np.full(left.shape, inf)
    np.divide(apart, against, out=relative, where=finite & (against > 0))
    relative = np.where(same, 0.0, relative)
    beyond = relative > limit
    if noise is not None:
        beyond &= ~finite | (apart > limit * against + np.asarray(noise, np.float64))
    return _summary(apart, relative, limit, beyond)


def _compare_exact(expected: NumericArray, actual: NumericArray) -> Difference:
    # Differences of 64-bit integers do not fit 64 bits; Python's floats are near enough for a report.
    apart = np.abs(np.asarray(expected, np.float64) - np.asarray(actual, np.float64))
    apart = np.where(expected == actual, 0.0, np.maximum(apart, 1.0))
    size = np.abs(np.asarray(expected, np.float64))
    relative = apart / np.maximum(size + float(size.max()), 1.0)
    return _summary(apart, relative, 0.0, relative > 0)


def _summary(
    apart: NDArray[np.float64], relative: NDArray[np.float64], limit: float, beyond: NDArray[np.bool_]
) -> Difference:
    worst = np.unravel_index(int(np.argmax(relative)), relative.shape)
    return Difference(
        max_abs=float(apart.max()),
        max_rel=float(relative.max()),
        tolerance=limit,
        wrong=int(np.count_nonzero(beyond)),
        worst=tuple(int(index) for index in worst),
    )
