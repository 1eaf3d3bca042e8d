"""Integers that are followed symbolically: polynomials over sizes and loop counters.

While a function is executed symbolically, every integer that may come to stand in a subscript or a
bound is a `Poly`. Operations that are not polynomial are atoms of it, kept until the loops around
are known and a proof can be tried: `Quotient` (C's division, which truncates), `Floor`, `Wrapped` (a
value seen through a type in which it might not fit), `Trips` (a number of iterations, 0 when negative) and
`Choice` (one of two values, by a condition).

A `Poly` stands for a C value modulo 2^bits of its type; where C looks at the value itself (comparison,
division, widening of an unsigned type) it is `Wrapped` first, so nothing is lost by following it as an
ideal integer. That signed index arithmetic does not overflow is assumed, as C does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, assert_never

from exalift.base import DType

if TYPE_CHECKING:
    from .conditions import Condition

MAX_DEGREE = 6
MAX_SIZE = 240


class TooComplexError(Exception):
    """A polynomial grew beyond what can be followed; it is then data like any other."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """`numerator / denominator` as C has it, truncated towards zero, computed in `dtype`."""

    numerator: Poly
    denominator: Poly
    dtype: DType

    def __str__(self) -> str:
        return f"({self.numerator})/({self.denominator}):{self.dtype}"


@dataclass(frozen=True, slots=True)
class Floor:
    """`floor(numerator / denominator)`, the denominator a positive constant."""

    numerator: Poly
    denominator: int

    def __str__(self) -> str:
        return f"floor(({self.numerator})/{self.denominator})"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """`operand` reduced to the range of `dtype`."""

    operand: Poly
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype}({self.operand})"


@dataclass(frozen=True, slots=True)
class Trips:
    """`max(0, operand)`: how often a loop runs."""

    operand: Poly

    def __str__(self) -> str:
        return f"trips({self.operand})"


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` where the condition holds, else `otherwise`. The condition has no data in it."""

    condition: Condition
    then: Poly
    otherwise: Poly

    def __str__(self) -> str:
        return f"({self.condition} ? {self.then} : {self.otherwise})"


Atom = str | Quotient | Floor | Wrapped | Trips | Choice
Monomial = tuple[Atom, ...]


def _atom_key(atom: Atom) -> tuple[bool, str]:
    return (not isinstance(atom, str), str(atom))


def term_key(term: tuple[Monomial, int]) -> tuple[int, list[tuple[bool, str]]]:
    """The canonical order of terms: by degree, then by name."""
    return len(term[0]), [_atom_key(atom) for atom in term[0]]


def _atom_size(atom: Atom) -> int:
    match atom:
        case str():
            return 1
        case Quotient(numerator, denominator):
            return 1 + numerator.size + denominator.size
        case Floor(numerator):
            return 1 + numerator.size
        case Wrapped(operand) | Trips(operand):
            return 1 + operand.size
        case Choice(condition, then, otherwise):
            return 1 + condition.size + then.size + otherwise.size
        case _:
            assert_never(atom)


