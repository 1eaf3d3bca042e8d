"""Quasi-affine integer expressions of a kernel: bounds of loops and subscripts of buffers.

Symbols are loop variables alone; sizes are numbers by the time that a kernel is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotient:
    """`floor(numerator / denominator)`, rounding towards minus infinity; the denominator is positive."""

    numerator: Index
    denominator: int

    def __post_init__(self) -> None:
        if self.denominator < 1:
            raise ValueError(f"the denominator must be positive, got {self.denominator}")

    def __str__(self) -> str:
        return f"floor({self.numerator}, {self.denominator})"


Atom = str | Quotient


def _key(atom: Atom) -> tuple[bool, str]:
    return (isinstance(atom, Quotient), str(atom))


@dataclass(frozen=True, slots=True)
class Index:
    """`constant + sum(coefficient * atom)`, in canonical order, with no zero coefficient.

    Build one with `Index.of` and the operators; the constructor expects canonical terms.
    """

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    @staticmethod
    def of(value: int | str | Quotient | Index) -> Index:
        match value:
            case Index():
                return value
            case str() | Quotient():
                return Index(((value, 1),))
            case _:
                return Index((), int(value))

    def __add__(self, other: int | Index) -> Index:
        if isinstance(other, int):
            return Index(self.terms, self.constant + other)
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + coefficient
        kept = sorted(((a, c) for a, c in terms.items() if c), key=lambda term: _key(term[0]))
        return Index(tuple(kept), self.constant + other.constant)

    def __neg__(self) -> Index:
        return self * -1

    def __sub__(self, other: int | Index) -> Index:
        return self + (-other)

    def __mul__(self, factor: int) -> Index:
        if not factor:
            return Index()
        return Index(tuple((a, c * factor) for a, c in self.terms), self.constant * factor)

    def __floordiv__(self, denominator: int) -> Index:
        """Floor division by a positive constant; exact parts are taken out of the division."""
        if denominator == 1:
            return self
        whole = Index(tuple((a, c // denominator) for a, c in self.terms if c % denominator == 0))
        rest = Index(tuple((a, c) for a, c in self.terms if c % denominator), self.constant % denominator)
        whole = whole + self.constant // denominator
        return whole + Index.of(Quotient(rest, denominator)) if rest.terms else whole

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def names(self) -> frozenset[str]:
        """Every symbol, those inside quotients included."""
        found: set[str] = set()
        for atom, _ in self.terms:
            found |= {atom} if isinstance(atom, str) else atom.numerator.names
        return frozenset(found)

    def coefficient(self, name: str) -> int:
        """The coefficient of a symbol outside quotients."""
        return next((c for atom, c in self.terms if atom == name), 0)

    def substitute(self, mapping: Mapping[str, Index]) -> Index:
        """The expression with symbols replaced, all at once."""
        result = Index((), self.constant)
        for atom, coefficient in self.terms:
            match atom:
                case str():
                    piece = mapping.get(atom, Index.of(atom))
                case Quotient(numerator, denominator):
                    piece = numerator.substitute(mapping) // denominator
            result = result + piece * coefficient
        return result

    def at(self, values: Mapping[str, int]) -> int:
        """The value where every symbol has an integer; KeyError where one has none."""
        result = self.constant
        for atom, coefficient in self.terms:
            match atom:
                case str():
                    piece = values[atom]
                case Quotient(numerator, denominator):
                    piece = numerator.at(values) // denominator
            result += piece * coefficient
        return result

    def __str__(self) -> str:
        text = ""
        for atom, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+" if text else ""
            size = "" if abs(coefficient) == 1 else f"{abs(coefficient)}*"
            text += f" {sign} {size}{atom}" if text else f"{sign}{size}{atom}"
        if self.constant or not text:
            sign = "-" if self.constant < 0 else "+"
            text = f"{text} {sign} {abs(self.constant)}" if text else str(self.constant)
        return text
