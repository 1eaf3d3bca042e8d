"""StableHLO's scalar functions of floating-point numbers, on NumPy arrays: what both sides take them to mean.

IEEE arithmetic in the operands' own type; `maximum` and `minimum` give NaN where an operand is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.generic]

_ERF = np.frompyfunc(math.erf, 1, 1)


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


FLOAT_FUNCTIONS: Mapping[str, Callable[..., Values]] = MappingProxyType(
    {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": np.divide,
        "remainder": np.fmod,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "negate": np.negative,
        "abs": np.absolute,
        "sign": np.sign,
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
)
"""By name; each takes arrays of one type, which broadcast, and gives that type. Overflow and invalid
operations are for the caller to silence (`np.errstate`)."""
