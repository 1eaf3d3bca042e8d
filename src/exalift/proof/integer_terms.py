"""Integer terms: polynomials modulo 2^n, with atoms for what is not a ring operation.

The element type says how many bits, and whether order, division, right shifts and widening are
signed. The conventions are those of `affine.algebra.integers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exalift.affine.algebra import apply_integer, wrap_integer
from exalift.base import DType

from . import polynomials as poly
from .polynomials import REAL, Coefficient, Polynomial
from .terms import Atom, Terms

_LARGEST_EXPONENT = 16
# Functions by the name of their atom; those of the second table do not care for the order of operands.
_OPAQUE = frozenset(
    {"divide", "remainder", "shift_right_arithmetic", "shift_right_logical", "shift_left", "power"}
)
_BITWISE = frozenset({"and", "or", "xor"})
_EXTREMA = frozenset({"maximum", "minimum"})


@dataclass(frozen=True, slots=True)
class IntegerTerms:
    """Operations on integer terms of type `dtype`, over a shared table of atoms."""

    terms: Terms

    def constant(self, value: int, dtype: DType) -> Polynomial:
        return poly.constant(value, dtype.bits)

    def apply(self, function: str, operands: tuple[Polynomial, ...], dtype: DType) -> Polynomial:
        """A function of `affine.functions`, comparisons aside. Raises ValueError where it has no meaning."""
        terms = self.terms
        match function, operands:
            case "add", (x, y):
                return terms.add(x, y)
            case "subtract", (x, y):
                return terms.subtract(x, y)
            case "multiply", (x, y):
                return terms.multiply(x, y)
            case "negate", (x,):
                return poly.scale(x, -1)
            case "not", (x,):
                return poly.subtract(self.constant(-1, dtype), x)
            case "abs", (x,):
                return self.extremum("maximum", (x, poly.scale(x, -1)), dtype) if dtype.is_signed else x
            case "sign", (x,):
                return self._sign(x, dtype)
            case (("maximum" | "minimum"), _):
                return self.extremum(function, operands, dtype)
            case _ if function in _BITWISE or function in _OPAQUE:
                return self._opaque(function, operands, dtype)
            case _:
                raise ValueError(f"{function} is not defined on {dtype}")

    def _sign(self, term: Polynomial, dtype: DType) -> Polynomial:
        zero = self.constant(0, dtype)
        above, below = self.less(zero, term, dtype), self.less(term, zero, dtype)
        return poly.combine(dtype.bits, ((above, 1), (below, -1)))

    def _opaque(self, function: str, operands: tuple[Polynomial, ...], dtype: DType) -> Polynomial:
        known = [operand.value for operand in operands]
        right = known[1]
        by_zero = function in ("divide", "remainder") and right == 0
        if all(value is not None for value in known) and not by_zero:
            return self._folded(function, [int(value or 0) for value in known], dtype)
        if function == "shift_left" and right is not None and int(right) < dtype.bits:
            return poly.scale(operands[0], 1 << int(right))
        if function == "power" and right is not None and int(right) <= _LARGEST_EXPONENT:
            return self.terms.power(operands[0], int(right))
        if function == "divide" and right == 1:
            return operands[0]
        if function in _BITWISE:
            operands = self.terms.ordered(operands)
        return self.terms.term(Atom(function, dtype.bits, operands, (str(dtype),)))

    def _folded(self, function: str, values: list[int], dtype: DType) -> Polynomial:
        native = np.dtype(dtype.numpy_name)
        arrays = [np.asarray(wrap_integer(value, dtype), native) for value in values]
        return self.constant(int(apply_integer(function, arrays, dtype)), dtype)

    def extremum(self, function: str, operands: tuple[Polynomial, ...], dtype: DType) -> Polynomial:
        """The maximum or minimum in the type's order, of a set of terms."""
        choices: dict[Polynomial, None] = {}
        pick = max if function == "maximum" else min
        numbers: list[int] = []
        for operand in operands:
            atom = self.terms.kind(operand)
            same = atom is not None and (atom.kind, atom.data) == (function, (str(dtype),))
            for choice in atom.arguments if atom is not None and same else (operand,):
                value = choice.value
                if value is None:
                    choices[choice] = None
                else:
                    numbers.append(wrap_integer(int(value), dtype))
        if numbers:
            number = pick(numbers)
            low, high = _extremes(dtype)
            useless, absorbing = (low, high) if function == "maximum" else (high, low)
            if number == absorbing or not choices:
                return self.constant(number, dtype)
            if number != useless:
                choices[self.constant(number, dtype)] = None
        if len(choices) == 1:
            return next(iter(choices))
        return self.terms.term(Atom(function, dtype.bits, self.terms.ordered(choices), (str(dtype),)))

    # Comparisons give real polynomials in indicators, as all truth values are.

    def less(self, left: Polynomial, right: Polynomial, dtype: DType) -> Polynomial:
        if left == right:
            return poly.constant(0, REAL)
        if left.value is not None and right.value is not None:
            first, second = (wrap_integer(int(x.value or 0), dtype) for x in (left, right))
            return poly.constant(int(first < second), REAL)
        low, high = _extremes(dtype)
        if left.value == high % (1 << dtype.bits) or right.value == low % (1 << dtype.bits):
            return poly.constant(0, REAL)
        tabulated = self._tabulated_less(left, right, dtype)
        if tabulated is not None:
            return tabulated
        result = Atom("less", REAL, (left, right), (str(dtype),), indicator=True)
        self.terms.link(result, Atom("less", REAL, (right, left), (str(dtype),), indicator=True))
        return self.terms.term(result)

    def _tabulated_less(self, left: Polynomial, right: Polynomial, dtype: DType) -> Polynomial | None:
        """A comparison of a number with a term in few truth values."""

        def signed(value: Coefficient) -> int:
            return wrap_integer(int(value), dtype)

        if right.value is not None:
            bound = signed(right.value)
            return self.terms.tabulate(left, REAL, lambda value: int(signed(value) < bound))
        if left.value is not None:
            bound = signed(left.value)
            return self.terms.tabulate(right, REAL, lambda value: int(bound < signed(value)))
        return None

    def equal(self, left: Polynomial, right: Polynomial) -> Polynomial:
        difference = poly.subtract(left, right)
        if difference.value is not None:
            return poly.constant(int(difference.value == 0), REAL)
        tabulated = self.terms.tabulate(difference, REAL, lambda value: int(value == 0))
        if tabulated is not None:
            return tabulated
        first, _ = self.terms.ordered((difference, poly.scale(difference, -1)))
        return self.terms.term(Atom("zero", REAL, (first,), indicator=True))

    def select(
        self, condition: Polynomial, then: Polynomial, otherwise: Polynomial, dtype: DType
    ) -> Polynomial:
        """As `Terms.select`; `a < b ? b : a` is a maximum, and so on."""
        for flag, first, second in (
            (condition, then, otherwise),
            (poly.complement(condition), otherwise, then),
        ):
            atom = self.terms.kind(flag)
            if atom is not None and atom.kind == "less" and atom.data == (str(dtype),):
                if atom.arguments == (second, first):
                    return self.extremum("maximum", (first, second), dtype)
                if atom.arguments == (first, second):
                    return self.extremum("minimum", (first, second), dtype)
        return self.terms.select(condition, then, otherwise)

    # Conversions.

    def to_real(self, term: Polynomial, dtype: DType) -> Polynomial:
        def number(value: Coefficient) -> int:
            return wrap_integer(int(value), dtype)

        tabulated = self.terms.tabulate(term, REAL, number)
        if tabulated is not None:
            return tabulated
        return self.terms.term(Atom("real", REAL, (term,), (str(dtype),)))

    def from_real(self, term: Polynomial, dtype: DType) -> Polynomial:
        def number(value: Coefficient) -> int:
            return wrap_integer(int(Fraction(value)), dtype)

        tabulated = self.terms.tabulate(term, dtype.bits, number)
        if tabulated is not None:
            return tabulated
        atom = self.terms.kind(term)
        if atom is not None and atom.kind == "real" and atom.data == (str(dtype),):
            return atom.arguments[0]
        return self.terms.term(Atom("integer", dtype.bits, (term,), (str(dtype),)))

    def convert(self, term: Polynomial, source: DType, target: DType) -> Polynomial:
        """Integer to integer: narrowing is exact on sums and products, widening is not."""
        if target.bits == source.bits:
            return term
        if target.bits < source.bits:
            return self._narrow(term, target.bits)

        def number(value: Coefficient) -> int:
            return wrap_integer(int(value), source)

        tabulated = self.terms.tabulate(term, target.bits, number)
        if tabulated is not None:
            return tabulated
        return self.terms.term(Atom("extend", target.bits, (term,), (str(source),)))

    def _narrow(self, term: Polynomial, bits: int) -> Polynomial:
        result = poly.constant(0, bits)
        for monomial, coefficient in term.terms.items():
            factor = poly.constant(int(coefficient), bits)
            for atom in monomial:
                factor = self.terms.multiply(factor, self._narrow_atom(atom, bits))
            result = self.terms.add(result, factor)
        return result

    def _narrow_atom(self, number: int, bits: int) -> Polynomial:
        if number & 1:
            return poly.from_atom(number, bits)
        atom = self.terms.atom_of(number)
        if atom.kind == "extend":
            inner = atom.arguments[0]
            if inner.ring < bits:
                return self.terms.term(Atom("extend", bits, (inner,), atom.data))
            # The recursion goes down in widths, of which there are four.
            return inner if inner.ring == bits else self._narrow(inner, bits)
        return self.terms.term(Atom("narrow", bits, (poly.from_atom(number, atom.ring),)))


def _extremes(dtype: DType) -> tuple[int, int]:
    if dtype.is_signed:
        return -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
    return 0, (1 << dtype.bits) - 1
