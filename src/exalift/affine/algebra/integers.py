"""Machine integers and truth values, which most algebras share: native NumPy arrays that wrap.

Conventions where C leaves the result undefined: signed overflow wraps; a division or remainder by
zero is 0; the smallest integer divided by -1 wraps; a shift by a negative amount, or by the width
or more, shifts everything out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

from ..functions import FUNCTIONS
from .protocol import Values

COMPARISONS: dict[str, np.ufunc] = {
    "compare_lt": np.less,
    "compare_le": np.less_equal,
    "compare_gt": np.greater,
    "compare_ge": np.greater_equal,
    "compare_eq": np.equal,
    "compare_ne": np.not_equal,
}


def truncating_remainder(left: Values, right: Values) -> Values:
    """The remainder of the division that truncates towards zero; 0 where `right` is 0."""
    return np.where(np.equal(right, 0), np.zeros_like(left), np.fmod(left, right))


def truncating_divide(left: Values, right: Values) -> Values:
    """The quotient truncated towards zero; 0 where `right` is 0."""
    exact = np.subtract(left, truncating_remainder(left, right))
    return np.where(np.equal(right, 0), np.zeros_like(left), np.floor_divide(exact, right))


def _shift(function: str, value: Values, amount: Values) -> Values:
    bits = value.dtype.itemsize * 8
    inside = np.logical_and(np.greater_equal(amount, 0), np.less(amount, bits))
    safe = np.where(inside, amount, 0).astype(value.dtype)
    unsigned = np.dtype(f"uint{bits}")
    match function:
        case "shift_left":
            shifted: Values = np.left_shift(value, safe)
            outside: Values = np.zeros_like(value)
        case "shift_right_arithmetic":
            signed = np.dtype(f"int{bits}")
            shifted = np.right_shift(value.astype(signed), safe.astype(signed)).astype(value.dtype)
            outside = np.where(np.less(value.astype(signed), 0), -1, 0).astype(value.dtype)
        case _:
            shifted = np.right_shift(value.astype(unsigned), safe.astype(unsigned)).astype(value.dtype)
            outside = np.zeros_like(value)
    return np.where(inside, shifted, outside)


def _power(base: Values, exponent: Values) -> Values:
    negative = np.less(exponent, 0)
    power = np.power(base, np.where(negative, 0, exponent).astype(base.dtype))
    odd = np.not_equal(np.bitwise_and(exponent, np.ones_like(exponent)), 0)
    unit = np.where(np.equal(base, 1), 1, np.where(np.equal(base, -1), np.where(odd, -1, 1), 0))
    return np.where(negative, unit.astype(base.dtype), power)


_UNARY: dict[str, np.ufunc] = {
    "negate": np.negative,
    "abs": np.absolute,
    "sign": np.sign,
    "not": np.invert,
}
_BINARY: dict[str, Callable[[Values, Values], Values]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": truncating_divide,
    "remainder": truncating_remainder,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "power": _power,
}
_TRUTH_FUNCTIONS = frozenset({"add", "multiply", "maximum", "minimum", "and", "or", "xor", "not"})
_REDUCTIONS: dict[str, np.ufunc] = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def apply_integer(function: str, operands: Sequence[Values], operand_dtype: DType) -> Values:
    """A function of integers or truth values; on i1, `add` is or, and `multiply` is and (as in StableHLO).

    Raises ValueError for a function that is not defined on the type.
    """
    if function in COMPARISONS:
        return np.asarray(COMPARISONS[function](*operands))
    if operand_dtype is DType.I1 and function not in _TRUTH_FUNCTIONS:
        raise ValueError(f"{function} is not defined on i1")
    with np.errstate(all="ignore"):
        if function in _UNARY:
            return np.asarray(_UNARY[function](operands[0]))
        if function in _BINARY:
            left, right = operands
            return np.asarray(_BINARY[function](left, right))
        if function.startswith("shift_"):
            return np.asarray(_shift(function, operands[0], operands[1]))
    raise ValueError(f"{function} is not defined on {operand_dtype}")


def integer_identity(function: str, dtype: DType) -> int:
    """The identity of a reducing function, as a Python integer."""
    lowest, highest = _range(dtype)
    kind = FUNCTIONS[function].identity
    match kind:
        case "zero":
            return 0
        case "one":
            return 1
        case "lowest":
            return lowest
        case "highest":
            return highest
        case "ones":
            return -1 if dtype.is_signed and dtype is not DType.I1 else highest
        case _:
            raise ValueError(f"{function} does not reduce")


def _range(dtype: DType) -> tuple[int, int]:
    if dtype is DType.I1:
        return 0, 1
    if dtype.is_signed:
        return -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
    return 0, (1 << dtype.bits) - 1


def reduce_integer(function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
    """Combine over `axes`; the element type stays, so that sums wrap."""
    initial = np.asarray(integer_identity(function, dtype)).astype(value.dtype)[()]
    if not axes:
        return value
    with np.errstate(all="ignore"):
        return np.asarray(_REDUCTIONS[function].reduce(value, axis=axes, dtype=value.dtype, initial=initial))


def wrap_integer(value: int, dtype: DType) -> int:
    """A Python integer reduced to the range of an integer type (i1: whether it is not 0)."""
    if dtype is DType.I1:
        return int(value != 0)
    low = value & ((1 << dtype.bits) - 1)
    return low - (1 << dtype.bits) if dtype.is_signed and low >> (dtype.bits - 1) else low


def cast_integer(values: NDArray[np.generic], dtype: DType) -> Values:
    """Integers or truth values as another integer type, modulo 2^bits; to i1, whether they are not 0."""
    return values.astype(np.dtype(dtype.numpy_name))


def random_integer(generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
    """Random elements: half of them over the whole range, half of them small, so that ties happen."""
    if dtype is DType.I1:
        return generator.integers(0, 2, size=shape).astype(bool)
    lowest, highest = _range(dtype)
    native = np.dtype(dtype.numpy_name)
    full = generator.integers(lowest, highest, size=shape, dtype=native.type, endpoint=True)
    small = generator.integers(-4 if dtype.is_signed else 0, 5, size=shape).astype(native)
    return np.where(generator.integers(0, 2, size=shape) == 0, full, small)
