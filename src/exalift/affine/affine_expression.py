"""Quasi-affine integer expressions: linear in symbols, with floor division by constants.

A symbol is a size parameter, a loop's induction variable or an axis of an index notation; the
expression does not know which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntegerOrGrid = int | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FloorDiv:
    """`floor(numerator / denominator)`, rounding towards minus infinity; the denominator is positive."""

    numerator: Affine
    denominator: int

    def __post_init__(self) -> None:
        if self.denominator < 1:
            raise ValueError(f"the denominator must be positive, got {self.denominator}")

    def __str__(self) -> str:
        return f"floor(({self.numerator})/{self.denominator})"


Atom = str | FloorDiv


def _key(atom: Atom) -> tuple[bool, str]:
    return (isinstance(atom, FloorDiv), str(atom))


@dataclass(frozen=True)
class Affine:
    """`constant + sum(coefficient * atom)`, in canonical order, with no zero coefficient.

    Build one with `Affine.of`, `Affine.symbol` and the operators; the constructor expects canonical terms.
    """

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    @staticmethod
    def of(value: int | str | Affine) -> Affine:
        """An integer, a symbol's name, or an expression as it is."""
        match value:
            case Affine():
                return value
            case str():
                return Affine(((value, 1),))
            case _:
                return Affine((), int(value))

    @staticmethod
    def symbol(name: str) -> Affine:
        return Affine(((name, 1),))

    @staticmethod
    def _canonical(terms: Mapping[Atom, int], constant: int) -> Affine:
        kept = sorted(((a, c) for a, c in terms.items() if c), key=lambda term: _key(term[0]))
        return Affine(tuple(kept), constant)

    def __add__(self, other: int | Affine) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other)
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + coefficient
        return Affine._canonical(terms, self.constant + other.constant)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: int | Affine) -> Affine:
        return self + (-other)

    def __rsub__(self, other: int | Affine) -> Affine:
        return -self + other

    def __mul__(self, factor: int) -> Affine:
        if not factor:
            return Affine()
        return Affine(tuple((a, c * factor) for a, c in self.terms), self.constant * factor)

    __rmul__ = __mul__

    def __floordiv__(self, denominator: int) -> Affine:
        """Floor division by a positive constant; exact parts are taken out of the division."""
        if denominator == 1:
            return self
        whole = Affine(tuple((a, c // denominator) for a, c in self.terms if c % denominator == 0))
        rest = Affine(tuple((a, c) for a, c in self.terms if c % denominator), self.constant % denominator)
        whole = whole + self.constant // denominator
        return whole + Affine(((FloorDiv(rest, denominator), 1),)) if rest.terms else whole

    def __mod__(self, denominator: int) -> Affine:
        """The remainder in `[0, denominator)`."""
        return self - (self // denominator) * denominator

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def is_linear(self) -> bool:
        """Whether no floor division occurs."""
        return all(isinstance(atom, str) for atom, _ in self.terms)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every symbol, those inside floor divisions included."""
        found: set[str] = set()
        for atom, _ in self.terms:
            found |= {atom} if isinstance(atom, str) else atom.numerator.names
        return frozenset(found)

    def coefficient(self, name: str) -> int:
        """The coefficient of a symbol outside floor divisions."""
        return next((c for atom, c in self.terms if atom == name), 0)

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        """The expression with symbols replaced, all at once."""
        if not any(name in mapping for name in self.names):
            return self
        result = Affine((), self.constant)
        for atom, coefficient in self.terms:
            match atom:
                case str():
                    piece = mapping.get(atom, Affine.symbol(atom))
                case FloorDiv(numerator, denominator):
                    piece = numerator.substitute(mapping) // denominator
            result = result + piece * coefficient
        return result

    def rename(self, rename: Callable[[str], str]) -> Affine:
        return self.substitute({name: Affine.symbol(rename(name)) for name in self.names})

    def evaluate(self, values: Mapping[str, IntegerOrGrid]) -> IntegerOrGrid:
        """The value where every symbol has an integer, or an int64 array (broadcast together).

        Raises KeyError for a symbol without a value.
        """
        result: IntegerOrGrid = self.constant
        for atom, coefficient in self.terms:
            match atom:
                case str():
                    piece = values[atom]
                case FloorDiv(numerator, denominator):
                    piece = numerator.evaluate(values) // denominator
            result = result + piece * coefficient
        return result

    def at(self, values: Mapping[str, int]) -> int:
        """The integer value where every symbol has an integer."""
        return int(self.evaluate(values))

    def __str__(self) -> str:
        if self.is_constant:
            return str(self.constant)
        text = ""
        for atom, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+" if text else ""
            size = "" if abs(coefficient) == 1 else f"{abs(coefficient)}*"
            text += f" {sign} {size}{atom}" if text else f"{sign}{size}{atom}"
        if self.constant:
            text += f" {'-' if self.constant < 0 else '+'} {abs(self.constant)}"
        return text
