"""Machine numbers: what the compiled source computes, up to the order of its sums."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.base import FLOAT_FUNCTIONS, DType, UsageError

from ..functions import FUNCTIONS
from .integers import (
    COMPARISONS,
    apply_integer,
    cast_integer,
    integer_identity,
    random_integer,
    reduce_integer,
    wrap_integer,
)
from .protocol import Truth, Values

# Relative to the largest magnitude in sight: reassociated sums of some thousand terms stay far below.
_TOLERANCE = {DType.F64: 1e-10, DType.F32: 1e-4, DType.F16: 3e-2, DType.BF16: 2e-1}

_FUNCTIONS: Mapping[str, Callable[..., Values]] = {**FLOAT_FUNCTIONS, **COMPARISONS}
_REDUCTIONS: dict[str, np.ufunc] = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def _native(dtype: DType) -> np.dtype[np.generic]:
    if dtype is DType.BF16:
        # NumPy knows the name once ml_dtypes is imported, and this package must do without it.
        try:
            importlib.import_module("ml_dtypes")
        except ImportError as error:
            raise UsageError("bf16 needs the package ml_dtypes") from error
    return np.dtype(dtype.numpy_name)


class Machine:
    """NumPy's own element types; integers wrap, floating point is IEEE with nothing reported.

    `maximum` and `minimum` give NaN when an operand is NaN (as StableHLO has it; C's `fmax` does not).
    Conversions are C's; where C leaves one undefined (a float that the integer type does not hold),
    so does this. `equal` allows for rounding: an error that is small beside the largest finite
    magnitude of either side; NaN equals NaN.
    """

    name = "machine"

    def storage(self, dtype: DType) -> np.dtype[np.generic]:
        return _native(dtype)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Values:
        if dtype.is_float:
            return np.asarray(float(value)).astype(_native(dtype))
        return np.asarray(wrap_integer(int(value), dtype), _native(dtype))

    def index(self, values: NDArray[np.int64], dtype: DType) -> Values:
        return np.asarray(values).astype(_native(dtype))

    def truth(self, values: Truth) -> Values:
        return np.asarray(values)

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        del dtype
        if function == "select":
            return np.where(*operands)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
        if not operand_dtype.is_float:
            return apply_integer(function, operands, operand_dtype)
        if function not in _FUNCTIONS:
            raise ValueError(f"{function} is not defined on {operand_dtype}")
        with np.errstate(all="ignore"):
            return np.asarray(_FUNCTIONS[function](*operands))

    def cast(self, value: Values, source: DType, target: DType) -> Values:
        del source
        if target is DType.I1:
            return np.asarray(np.not_equal(value, 0))
        with np.errstate(all="ignore"):
            return value.astype(_native(target))

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        if not dtype.is_float:
            return reduce_integer(function, value, axes, dtype)
        if not axes:
            return value
        with np.errstate(all="ignore"):
            initial = self.identity(function, dtype)[()]
            ufunc = _REDUCTIONS[function]
            return np.asarray(ufunc.reduce(value, axis=axes, dtype=value.dtype, initial=initial))

    def identity(self, function: str, dtype: DType) -> Values:
        if not dtype.is_float:
            return cast_integer(np.asarray(integer_identity(function, dtype)), dtype)
        numbers = {"zero": 0.0, "one": 1.0, "lowest": -math.inf, "highest": math.inf}
        return self.constant(numbers[FUNCTIONS[function].identity], dtype)

    def random(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
        """Floating-point values are normally distributed."""
        if not dtype.is_float:
            return random_integer(generator, shape, dtype)
        return np.asarray(generator.standard_normal(size=shape)).astype(_native(dtype))

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        if not dtype.is_float:
            return np.asarray(np.equal(left, right))
        with np.errstate(all="ignore"):
            first, second = left.astype(np.float64), right.astype(np.float64)
            finite = np.isfinite(first) & np.isfinite(second)
            magnitude = np.where(finite, np.maximum(np.abs(first), np.abs(second)), 0.0)
            scale = np.max(magnitude, initial=0.0)
            close = np.abs(first - second) <= _TOLERANCE[dtype] * scale
            same = (first == second) | (np.isnan(first) & np.isnan(second))
            return np.asarray(same | (finite & close))
