"""Exact rational numbers, for what must not be rounded and is too small to need speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType, UsageError

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

Number = Fraction | float
_LARGEST_EXPONENT = 64


def _divide(left: Number, right: Number) -> Number:
    return left / right if right else Fraction(0)


def _remainder(left: Fraction, right: Fraction) -> Fraction:
    return left - right * math.trunc(left / right) if right else Fraction(0)


def _sign(value: Number) -> Fraction:
    return Fraction((value > 0) - (value < 0))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > _LARGEST_EXPONENT:
        raise UsageError(f"the power of {exponent} is not computed over the rationals")
    if not base and exponent < 0:
        return Fraction(0)
    return Fraction(base ** int(exponent))


def _round_away(value: Fraction) -> Fraction:
    whole = math.floor(abs(value) + Fraction(1, 2))
    return Fraction(-whole if value < 0 else whole)


def _truncate(value: Number) -> int:
    return math.trunc(value) if math.isfinite(value) else 0


_BINARY: dict[str, Callable[[Fraction, Fraction], Number]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": _divide,
    "remainder": _remainder,
    "maximum": lambda x, y: max(x, y),
    "minimum": lambda x, y: min(x, y),
    "power": _power,
}
_UNARY: dict[str, Callable[[Fraction], Number]] = {
    "negate": lambda x: -x,
    "abs": lambda x: abs(x),
    "sign": _sign,
    "floor": lambda x: Fraction(math.floor(x)),
    "ceil": lambda x: Fraction(math.ceil(x)),
    "round_nearest_even": lambda x: Fraction(round(x)),
    "round_nearest_afz": _round_away,
}
_FUNCTIONS: dict[str, Callable[..., Values]] = {
    **{name: np.frompyfunc(scalar, 1, 1) for name, scalar in _UNARY.items()},
    **{name: np.frompyfunc(scalar, 2, 1) for name, scalar in _BINARY.items()},
}


def _embed(value: int) -> Fraction:
    return Fraction(int(value))


_EMBED: Callable[[Values], Values] = np.frompyfunc(_embed, 1, 1)


def _objects(value: Values | Number | int) -> Values:
    """A scalar that a ufunc took out of its 0-d array goes back into one."""
    if isinstance(value, np.ndarray):
        return value
    boxed = np.empty((), object)
    boxed[()] = value
    return boxed


class Rational:
    """Floating-point types are `fractions.Fraction` in object arrays; integers and i1 are machine integers.

    A division or remainder by 0 gives 0. Infinities occur as literals and as identities of empty
    reductions only, as Python floats. Irrational functions raise UsageError.
    """

    name = "rational"

    def storage(self, dtype: DType) -> np.dtype[np.generic]:
        return np.dtype(object) if dtype.is_float else np.dtype(dtype.numpy_name)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Values:
        if not dtype.is_float:
            return np.asarray(wrap_integer(int(value), dtype), self.storage(dtype))
        return _objects(value if isinstance(value, float) and not math.isfinite(value) else Fraction(value))

    def index(self, values: NDArray[np.int64], dtype: DType) -> Values:
        return self.cast(np.asarray(values), DType.I64, dtype)

    def truth(self, values: Truth) -> Values:
        return np.asarray(values)

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        del dtype
        if function == "select":
            return np.where(*operands)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
        if not operand_dtype.is_float:
            return apply_integer(function, operands, operand_dtype)
        if function in COMPARISONS:
            return np.asarray(COMPARISONS[function](*operands))
        if function not in _FUNCTIONS:
            raise UsageError(f"{function} has no exact value over the rationals")
        return _objects(_FUNCTIONS[function](*operands))

    def cast(self, value: Values, source: DType, target: DType) -> Values:
        if not source.is_float:
            if not target.is_float:
                return cast_integer(value, target)
            return _objects(_EMBED(value))
        if target.is_float:
            return value
        if target is DType.I1:
            return np.asarray(np.not_equal(value, 0))
        whole = [wrap_integer(_truncate(x), target) for x in value.ravel().tolist()]
        return np.array(whole, object).reshape(value.shape).astype(self.storage(target))

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        if not dtype.is_float:
            return reduce_integer(function, value, axes, dtype)
        kept = [axis for axis in range(value.ndim) if axis not in axes]
        moved = value.transpose(*axes, *kept)
        flat = moved.reshape(math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :])
        result: Values = np.full(flat.shape[1:], self.identity(function, dtype)[()], object)
        for row in flat:
            result = _objects(_FUNCTIONS[function](result, row))
        return result

    def identity(self, function: str, dtype: DType) -> Values:
        if not dtype.is_float:
            return cast_integer(np.asarray(integer_identity(function, dtype)), dtype)
        numbers = {"zero": 0, "one": 1, "lowest": -math.inf, "highest": math.inf}
        return self.constant(numbers[FUNCTIONS[function].identity], dtype)

    def random(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
        """Small fractions, negative ones too."""
        if not dtype.is_float:
            return random_integer(generator, shape, dtype)
        numerators = generator.integers(-99, 100, size=shape)
        denominators = generator.integers(1, 10, size=shape)
        return _objects(_FUNCTIONS["divide"](_EMBED(numerators), _EMBED(denominators)))

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        del dtype
        return np.asarray(np.equal(left, right), np.bool_)