@dataclass(frozen=True)
class Poly:
    """A sum of integer multiples of products of atoms, in canonical order; the empty product is 1."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def of(value: int | str | Poly) -> Poly:
        match value:
            case Poly():
                return value
            case str():
                return Poly((((value,), 1),))
            case _:
                return Poly((((), int(value)),)) if value else Poly()

    @staticmethod
    def atom(atom: Atom) -> Poly:
        result = Poly((((atom,), 1),))
        if result.size > MAX_SIZE:
            raise TooComplexError
        return result

    @staticmethod
    def collect(terms: Iterable[tuple[Monomial, int]]) -> Poly:
        """The sum of the terms; monomials must be sorted inside. Raises TooComplexError."""
        sums: dict[Monomial, int] = {}
        for monomial, coefficient in terms:
            sums[monomial] = sums.get(monomial, 0) + coefficient
        kept = [(m, c) for m, c in sums.items() if c]
        kept.sort(key=term_key)
        result = Poly(tuple(kept))
        if result.size > MAX_SIZE or any(len(m) > MAX_DEGREE for m, _ in kept):
            raise TooComplexError
        return result

    @cached_property
    def size(self) -> int:
        return sum(1 + sum(_atom_size(atom) for atom in monomial) for monomial, _ in self.terms)

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: int | Poly) -> Poly:
        return Poly.collect((*self.terms, *Poly.of(other).terms))

    __radd__ = __add__

    def __neg__(self) -> Poly:
        return Poly(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: int | Poly) -> Poly:
        return self + (-Poly.of(other))

    def __rsub__(self, other: int | Poly) -> Poly:
        return -self + other

    def __mul__(self, other: int | Poly) -> Poly:
        right = Poly.of(other)
        if len(self.terms) * len(right.terms) > MAX_SIZE:
            raise TooComplexError
        return Poly.collect(
            (tuple(sorted(m + n, key=_atom_key)), c * d) for m, c in self.terms for n, d in right.terms
        )

    __rmul__ = __mul__

    @property
    def constant(self) -> int | None:
        """The value, if it is a number."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and not self.terms[0][0]:
            return self.terms[0][1]
        return None

    @property
    def constant_term(self) -> int:
        return self.terms[0][1] if self.terms and not self.terms[0][0] else 0

    @property
    def single_atom(self) -> Atom | None:
        """The atom, if this is one atom and nothing else."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Every symbol, those inside atoms included."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                found |= _atom_symbols(atom)
        return frozenset(found)

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """The distinct atoms that are not symbols, outermost level only."""
        found = (atom for monomial, _ in self.terms for atom in monomial if not isinstance(atom, str))
        return tuple(dict.fromkeys(found))

    @property
    def is_plain(self) -> bool:
        """Whether it is a polynomial of symbols alone."""
        return not self.atoms

    def divided_exactly(self, divisor: int) -> Poly | None:
        """All coefficients divided, or None where one is not divisible."""
        if any(c % divisor for _, c in self.terms):
            return None
        return Poly(tuple((m, c // divisor) for m, c in self.terms))

    def split(self, symbol: str) -> dict[int, Poly] | None:
        """The coefficients by power of the symbol; None where the symbol is inside an atom."""
        parts: dict[int, list[tuple[Monomial, int]]] = {}
        for monomial, coefficient in self.terms:
            if any(not isinstance(a, str) and symbol in _atom_symbols(a) for a in monomial):
                return None
            power = sum(1 for a in monomial if a == symbol)
            rest = tuple(a for a in monomial if a != symbol)
            parts.setdefault(power, []).append((rest, coefficient))
        return {power: Poly.collect(terms) for power, terms in parts.items()}

    def map_atoms(self, change: Callable[[Atom], Poly]) -> Poly:
        """The polynomial with every atom replaced, symbols included. Raises TooComplexError."""
        pieces: list[tuple[Monomial, int]] = []
        for monomial, coefficient in self.terms:
            product = Poly.of(coefficient)
            for atom in monomial:
                product = product * change(atom)
            pieces.extend(product.terms)
        return Poly.collect(pieces)

    def substitute(self, mapping: Mapping[str, Poly]) -> Poly:
        """Symbols replaced all at once, inside atoms too."""
        if not any(name in mapping for name in self.symbols):
            return self

        def change(atom: Atom) -> Poly:
            match atom:
                case str():
                    return mapping.get(atom, Poly.of(atom))
                case Quotient(numerator, denominator, dtype):
                    return quotient(numerator.substitute(mapping), denominator.substitute(mapping), dtype)
                case Floor(numerator, denominator):
                    return floor(numerator.substitute(mapping), denominator)
                case Wrapped(operand, dtype):
                    return wrapped(operand.substitute(mapping), dtype)
                case Trips(operand):
                    return trips(operand.substitute(mapping))
                case Choice(condition, then, otherwise):
                    return choice(
                        condition.substitute(mapping), then.substitute(mapping), otherwise.substitute(mapping)
                    )
                case _:
                    assert_never(atom)

        return self.map_atoms(change)

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        texts: list[str] = []
        for monomial, coefficient in self.terms:
            product = "*".join(str(atom) for atom in monomial)
            if not product:
                texts.append(str(coefficient))
            else:
                texts.append(
                    product
                    if coefficient == 1
                    else f"{'-' if coefficient == -1 else f'{coefficient}*'}{product}"
                )
        return " + ".join(texts).replace("+ -", "- ")


def _atom_symbols(atom: Atom) -> frozenset[str]:
    match atom:
        case str():
            return frozenset((atom,))
        case Quotient(numerator, denominator):
            return numerator.symbols | denominator.symbols
        case Floor(numerator):
            return numerator.symbols
        case Wrapped(operand) | Trips(operand):
            return operand.symbols
        case Choice(condition, then, otherwise):
            return condition.symbols | then.symbols | otherwise.symbols
        case _:
            assert_never(atom)


def type_range(dtype: DType) -> tuple[int, int]:
    """The smallest and the largest value of an integer type."""
    if dtype is DType.I1:
        return 0, 1
    if dtype.is_signed:
        return -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
    return 0, (1 << dtype.bits) - 1


def wrap(value: int, dtype: DType) -> int:
    """An integer reduced to the range of a type, as C converts it."""
    if dtype is DType.I1:
        return int(value != 0)
    low = value & ((1 << dtype.bits) - 1)
    return low - (1 << dtype.bits) if dtype.is_signed and low >> (dtype.bits - 1) else low


def truncating_quotient(numerator: int, denominator: int) -> int:
    magnitude = abs(numerator) // abs(denominator)
    return magnitude if (numerator < 0) == (denominator < 0) else -magnitude


def quotient(numerator: Poly, denominator: Poly, dtype: DType) -> Poly:
    """C's division. A division by the constant 0 stays as it is, and has no meaning."""
    above, below = numerator.constant, denominator.constant
    if below is not None and below:
        if above is not None:
            return Poly.of(truncating_quotient(above, below))
        if below < 0:
            return -quotient(numerator, -denominator, dtype)
        exact = numerator.divided_exactly(below)
        if exact is not None:
            return exact
    if numerator == denominator and below != 0:
        return Poly.of(1)
    return Poly.atom(Quotient(numerator, denominator, dtype))


