"""What affine inequalities imply: Fourier-Motzkin elimination with integer tightening.

Small systems only (the loops and conditions around one access). An answer of "no" may be "not known":
rational elimination is not complete over the integers, products of symbols are opaque, and a system
that grows too large is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd

from ..terms import Floor, Monomial, Poly, Trips, term_key

_MOST_ROWS = 300

# A row is `constant + sum(coefficient * monomial) >= 0`.
Row = tuple[int, tuple[tuple[Monomial, int], ...]]


@dataclass(frozen=True, slots=True)
class UpperBound:
    """`factor * variable <= bound`, the factor positive."""

    factor: int
    bound: Poly


def implies(facts: Sequence[Poly], goal: Poly) -> bool:
    """Whether `goal >= 0` follows from every fact being >= 0; False also when it is not known."""
    if goal.constant is not None:
        return goal.constant >= 0
    return contradictory((*facts, -goal - 1))


def contradictory(facts: Sequence[Poly]) -> bool:
    """Whether no integers make every fact >= 0; False also when it is not known."""
    rows = _prepare(facts)
    while rows:
        others = {monomial for _, terms in rows for monomial, _ in terms}
        rows = _reduced(rows, others)
        if rows is not None and len(rows) > _MOST_ROWS:
            return False
    return rows is None


def projected(facts: Sequence[Poly], keep: frozenset[str], floors: bool = False) -> tuple[Poly, ...] | None:
    """What the facts say of the symbols in `keep` alone.

    None when that is a contradiction. Facts about products of kept symbols are kept as well, and with
    `floors` those about their quotients.
    Raises OverflowError for a system that grows too large.
    """
    rows = _prepare(facts)
    if rows is None:
        return None
    while True:
        others = {m for _, terms in rows for m, _ in terms if not _within(m, keep, floors)}
        if not others:
            return tuple(_poly(row) for row in rows)
        rows = _reduced(rows, others)
        if rows is None:
            return None
        if len(rows) > _MOST_ROWS:
            raise OverflowError


def upper_bounds(facts: Sequence[Poly], value: Poly, keep: frozenset[str]) -> tuple[UpperBound, ...]:
    """Bounds of `value` from above by the kept symbols; none when it is not known."""
    name = "?value"
    symbol = Poly.of(name)
    try:
        rows = projected((*facts, symbol - value, value - symbol), keep | {name})
    except OverflowError:
        return ()
    found: list[UpperBound] = []
    for row in rows or ():
        parts = row.split(name)
        if parts is None or set(parts) - {0, 1}:
            continue
        slope = parts.get(1, Poly()).constant
        if slope is not None and slope < 0:
            found.append(UpperBound(-slope, parts.get(0, Poly())))
    return tuple(found)


def _within(monomial: Monomial, keep: frozenset[str], floors: bool) -> bool:
    return all(
        atom in keep if isinstance(atom, str) else floors and isinstance(atom, Floor) and _plain(atom, keep)
        for atom in monomial
    )


def _plain(atom: Floor, keep: frozenset[str]) -> bool:
    return atom.numerator.is_plain and atom.numerator.symbols <= keep


def _poly(row: Row) -> Poly:
    constant, terms = row
    return Poly.collect((*terms, ((), constant)))


def _prepare(facts: Iterable[Poly]) -> list[Row] | None:
    """Rows for the facts and for what defines their atoms; None for a contradiction."""
    pending = list(facts)
    seen: set[Floor | Trips] = set()
    rows: dict[tuple[tuple[Monomial, int], ...], int] = {}
    while pending:
        fact = pending.pop()
        for atom in fact.atoms:
            if isinstance(atom, Floor | Trips) and atom not in seen:
                seen.add(atom)
                pending += _definition(atom)
        if not _add(rows, _row(fact)):
            return None
    return [(constant, terms) for terms, constant in rows.items()]


def _definition(atom: Floor | Trips) -> list[Poly]:
    value = Poly.atom(atom)
    match atom:
        case Floor(numerator, denominator):
            rest = numerator - value * denominator
            return [rest, -rest + (denominator - 1)]
        case Trips(operand):
            return [value, value - operand]


def _row(fact: Poly) -> Row:
    terms = tuple((m, c) for m, c in fact.terms if m)
    constant = fact.constant_term
    divisor = gcd(*(c for _, c in terms)) if terms else 1
    if divisor > 1:
        # Over the integers the constant may be rounded down.
        return constant // divisor, tuple((m, c // divisor) for m, c in terms)
    return constant, terms


def _add(rows: dict[tuple[tuple[Monomial, int], ...], int], row: Row) -> bool:
    """Take the row in, the tighter of two parallel ones; False for a contradiction by itself."""
    constant, terms = row
    if not terms:
        return constant >= 0
    known = rows.get(terms)
    if known is None or constant < known:
        rows[terms] = constant
        opposite = rows.get(tuple((m, -c) for m, c in terms))
        if opposite is not None and opposite + constant < 0:
            return False
    return True


def _reduced(rows: Sequence[Row], candidates: set[Monomial]) -> list[Row] | None:
    """The rows without one of the monomials, whichever costs least; None for a contradiction."""
    equality = _equality(rows, candidates)
    if equality is not None:
        return _substituted(rows, *equality)
    return _eliminate(rows, _cheapest(rows, candidates))


def _equality(rows: Sequence[Row], candidates: set[Monomial]) -> tuple[Monomial, Row] | None:
    """A monomial that an equation (two opposite rows) gives, without a factor."""
    constants = {terms: constant for constant, terms in rows}
    for constant, terms in rows:
        opposite = constants.get(tuple((m, -c) for m, c in terms))
        if opposite is not None and opposite + constant == 0:
            for monomial, coefficient in terms:
                if abs(coefficient) == 1 and monomial in candidates:
                    return monomial, (constant, terms)
    return None


def _substituted(rows: Sequence[Row], monomial: Monomial, equation: Row) -> list[Row] | None:
    """The rows with the monomial replaced by what the equation says that it is."""
    constant, terms = equation
    own = next(c for m, c in terms if m == monomial)
    kept: dict[tuple[tuple[Monomial, int], ...], int] = {}
    for row in rows:
        factor = next((c for m, c in row[1] if m == monomial), 0)
        if factor:
            # factor * monomial and own * monomial cancel; own is 1 or -1.
            row = _combined(row, 1, (constant, terms), -factor * own)
        if not _add(kept, row):
            return None
    return [(constant, terms) for terms, constant in kept.items()]


def _combined(one: Row, first: int, other: Row, second: int) -> Row:
    """`first * one + second * other`, with its constant tightened."""
    sums: dict[Monomial, int] = {m: c * first for m, c in one[1]}
    for m, c in other[1]:
        sums[m] = sums.get(m, 0) + c * second
    terms = tuple(sorted(((m, c) for m, c in sums.items() if c), key=term_key))
    constant = one[0] * first + other[0] * second
    divisor = gcd(*(c for _, c in terms)) if terms else 1
    if divisor > 1:
        return constant // divisor, tuple((m, c // divisor) for m, c in terms)
    return constant, terms


def _cheapest(rows: Sequence[Row], candidates: set[Monomial]) -> Monomial:
    above: dict[Monomial, int] = dict.fromkeys(candidates, 0)
    below: dict[Monomial, int] = dict.fromkeys(candidates, 0)
    for _, terms in rows:
        for monomial, coefficient in terms:
            if monomial in above:
                side = above if coefficient > 0 else below
                side[monomial] += 1
    return min(above, key=lambda m: (above[m] * below[m] - above[m] - below[m], term_key((m, 1))))


def _eliminate(rows: Sequence[Row], chosen: Monomial) -> list[Row] | None:
    """The rows without one monomial; None for a contradiction."""
    lower: list[tuple[int, Row]] = []
    upper: list[tuple[int, Row]] = []
    kept: dict[tuple[tuple[Monomial, int], ...], int] = {}
    for row in rows:
        coefficient = next((c for m, c in row[1] if m == chosen), 0)
        if coefficient > 0:
            lower.append((coefficient, row))
        elif coefficient < 0:
            upper.append((-coefficient, row))
        else:
            kept[row[1]] = row[0]
    for first, low in lower:
        for second, high in upper:
            if not _add(kept, _combined(low, second, high, first)):
                return None
    return [(constant, terms) for terms, constant in kept.items()]
