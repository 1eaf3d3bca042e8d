"""Real-valued terms in normal form, and the table of atoms that all terms share.

A term is a polynomial over atoms. What arithmetic does not explain (an input element, a square
root, a reciprocal, a maximum, whether something is positive) is an atom, made once for each
normalised argument, so that two terms that are equal by the laws below are one and the same object
up to `==`:

- addition and multiplication: those of a commutative ring;
- division: `x / y = x * (1 / y)`, `1 / (c * x * y) = (1 / c) * (1 / x) * (1 / y)`; a divisor is never
  cancelled, since it may be 0;
- maximum: associative, commutative, idempotent; distributes over sums and over positive factors;
- truth values: 0 or 1, with `and` as the product; `select(c, a, b) = c * (a - b) + b`;
- comparisons: `a > b` is `a - b > 0`, up to a positive factor.

Terms that differ here may still be equal (`smt` decides what it can); terms that are the same here
are equal, over the reals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from . import polynomials as poly
from .polynomials import REAL, Coefficient, Monomial, Polynomial

# Functions of truth values are tabulated up to this many of them.
_MOST_INDICATORS = 4
_LARGEST_EXPONENT = 16
# A single product takes no longer than a fraction of a second, so that the clock is looked at in time.
_MOST_AT_ONCE = 200_000


class TermLimit(Exception):
    """The terms became too many, or the time is up."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One unknown. `kind` says what it is; `data` are the details that are not terms."""

    kind: str
    ring: int
    arguments: tuple[Polynomial, ...] = ()
    data: tuple[str | int, ...] = ()
    indicator: bool = False


