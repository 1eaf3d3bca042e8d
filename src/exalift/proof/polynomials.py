"""Polynomials in normal form, over the rationals or over the integers modulo 2^n.

The unknowns are atoms, which are numbered by `terms.Terms`. An odd number marks an indicator, an
atom that is 0 or 1, so that its square is itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

Coefficient = int | Fraction
# Atoms in ascending order, each as often as its power says.
Monomial = tuple[int, ...]
REAL = 0


class Polynomial:
    """A sum of monomials with non-zero coefficients; immutable, and equal exactly when the same sum.

    ring: `REAL`, or the number of bits n where coefficients are integers in [0, 2^n).
    """

    __slots__ = ("_hash", "ring", "terms")

    def __init__(self, ring: int, terms: Mapping[Monomial, Coefficient]) -> None:
        self.ring = ring
        self.terms = terms
        self._hash = hash((ring, frozenset(terms.items())))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Polynomial):
            return NotImplemented
        return self._hash == other._hash and self.ring == other.ring and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        shown = " + ".join(f"{c}*{m}" for m, c in sorted(self.terms.items())) or "0"
        return f"Polynomial({shown}, ring={self.ring})"

    @property
    def value(self) -> Coefficient | None:
        """The number that a constant polynomial is; None for any other."""
        if not self.terms:
            return 0
        return self.terms.get(()) if len(self.terms) == 1 else None

    @property
    def atom(self) -> int | None:
        """The atom that the polynomial is; None where it is anything else."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def atoms(self) -> frozenset[int]:
        return frozenset(atom for monomial in self.terms for atom in monomial)

    @property
    def leading(self) -> Coefficient:
        """The coefficient of the first monomial in a fixed order; 0 for the zero polynomial."""
        return self.terms[min(self.terms)] if self.terms else 0


def simple(value: Coefficient) -> Coefficient:
    """The same number as an int where it is whole, since ints are much faster than fractions."""
    return value.numerator if value.denominator == 1 else value


def constant(value: Coefficient, ring: int) -> Polynomial:
    reduced = value % (1 << ring) if ring else simple(value)
    return Polynomial(ring, {(): reduced} if reduced else {})


def from_atom(atom: int, ring: int) -> Polynomial:
    return Polynomial(ring, {(atom,): 1})


def combine(ring: int, parts: Iterable[tuple[Polynomial, Coefficient]]) -> Polynomial:
    """The sum of `factor * polynomial`; every polynomial must have integer coefficients if the ring has."""
    terms: dict[Monomial, Coefficient] = {}
    for polynomial, factor in parts:
        for monomial, coefficient in polynomial.terms.items():
            terms[monomial] = terms.get(monomial, 0) + factor * coefficient
    return _reduced(ring, terms)


def _reduced(ring: int, terms: Mapping[Monomial, Coefficient]) -> Polynomial:
    if ring:
        modulus = 1 << ring
        return Polynomial(ring, {m: r for m, c in terms.items() if (r := c % modulus)})
    return Polynomial(ring, {m: simple(c) for m, c in terms.items() if c})


def add(left: Polynomial, right: Polynomial) -> Polynomial:
    return combine(left.ring, ((left, 1), (right, 1)))


def subtract(left: Polynomial, right: Polynomial) -> Polynomial:
    return combine(left.ring, ((left, 1), (right, -1)))


def scale(polynomial: Polynomial, factor: Coefficient) -> Polynomial:
    return combine(polynomial.ring, ((polynomial, simple(factor)),))


def complement(indicator: Polynomial) -> Polynomial:
    """`1 - indicator`."""
    return subtract(constant(1, indicator.ring), indicator)


def _with_flags(polynomial: Polynomial) -> list[tuple[Monomial, Coefficient, bool]]:
    """Monomials, coefficients, and whether the monomial has indicators."""
    return [(m, c, any(atom & 1 for atom in m)) for m, c in polynomial.terms.items()]


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product; an indicator occurs once only in a monomial."""
    terms: dict[Monomial, Coefficient] = {}
    others = _with_flags(right)
    for first, a, flags in _with_flags(left):
        for second, b, more in others:
            merged = sorted(first + second) if first and second else first + second
            if flags and more:
                merged = [
                    atom for k, atom in enumerate(merged) if not (atom & 1 and k and merged[k - 1] == atom)
                ]
            monomial = tuple(merged)
            terms[monomial] = terms.get(monomial, 0) + a * b
    return _reduced(left.ring, terms)


def proportion(left: Polynomial, right: Polynomial) -> Coefficient | None:
    """The number k with `left = k * right`, over the rationals; None where there is none."""
    if left.terms.keys() != right.terms.keys() or not left.terms:
        return None
    ratio = Fraction(left.leading) / right.leading
    return ratio if all(c == ratio * right.terms[m] for m, c in left.terms.items()) else None
