"""The meaning of the scalar functions on NumPy arrays: what every device must compute.

Integers wrap; floating point is IEEE with nothing reported. See `functions` for the conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from exalift.base import FLOAT_FUNCTIONS, DType

Values = NDArray[np.generic]


def native(dtype: DType) -> np.dtype[np.generic]:
    return np.dtype(dtype.numpy_name)


def _remainder(left: Values, right: Values) -> Values:
    return np.where(np.equal(right, 0), np.zeros_like(left), np.fmod(left, right))


def _divide(left: Values, right: Values) -> Values:
    exact = np.subtract(left, _remainder(left, right))
    return np.where(np.equal(right, 0), np.zeros_like(left), np.floor_divide(exact, right))


def _shift(function: str, value: Values, amount: Values) -> Values:
    bits = value.dtype.itemsize * 8
    inside = np.logical_and(np.greater_equal(amount, 0), np.less(amount, bits))
    safe = np.where(inside, amount, 0).astype(value.dtype)
    signed, unsigned = np.dtype(f"int{bits}"), np.dtype(f"uint{bits}")
    match function:
        case "shift_left":
            shifted: Values = np.left_shift(value, safe)
            outside: Values = np.zeros_like(value)
        case "shift_right_arithmetic":
            shifted = np.right_shift(value.astype(signed), safe.astype(signed)).astype(value.dtype)
            outside = np.where(np.less(value.astype(signed), 0), -1, 0).astype(value.dtype)
        case _:
            shifted = np.right_shift(value.astype(unsigned), safe.astype(unsigned)).astype(value.dtype)
            outside = np.zeros_like(value)
    return np.where(inside, shifted, outside)


_COMMON: dict[str, Callable[..., Values]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "negate": np.negative,
    "abs": np.absolute,
    "sign": np.sign,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": np.invert,
    "compare_lt": np.less,
    "compare_le": np.less_equal,
    "compare_gt": np.greater,
    "compare_ge": np.greater_equal,
    "compare_eq": np.equal,
    "compare_ne": np.not_equal,
    "select": np.where,
}
_INTEGER: dict[str, Callable[..., Values]] = {"divide": _divide, "remainder": _remainder}


def apply(function: str, operands: Sequence[Values]) -> Values:
    """The function on arrays of its operands' types (see `native`); the result has its type."""
    values = [np.asarray(operand) for operand in operands]
    kind = values[-1].dtype.kind
    with np.errstate(all="ignore"):
        if function.startswith("shift_"):
            return np.asarray(_shift(function, values[0], values[1]))
        if function in _COMMON:
            return np.asarray(_COMMON[function](*values))
        functions = FLOAT_FUNCTIONS if kind == "f" else _INTEGER
        return np.asarray(functions[function](*values))


def convert(value: Values, target: DType) -> Values:
    """A conversion as `ir.Convert` states it."""
    if target is DType.I1:
        return np.asarray(np.not_equal(value, 0))
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(native(target))
