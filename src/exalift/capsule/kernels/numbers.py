"""The meaning of the scalar functions on NumPy arrays: what every device must compute.

Integers wrap; floating point is IEEE with nothing reported. See `functions` for the conventions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

Values = NDArray[np.generic]

_ERF = np.frompyfunc(math.erf, 1, 1)


def native(dtype: DType) -> np.dtype[np.generic]:
    return np.dtype(dtype.numpy_name)


def _remainder(left: Values, right: Values) -> Values:
    return np.where(np.equal(right, 0), np.zeros_like(left), np.fmod(left, right))


def _divide(left: Values, right: Values) -> Values:
    exact = np.subtract(left, _remainder(left, right))
    return np.where(np.equal(right, 0), np.zeros_like(left), np.floor_divide(exact, right))


def _round_away(value: Values) -> Values:
    whole = np.trunc(value)
    half = np.greater_equal(np.absolute(np.subtract(value, whole)), 0.5)
    return np.where(half, np.add(whole, np.copysign(np.ones_like(value), value)), whole)


def _logistic(value: Values) -> Values:
    one = np.ones_like(value)
    return np.divide(one, np.add(one, np.exp(np.negative(value))))


def _rsqrt(value: Values) -> Values:
    return np.divide(np.ones_like(value), np.sqrt(value))


def _erf(value: Values) -> Values:
    return np.asarray(_ERF(value)).astype(value.dtype)


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
_FLOAT: dict[str, Callable[..., Values]] = {
    "divide": np.divide,
    "remainder": np.fmod,
    "power": np.power,
    "atan2": np.arctan2,
    "sqrt": np.sqrt,
    "rsqrt": _rsqrt,
    "cbrt": np.cbrt,
    "exponential": np.exp,
    "exponential_minus_one": np.expm1,
    "log": np.log,
    "log_plus_one": np.log1p,
    "logistic": _logistic,
    "tanh": np.tanh,
    "sine": np.sin,
    "cosine": np.cos,
    "tan": np.tan,
    "floor": np.floor,
    "ceil": np.ceil,
    "round_nearest_even": np.rint,
    "round_nearest_afz": _round_away,
    "erf": _erf,
}


def apply(function: str, operands: Sequence[Values]) -> Values:
    """The function on arrays of its operands' types (see `native`); the result has its type."""
    values = [np.asarray(operand) for operand in operands]
    kind = values[-1].dtype.kind
    with np.errstate(all="ignore"):
        if function.startswith("shift_"):
            return np.asarray(_shift(function, values[0], values[1]))
        if function in _COMMON:
            return np.asarray(_COMMON[function](*values))
        return np.asarray((_FLOAT if kind == "f" else _INTEGER)[function](*values))


def convert(value: Values, target: DType) -> Values:
    """A conversion as `ir.Convert` states it."""
    if target is DType.I1:
        return np.asarray(np.not_equal(value, 0))
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(native(target))
