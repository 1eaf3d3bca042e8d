"""What affine inequalities imply: Fourier-Motzkin elimination with integer tightening.

Small systems only (the loops and conditions around one access). An answer of "no" may be "not known":
rational elimination is not complete over the integers, products of symbols are opaque, and a system
that grows too large is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd

from .symbolic import Floor, Monomial, Poly, Trips, term_key

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
    if rows is None:
        return True
    remaining = {monomial for _, terms in rows for monomial, _ in terms}
    while remaining:
        chosen = _cheapest(rows, remaining)
        remaining.discard(chosen)
        result = _eliminate(rows, chosen)
        if result is None:
            return True
        rows = result
        if len(rows) > _MOST_ROWS:
            return False
    return False


def projected(facts: Sequence[Poly], keep: frozenset[str]) -> tuple[Poly, ...] | None:
    """What the facts say of the symbols in `keep` alone.

    None when that is a contradiction. Facts about products of kept symbols are kept as well.
    Raises OverflowError for a system that grows too large.
    """
    rows = _prepare(facts)
    if rows is None:
        return None
    while True:
        others = {m for _, terms in rows for m, _ in terms if not _within(m, keep)}
        if not others:
            return tuple(_poly(row) for row in rows)
        result = _eliminate(rows, _cheapest(rows, others))
        if result is None:
            return None
        rows = result
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


def _within(monomial: Monomial, keep: frozenset[str]) -> bool:
    return all(isinstance(atom, str) and atom in keep for atom in monomial)


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
    for first, (c0, terms0) in lower:
        for second, (c1, terms1) in upper:
            sums: dict[Monomial, int] = {m: c * second for m, c in terms0}
            for m, c in terms1:
                sums[m] = sums.get(m, 0) + c * first
            terms = tuple(sorted(((m, c) for m, c in sums.items() if c), key=term_key))
            constant = c0 * second + c1 * first
            divisor = gcd(*(c for _, c in terms)) if terms else 1
            if divisor > 1:
                constant, terms = constant // divisor, tuple((m, c // divisor) for m, c in terms)
            if not _add(kept, (constant, terms)):
                return None
    return [(constant, terms) for terms, constant in kept.items()]
