"""The prime field with p = 2^31 - 1, in which the search compares programs.

Two unequal polynomials or rational functions of low degree agree at a random point with a
probability of about degree / p (Schwartz, Zippel), and nothing is ever rounded.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

from ..functions import FUNCTIONS, Kind
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

PRIME = 2**31 - 1
_HALF = (PRIME - 1) // 2
# The largest power that is multiplied out, so that `power(x, 2)` is `x * x` here as it is over the reals.
_LARGEST_EXPONENT = 16

Residues = NDArray[np.int64]


def _multiply(left: Residues, right: Residues) -> Residues:
    return np.asarray(left * right % PRIME)


def inverse(values: Residues) -> Residues:
    """The multiplicative inverse of every residue; that of 0 is 0.

    Fermat: x^(p-2) with p - 2 = 4 * (2^29 - 1) + 1, where x^(2^k - 1) doubles its k at each step.
    """

    def square(value: Residues, times: int) -> Residues:
        for _ in range(times):
            value = value * value % PRIME
        return value

    ones_2 = _multiply(square(values, 1), values)
    ones_4 = _multiply(square(ones_2, 2), ones_2)
    ones_8 = _multiply(square(ones_4, 4), ones_4)
    ones_16 = _multiply(square(ones_8, 8), ones_8)
    ones_24 = _multiply(square(ones_16, 8), ones_8)
    ones_28 = _multiply(square(ones_24, 4), ones_4)
    ones_29 = _multiply(square(ones_28, 1), values)
    return _multiply(square(ones_29, 2), values)


def signed(values: Residues) -> Residues:
    """The representatives in [-(p-1)/2, (p-1)/2], which give the field its order."""
    return np.asarray(np.where(values > _HALF, values - PRIME, values))


def _key(values: Residues) -> Residues:
    """A residue whose natural order is the order of the signed representatives."""
    shifted = values + _HALF
    return np.asarray(np.where(shifted >= PRIME, shifted - PRIME, shifted))


def _salt(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


_SALTS = {name: _salt(name) for name in (*FUNCTIONS, "cast")}


def _mix(function: str, *operands: Residues) -> NDArray[np.uint64]:
    """A fixed pseudo-random map of residues to 64 bits: the finaliser of splitmix64, salted by the name."""
    state: NDArray[np.uint64] = np.asarray(_SALTS[function], np.uint64)
    with np.errstate(over="ignore"):
        for operand in operands:
            state = state + operand.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return np.asarray(state)


def _opaque(function: str, *operands: Residues) -> Residues:
    return np.asarray((_mix(function, *operands) % np.uint64(PRIME)).astype(np.int64))


def _power(base: Residues, exponent: Residues) -> Residues:
    """Small integer powers are multiplied out; all others are opaque."""
    exponents = signed(exponent)
    magnitude = np.abs(exponents)
    small = magnitude <= _LARGEST_EXPONENT
    if not small.any():
        return _opaque("power", base, exponent)
    result: Residues = np.ones(np.broadcast_shapes(base.shape, exponent.shape), np.int64)
    factor, left = base, np.where(small, magnitude, 0)
    while left.any():
        result = np.where(left & 1, result * factor % PRIME, result)
        factor, left = factor * factor % PRIME, left >> 1
    result = np.where(exponents < 0, inverse(result), result)
    return result if small.all() else np.where(small, result, _opaque("power", base, exponent))


def _larger(left: Residues, right: Residues) -> Residues:
    return np.asarray(np.where(_key(left) >= _key(right), left, right))


def _smaller(left: Residues, right: Residues) -> Residues:
    return np.asarray(np.where(_key(left) <= _key(right), left, right))


def _absolute(value: Residues) -> Residues:
    return np.asarray(np.where(value > _HALF, PRIME - value, value))


def _sign(value: Residues) -> Residues:
    return np.asarray(np.where(value > _HALF, PRIME - 1, np.minimum(value, 1)))


_UNARY: dict[str, Callable[[Residues], Residues]] = {
    "negate": lambda x: np.asarray(-x % PRIME),
    "abs": _absolute,
    "sign": _sign,
}
_BINARY: dict[str, Callable[[Residues, Residues], Residues]] = {
    "add": lambda x, y: np.asarray((x + y) % PRIME),
    "subtract": lambda x, y: np.asarray((x - y) % PRIME),
    "multiply": _multiply,
    "divide": lambda x, y: _multiply(x, inverse(y)),
    "maximum": _larger,
    "minimum": _smaller,
    "power": _power,
}


class PrimeField:
    """Floating-point types are residues modulo 2^31 - 1 (int64); integers and i1 are machine integers.

    The order of the field is that of the signed representatives, so that small constants are ordered
    as usual and a random value is positive half of the time; it is not compatible with addition.
    A division by 0 gives 0. Functions without a meaning in a field (square roots, exponentials,
    rounding, remainders, conversion to an integer) are fixed pseudo-random maps of the residues: no
    law of theirs holds here. Infinities are the extreme representatives.
    """

    name = "prime-field"

    def storage(self, dtype: DType) -> np.dtype[np.generic]:
        return np.dtype(np.int64) if dtype.is_float else np.dtype(dtype.numpy_name)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Values:
        if not dtype.is_float:
            return np.asarray(wrap_integer(int(value), dtype), self.storage(dtype))
        return np.asarray(self._residue(value), np.int64)

    @staticmethod
    def _residue(value: int | bool | float | Fraction) -> int:
        if isinstance(value, float) and not math.isfinite(value):
            return _salt("nan") % PRIME if math.isnan(value) else (_HALF if value > 0 else PRIME - _HALF)
        exact = Fraction(value)
        denominator = exact.denominator % PRIME
        return exact.numerator * pow(denominator, -1, PRIME) % PRIME if denominator else 0

    def index(self, values: NDArray[np.int64], dtype: DType) -> Values:
        return np.asarray(values % PRIME) if dtype.is_float else cast_integer(values, dtype)

    def truth(self, values: Truth) -> Values:
        return np.asarray(values)

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        del dtype
        if function == "select":
            return np.where(*operands)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
        if not operand_dtype.is_float:
            return apply_integer(function, operands, operand_dtype)
        if function in COMPARISONS:
            return np.asarray(COMPARISONS[function](*(_key(_residues(x)) for x in operands)))
        if function in _BINARY:
            return _BINARY[function](_residues(operands[0]), _residues(operands[1]))
        if function in _UNARY:
            return _UNARY[function](_residues(operands[0]))
        if FUNCTIONS[function].kind is Kind.TRANSCENDENTAL or function == "remainder":
            return _opaque(function, *(_residues(x) for x in operands))
        raise ValueError(f"{function} is not defined on {operand_dtype}")

    def cast(self, value: Values, source: DType, target: DType) -> Values:
        if not source.is_float:
            if target.is_float:
                wide = np.uint64 if source is DType.UI64 else np.int64
                return np.asarray(np.remainder(value.astype(wide), wide(PRIME)), np.int64)
            return cast_integer(value, target)
        if target.is_float:
            return value
        if target is DType.I1:
            return np.asarray(np.not_equal(value, 0))
        return cast_integer(_mix("cast", _residues(value)), target)

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        if not dtype.is_float:
            return reduce_integer(function, value, axes, dtype)
        if not axes:
            return value
        residues = _residues(value)
        match function:
            case "add":
                return np.asarray(np.add.reduce(residues, axis=axes) % PRIME)
            case "multiply":
                return _product(residues, axes)
            case "maximum":
                keys = np.maximum.reduce(_key(residues), axis=axes, initial=0)
            case "minimum":
                keys = np.minimum.reduce(_key(residues), axis=axes, initial=PRIME - 1)
            case _:
                raise ValueError(f"{function} does not reduce {dtype}")
        return np.asarray((keys - _HALF) % PRIME)

    def identity(self, function: str, dtype: DType) -> Values:
        if not dtype.is_float:
            return np.asarray(integer_identity(function, dtype)).astype(self.storage(dtype))
        residues = {"zero": 0, "one": 1, "lowest": PRIME - _HALF, "highest": _HALF}
        return np.asarray(residues[FUNCTIONS[function].identity], np.int64)

    def random(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
        if not dtype.is_float:
            return random_integer(generator, shape, dtype)
        return generator.integers(0, PRIME, size=shape)

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        del dtype
        return np.asarray(np.equal(left, right))


def _residues(value: Values) -> Residues:
    # Only ever called on values of a floating-point type, which are stored as int64.
    return value  # pyright: ignore[reportReturnType]


def _product(value: Residues, axes: tuple[int, ...]) -> Residues:
    """A product modulo p by halving, since a native product would overflow."""
    kept = [axis for axis in range(value.ndim) if axis not in axes]
    moved = value.transpose(*axes, *kept)
    flat = moved.reshape(math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :])
    while len(flat) > 1:
        half = len(flat) // 2
        paired = flat[:half] * flat[half : 2 * half] % PRIME
        flat = np.concatenate([paired, flat[2 * half :]]) if len(flat) % 2 else paired
    return flat[0] if len(flat) else np.ones(flat.shape[1:], np.int64)
