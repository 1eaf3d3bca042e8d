"""How far two results are apart, and whether that is rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exalift.base import DType

from .inputs import Contents

# A lifted program may sum in another order; these are shares of an element's own size plus the mean size
# of its array, wide enough for sums of some thousands of terms and far too narrow for a wrong term.
_TOLERANCE = {DType.F64: 1e-9, DType.F32: 5e-4, DType.F16: 3e-2, DType.BF16: 1e-1}


@dataclass(frozen=True, slots=True)
class ResultError:
    """The largest error of one result.

    absolute: largest |expected - actual|. relative: largest error as a share of the element's size plus
    the mean size of its array. index: where that is. agrees: whether it is within what rounding explains.
    """

    name: str
    dtype: DType
    absolute: float
    relative: float
    index: tuple[int, ...]
    agrees: bool
    note: str = ""


def compare_result(name: str, dtype: DType, expected: Contents, actual: Contents) -> ResultError:
    """Compare element by element; NaN equals NaN, an infinity equals itself, integers must be equal."""
    if expected.shape != actual.shape:
        note = f"shape {actual.shape}, expected {expected.shape}"
        return ResultError(name, dtype, float("inf"), float("inf"), (), False, note)
    if not dtype.is_float:
        return _compare_exact(name, dtype, expected, actual)
    left, right = expected.astype(np.float64), actual.astype(np.float64)
    finite = np.isfinite(left) & np.isfinite(right)
    same = finite | (np.isnan(left) & np.isnan(right)) | (left == right)
    if not np.all(same):
        index = _first(~same)
        note = f"{left[index]} expected, {right[index]} found"
        return ResultError(name, dtype, float("inf"), float("inf"), index, False, note)
    error = np.where(finite, np.abs(np.where(finite, left, 0) - np.where(finite, right, 0)), 0.0)
    size = np.abs(np.where(finite, left, 0.0))
    if not error.size or not np.any(error):
        return ResultError(name, dtype, 0.0, 0.0, (), True, "" if error.size else "empty")
    share = error / (size + float(np.mean(size)) + np.finfo(np.float64).tiny)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(share)), share.shape))
    relative = float(share[index])
    return ResultError(name, dtype, float(np.max(error)), relative, index, relative <= _TOLERANCE[dtype])


def _compare_exact(name: str, dtype: DType, expected: Contents, actual: Contents) -> ResultError:
    differs = expected != actual
    if not np.any(differs):
        return ResultError(name, dtype, 0.0, 0.0, (), True)
    index = _first(differs)
    note = f"{expected[index]} expected, {actual[index]} found"
    gap = float(np.max(np.abs(expected.astype(np.float64) - actual.astype(np.float64))))
    return ResultError(name, dtype, gap, float("inf"), index, False, note)


def _first(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def compare_results(
    results: Sequence[tuple[str, DType]], expected: Mapping[str, Contents], actual: Mapping[str, Contents]
) -> tuple[ResultError, ...]:
    """Every result, in order."""
    return tuple(compare_result(n, d, np.asarray(expected[n]), np.asarray(actual[n])) for n, d in results)