def floor(numerator: Poly, denominator: int) -> Poly:
    """Floor division by a positive constant; multiples are taken out of it."""
    if denominator == 1:
        return numerator
    whole = Poly(tuple((m, c // denominator) for m, c in numerator.terms if c % denominator == 0))
    rest = Poly(tuple((m, c) for m, c in numerator.terms if c % denominator))
    if rest.constant is not None:
        return whole + rest.constant // denominator
    carry = rest.constant_term // denominator
    return whole + carry + Poly.atom(Floor(rest - carry * denominator, denominator))


def wrapped(operand: Poly, dtype: DType) -> Poly:
    value = operand.constant
    if value is not None:
        return Poly.of(wrap(value, dtype))
    atom = operand.single_atom
    if isinstance(atom, Wrapped):
        inner, outer = type_range(atom.dtype), type_range(dtype)
        if outer[0] <= inner[0] and inner[1] <= outer[1]:
            return operand
    return Poly.atom(Wrapped(operand, dtype))


def trips(operand: Poly) -> Poly:
    value = operand.constant
    return Poly.of(max(0, value)) if value is not None else Poly.atom(Trips(operand))


def choice(condition: Condition, then: Poly, otherwise: Poly) -> Poly:
    if condition.known is not None:
        return then if condition.known else otherwise
    return then if then == otherwise else Poly.atom(Choice(condition, then, otherwise))