@dataclass
class Terms:
    """The table of atoms, and the operations that need it.

    most_monomials: how many monomials may be made altogether, which bounds memory.
    deadline: a value of `time.monotonic()`. Beyond either, operations raise TermLimit.
    """

    most_monomials: int = 2_000_000
    deadline: float = float("inf")
    atoms: list[Atom] = field(default_factory=list[Atom])
    made: int = 0
    _numbers: dict[Atom, int] = field(default_factory=dict[Atom, int])
    _orders: dict[Polynomial, int] = field(default_factory=dict[Polynomial, int])
    _opposites: dict[int, int] = field(default_factory=dict[int, int])

    # The table.

    def number(self, atom: Atom) -> int:
        """The number of an atom, odd for an indicator; `atom_of` is the way back."""
        known = self._numbers.get(atom)
        if known is None:
            self._spend(1)
            known = 2 * len(self.atoms) + atom.indicator
            self.atoms.append(atom)
            self._numbers[atom] = known
        return known

    def atom_of(self, number: int) -> Atom:
        return self.atoms[number // 2]

    def term(self, atom: Atom) -> Polynomial:
        return poly.from_atom(self.number(atom), atom.ring)

    def kind(self, term: Polynomial) -> Atom | None:
        """The atom that a term is, if it is one."""
        number = term.atom
        return None if number is None else self.atom_of(number)

    def order(self, term: Polynomial) -> int:
        """A fixed rank among all terms, by which commutative operands are sorted."""
        return self._orders.setdefault(term, len(self._orders))

    def ordered(self, terms: Iterable[Polynomial]) -> tuple[Polynomial, ...]:
        return tuple(sorted(terms, key=self.order))

    def _spend(self, monomials: int) -> None:
        self.made += monomials
        if self.made > self.most_monomials:
            raise TermLimit(f"more than {self.most_monomials} monomials")
        if time.monotonic() > self.deadline:
            raise TermLimit("out of time")

    # Ring operations.

    def add(self, left: Polynomial, right: Polynomial) -> Polynomial:
        self._spend(len(left.terms) + len(right.terms))
        return poly.add(left, right)

    def subtract(self, left: Polynomial, right: Polynomial) -> Polynomial:
        self._spend(len(left.terms) + len(right.terms))
        return poly.subtract(left, right)

    def sum(self, terms: Sequence[Polynomial]) -> Polynomial:
        """The sum of at least one term."""
        self._spend(sum(len(term.terms) for term in terms))
        return poly.combine(terms[0].ring, [(term, 1) for term in terms])

    def multiply(self, left: Polynomial, right: Polynomial) -> Polynomial:
        count = len(left.terms) * len(right.terms)
        if count > _MOST_AT_ONCE:
            raise TermLimit(f"a product of {count} monomials")
        self._spend(count)
        result = poly.multiply(left, right)
        return self._without_contradictions(result) if self._opposites else result

    def _without_contradictions(self, term: Polynomial) -> Polynomial:
        """Drop monomials in which something is positive and negative at once."""
        opposites = self._opposites

        def possible(monomial: Monomial) -> bool:
            return not any(atom & 1 and opposites.get(atom, -1) in monomial for atom in monomial)

        if all(map(possible, term.terms)):
            return term
        return Polynomial(term.ring, {m: c for m, c in term.terms.items() if possible(m)})

    def power(self, base: Polynomial, exponent: int) -> Polynomial:
        result = poly.constant(1, base.ring)
        for _ in range(exponent):
            result = self.multiply(result, base)
        return result

    # Reals.

    def function(self, name: str, *arguments: Polynomial) -> Polynomial:
        """A function of which nothing is known but that equal arguments give equal values."""
        return self.term(Atom("function", REAL, arguments, (name,)))

    def real_power(self, base: Polynomial, exponent: Polynomial) -> Polynomial:
        number = exponent.value
        if number is None or Fraction(number).denominator != 1 or abs(number) > _LARGEST_EXPONENT:
            return self.function("power", base, exponent)
        result = self.power(base, abs(int(number)))
        return self.reciprocal(result) if number < 0 else result

    def divide(self, left: Polynomial, right: Polynomial) -> Polynomial:
        return self.multiply(left, self.reciprocal(right))

    def reciprocal(self, term: Polynomial) -> Polynomial:
        """`1 / term`; of the literal 0 it is an unknown number."""
        if not term.terms:
            return self.term(Atom("reciprocal", REAL, (term,)))
        common = _common(term)
        rest = Polynomial(REAL, {_without(m, common): c for m, c in term.terms.items()})
        result = poly.constant(Fraction(1) / rest.leading, REAL)
        rest = poly.scale(rest, Fraction(1) / rest.leading)
        if rest.value is None:
            result = self.multiply(result, self.term(Atom("reciprocal", REAL, (rest,))))
        for number in common:
            atom = self.atom_of(number)
            if atom.kind == "reciprocal" and atom.arguments[0].terms:
                result = self.multiply(result, atom.arguments[0])
            else:
                base = poly.from_atom(number, REAL)
                result = self.multiply(result, self.term(Atom("reciprocal", REAL, (base,))))
        return result

    def infinity(self) -> Polynomial:
        return self.term(Atom("infinity", REAL))

    def minimum(self, terms: Sequence[Polynomial]) -> Polynomial:
        return poly.scale(self.maximum([poly.scale(term, -1) for term in terms]), -1)

    def maximum(self, terms: Sequence[Polynomial]) -> Polynomial:
        infinity = self.infinity()
        choices = list(dict.fromkeys(x for term in terms for x in self._choices(term)))
        if infinity in choices:
            return infinity
        lowest = poly.scale(infinity, -1)
        choices = _undominated([x for x in choices if x != lowest] or [lowest])
        if len(choices) == 1:
            return choices[0]
        self._spend(sum(len(x.terms) for x in choices))
        # What is left after the smallest coefficient of each monomial is taken out does not change
        # when one term is added to all choices.
        monomials = dict.fromkeys(m for x in choices for m in x.terms)
        shift = {m: low for m in monomials if (low := min(x.terms.get(m, 0) for x in choices))}
        offset = Polynomial(REAL, shift)
        rests = [poly.subtract(x, offset) for x in choices]
        factor = Fraction(max(c for x in rests for c in x.terms.values()))
        rests = [poly.scale(x, 1 / factor) for x in rests]
        return poly.add(offset, poly.scale(self.term(Atom("maximum", REAL, self.ordered(rests))), factor))

    def _choices(self, term: Polynomial) -> list[Polynomial]:
        """The terms of which a term is the maximum: itself, unless it is a maximum already."""
        found = [m for m in term.terms if any(self.atom_of(a).kind == "maximum" for a in m)]
        if len(found) != 1 or len(found[0]) != 1 or term.terms[found[0]] < 0:
            return [term]
        factor = term.terms[found[0]]
        rest = Polynomial(REAL, {m: c for m, c in term.terms.items() if m != found[0]})
        arguments = self.atom_of(found[0][0]).arguments
        return [poly.add(rest, poly.scale(argument, factor)) for argument in arguments]

    # Truth values.

    def positive(self, term: Polynomial) -> Polynomial:
        """Whether a real is above 0."""
        sign = self._sign(term)
        if sign is not None:
            return poly.constant(int(sign > 0), REAL)
        tabulated = self.tabulate(term, REAL, lambda number: int(number > 0))
        if tabulated is not None:
            return tabulated
        scaled = poly.scale(term, 1 / abs(Fraction(term.leading)))
        result = Atom("positive", REAL, (scaled,), indicator=True)
        opposite = Atom("positive", REAL, (poly.scale(scaled, -1),), indicator=True)
        self.link(result, opposite)
        return self.term(result)

    def _sign(self, term: Polynomial) -> Coefficient | None:
        """A number with the sign of the term, where that is known without solving anything."""
        number = term.value
        if number is not None:
            return number
        infinite = self.infinity().atom
        found = [m for m in term.terms if infinite in m]
        # All inputs are finite, so that one infinite summand decides.
        return term.terms[found[0]] if len(found) == 1 and found[0] == (infinite,) else None

    def link(self, first: Atom, second: Atom) -> None:
        """Two indicators never hold both."""
        one, other = self.number(first), self.number(second)
        self._opposites[one], self._opposites[other] = other, one

    def tabulate(
        self, term: Polynomial, ring: int, function: Callable[[Coefficient], int]
    ) -> Polynomial | None:
        """A function of a term that depends on a few truth values only, as a polynomial in these."""
        atoms = sorted(term.atoms)
        if len(atoms) > _MOST_INDICATORS or not all(atom & 1 for atom in atoms):
            return None
        result = poly.constant(0, ring)
        for bits in product((0, 1), repeat=len(atoms)):
            true = frozenset(atom for atom, bit in zip(atoms, bits, strict=True) if bit)
            value = sum((c for m, c in term.terms.items() if true.issuperset(m)), Fraction(0))
            if term.ring:
                value = value % (1 << term.ring)
            cell = poly.constant(function(value), ring)
            for atom in atoms:
                one = poly.from_atom(atom, ring)
                cell = self.multiply(cell, one if atom in true else poly.complement(one))
            result = poly.add(result, cell)
        return result

    def select(self, condition: Polynomial, then: Polynomial, otherwise: Polynomial) -> Polynomial:
        """`then` where the condition is 1. It is a real polynomial in indicators, the others in any ring."""
        if condition.value is not None:
            return then if condition.value else otherwise
        if then == otherwise:
            return then
        extremum = self._extremum(condition, then, otherwise)
        if extremum is not None:
            return extremum
        ring = then.ring
        weight = poly.combine(ring, ((condition, 1),))
        return self.add(self.multiply(weight, self.subtract(then, otherwise)), otherwise)

    def _extremum(self, condition: Polynomial, then: Polynomial, otherwise: Polynomial) -> Polynomial | None:
        """`a > b ? a : b` is a maximum, and so on; a tie gives the same either way."""
        for flag, first, second in (
            (condition, then, otherwise),
            (poly.complement(condition), otherwise, then),
        ):
            atom = self.kind(flag)
            if atom is not None and atom.kind == "positive" and then.ring == REAL:
                ratio = poly.proportion(poly.subtract(first, second), atom.arguments[0])
                if ratio is not None:
                    pair = (first, second)
                    return self.maximum(pair) if ratio > 0 else self.minimum(pair)
        return None


def _common(term: Polynomial) -> Monomial:
    """The largest monomial that divides all monomials of a term."""
    monomials = iter(term.terms)
    common = list(next(monomials))
    for monomial in monomials:
        left, kept = list(monomial), list[int]()
        for atom in common:
            if atom in left:
                left.remove(atom)
                kept.append(atom)
        common = kept
    return tuple(common)


def _without(monomial: Monomial, factor: Monomial) -> Monomial:
    left = list(monomial)
    for atom in factor:
        left.remove(atom)
    return tuple(left)


def _undominated(terms: list[Polynomial]) -> list[Polynomial]:
    """Of terms that differ by a number, the largest only."""
    largest: dict[Polynomial, Coefficient] = {}
    for term in terms:
        number = term.terms.get((), 0)
        rest = Polynomial(REAL, {m: c for m, c in term.terms.items() if m})
        largest[rest] = max(number, largest.get(rest, number))
    return [poly.add(rest, poly.constant(number, REAL)) for rest, number in largest.items()]
