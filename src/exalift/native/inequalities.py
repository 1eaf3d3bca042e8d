"""Whether affine constraints can hold together, by Fourier-Motzkin elimination over the integers.

Rows are tightened to integers (divided by the greatest common divisor, constants rounded), but elimination
itself is rational: "infeasible" is right, and "not known" may be too careful.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd

from exalift.affine import Affine, Constraint, FloorDiv

_LIMIT = 400
"""The most rows that elimination may make before it gives up."""

# `sum(coefficient * name) + constant >= 0`, names in order.
Row = tuple[tuple[tuple[str, int], ...], int]


@dataclass(slots=True)
class _Rows:
    """Linear rows; a floor division becomes a name of its own, held between its linear bounds."""

    rows: set[Row]
    divisions: dict[FloorDiv, str]

    def add(self, expression: Affine) -> None:
        """`expression >= 0`."""
        self.rows.add(_tight(self._linear(expression), expression.constant))

    def _linear(self, expression: Affine) -> dict[str, int]:
        terms: dict[str, int] = {}
        for atom, coefficient in expression.terms:
            name = atom if isinstance(atom, str) else self._division(atom)
            terms[name] = terms.get(name, 0) + coefficient
        return terms

    def _division(self, atom: FloorDiv) -> str:
        known = self.divisions.get(atom)
        if known is None:
            known = self.divisions[atom] = f"/{len(self.divisions)}"
            # numerator - d * q lies in [0, d). Divisions nest as deep as the source's own expressions.
            rest = atom.numerator - Affine.symbol(known) * atom.denominator
            self.add(rest)
            self.add(-rest + (atom.denominator - 1))
        return known


def _tight(terms: dict[str, int], constant: int) -> Row:
    kept = tuple(sorted((name, value) for name, value in terms.items() if value))
    divisor = gcd(*(value for _, value in kept)) if kept else 1
    return tuple((name, value // divisor) for name, value in kept), constant // divisor


def feasible(constraints: Iterable[Constraint]) -> bool:
    """False only where no integers satisfy all constraints."""
    system = _Rows(set(), {})
    for constraint in constraints:
        system.add(constraint.expression)
        if constraint.equality:
            system.add(-constraint.expression)
    return _solvable(system.rows)


def _solvable(rows: set[Row]) -> bool:
    while True:
        if any(not terms and constant < 0 for terms, constant in rows):
            return False
        rows = _strongest(rows)
        names = {name for terms, _ in rows for name, _ in terms}
        if not names or len(rows) > _LIMIT:
            return True
        rows = _eliminate(rows, min(names, key=lambda name: (_growth(rows, name), name)))


def _strongest(rows: set[Row]) -> set[Row]:
    """Of rows with the same terms, the one with the least constant."""
    best: dict[tuple[tuple[str, int], ...], int] = {}
    for terms, constant in rows:
        if terms or constant < 0:
            best[terms] = min(constant, best.get(terms, constant))
    return set(best.items())


def _growth(rows: set[Row], name: str) -> int:
    above = below = 0
    for terms, _ in rows:
        for other, value in terms:
            if other == name:
                above += value > 0
                below += value < 0
    return above * below - above - below


def _eliminate(rows: set[Row], name: str) -> set[Row]:
    kept: set[Row] = set()
    above: list[tuple[dict[str, int], int]] = []
    below: list[tuple[dict[str, int], int]] = []
    for terms, constant in rows:
        linear = dict(terms)
        value = linear.get(name, 0)
        if value:
            (above if value > 0 else below).append((linear, constant))
        else:
            kept.add((terms, constant))
    for first, first_constant in above:
        for second, second_constant in below:
            up, down = first[name], -second[name]
            joined = {key: value * down for key, value in first.items()}
            for key, value in second.items():
                joined[key] = joined.get(key, 0) + value * up
            kept.add(_tight(joined, first_constant * down + second_constant * up))
    return kept


def implied(constraint: Constraint, known: Sequence[Constraint]) -> bool:
    """Whether the known constraints force another one; False where that is not found out."""
    return not any(feasible([*known, *negated]) for negated in constraint.negated().disjuncts)


def within(index: Affine, extent: int) -> tuple[Constraint, Constraint]:
    """`0 <= index < extent`."""
    return Constraint(index), Constraint(-index + (extent - 1))


def least(expression: Affine, ranges: dict[str, tuple[int, int]]) -> int | None:
    """A lower bound of the expression where names lie in ranges (both ends included); None if unknown."""
    total = expression.constant
    for atom, coefficient in expression.terms:
        if isinstance(atom, str):
            if atom not in ranges:
                return None
            low, high = ranges[atom]
        else:
            inner, outer = least(atom.numerator, ranges), least(-atom.numerator, ranges)
            if inner is None or outer is None:
                return None
            low, high = inner // atom.denominator, -outer // atom.denominator
        total += coefficient * (low if coefficient > 0 else high)
    return total
