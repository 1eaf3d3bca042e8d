"""Floating-point numbers as they are: operations known by their operands, and laws that hold bit for bit.

A value is one number at every point and for every outcome of its comparisons, and never a sum of two:
an element, a constant, or an operation's result. The empty sum is +0. Two values are equal if they are
the same formally, since elements and results are unknowns of which nothing is used.

Laws, all exact for every number, infinities and NaN included (which NaN is not told apart): `a + b = b + a`,
`a * b = b * a`, `a > b = b < a`, `a >= b = b <= a`, `a != b = not (a == b)`, division by a power of two is
multiplication, and a wider format holds the numbers of a narrower one.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from exalift.affine import Affine, Condition
from exalift.affine.algebra import Machine
from exalift.base import DType

from .functions import Values
from .index_values import constant_of, index_pieces
from .sums import Factor, Sum, Term, UndecidedError, index_number, number, scaled

_MACHINE = Machine()

NEGATIVE_ZERO = Factor("%negative zero")

# Integers up to this are numbers of every format that C has.
_LARGEST_INTEGER = 1 << 24
_MOST_BITS = 15


class ExactValues(Values):
    """Functions of normal forms where floating-point operations are what they are."""

    def index(self, index: Affine, dtype: DType, where: Condition) -> Sum:
        value = index_number(index, where)
        if not dtype.is_float:
            return value
        return self._rounded_integer(value, index.constant if index.is_constant else None, dtype, where)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Fraction:
        """The literal as its type has it: `0.1f` is not `0.1`. Raises UndecidedError where it has none."""
        if not dtype.is_float:
            return Fraction(value)
        with np.errstate(all="ignore"):
            rounded = float(_MACHINE.constant(value, dtype)[()])
        if not math.isfinite(rounded) or (value and not rounded):
            raise UndecidedError(f"{value} is no {dtype}")
        return Fraction(rounded)

    def negative_zero(self, where: Condition) -> Sum:
        return (Term(Fraction(1), where, (), (NEGATIVE_ZERO,)),)

    def apply(self, function: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if not of.is_float:
            return super().apply(function, values, of, where)
        if function.startswith("compare_"):
            return self._exactly_compared(function[8:], values, of, where)
        if function == "divide":
            power = _power_of_two(values[1], where)
            if power is not None:
                function, values = "multiply", (values[0], number(1 / power, where))
        if function in ("add", "multiply"):
            return self.any_of(f"{function}_{of}", [values, values[::-1]], where)
        return self.opaque(f"{function}_{of}", values, where)

    def _exactly_compared(self, direction: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if direction in ("gt", "ge"):
            values = values[::-1]
        match direction:
            case "lt" | "gt":
                return self.opaque(f"is less {of}", values, where)
            case "le" | "ge":
                return self.opaque(f"is at most {of}", values, where)
            case _:
                holds = self.any_of(f"is same {of}", [values, values[::-1]], where)
                return holds if direction == "eq" else number(1, where) + scaled(holds, -1)

    def chosen_extremum(self, chosen: Sum, yes: Sum, no: Sum, of: DType, where: Condition) -> Sum | None:
        return None if of.is_float else super().chosen_extremum(chosen, yes, no, of, where)

    def cast(self, value: Sum, before: DType, after: DType, where: Condition) -> Sum:
        if before is after or not (before.is_float or after.is_float):
            return super().cast(value, before, after, where)
        if before is DType.I1:
            return value
        if before.is_float and after.is_float:
            # A format with more bits has more of both exponent and fraction.
            wider = after.bits > before.bits
            return value if wider else self.opaque(f"round_{after}", (value,), where)
        if before.is_float:
            if after is DType.I1:
                return self._exactly_compared("ne", (value, ()), before, where)
            return self.opaque(f"truncate_{before}_{after}", (value,), where)
        pieces = index_pieces(value, before, where)
        if pieces is not None:
            return self._rounded_integer(value, constant_of(pieces), after, where)
        return self.opaque(f"convert_{before}_{after}", (value,), where)

    def _rounded_integer(self, value: Sum, constant: int | None, dtype: DType, where: Condition) -> Sum:
        """An exact integer in a floating-point format."""
        if constant is not None and abs(constant) <= _LARGEST_INTEGER and dtype.bits >= 32:
            return value
        return self.opaque(f"integer_{dtype}", (value,), where)


def _power_of_two(value: Sum, where: Condition) -> Fraction | None:
    """The value, where it is a power of two whose inverse is a number of every format."""
    if len(value) != 1 or value[0].factors or value[0].bound or not where.implies(value[0].where):
        return None
    found = abs(value[0].coefficient)
    whole = max(found.numerator, found.denominator)
    one = min(found.numerator, found.denominator) == 1 and not whole & (whole - 1)
    return value[0].coefficient if one and whole.bit_length() <= _MOST_BITS else None
