"""Whether an affine expression stays in a range while loops run, by Fourier-Motzkin elimination.

All arithmetic is rational, and floor divisions are replaced by their linear bounds, so the answer
"in range" is right and "not known" may be too careful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exalift.affine import Affine, Constraint

from .extents import linear_bound

_LIMIT = 4096
"""The most inequalities that elimination may make before it gives up."""

Linear = tuple[dict[str, Fraction], Fraction]


@dataclass(frozen=True, slots=True)
class LoopRange:
    """`max(lower) <= iv < min(upper)`; only enclosing induction variables occur, sizes are numbers."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]


def stays_within(
    expression: Affine,
    lowest: int,
    highest: int,
    loops: Sequence[LoopRange],
    assumed: Sequence[Constraint] = (),
) -> bool:
    """Whether `lowest <= expression <= highest` in every iteration of the nest (outermost first).

    `assumed` are conditions on the iterations; where none of them satisfies these, the answer is yes.
    """
    return _never_positive(expression - highest, loops, assumed) and _never_positive(
        lowest - expression, loops, assumed
    )


def _never_positive(expression: Affine, loops: Sequence[LoopRange], assumed: Sequence[Constraint]) -> bool:
    """Whether no iteration has `expression >= 1`: the system with that added has no rational solution."""
    rows = [_at_least(expression - 1)]
    for row in assumed:
        rows.append(_at_least(row.expression))
        if row.equality:
            rows.append(_at_least(-row.expression))
    for loop in loops:
        iv = Affine.symbol(loop.iv)
        rows += [_at_least(iv - bound) for bound in loop.lower]
        rows += [_at_least(bound - 1 - iv) for bound in loop.upper]
    for loop in reversed(loops):
        rows = _eliminate(rows, loop.iv)
        if any(not terms and constant < 0 for terms, constant in rows):
            return True
        if len(rows) > _LIMIT:
            return False
    return any(not terms and constant < 0 for terms, constant in rows)


def _at_least(expression: Affine) -> Linear:
    """A consequence of `expression >= 0` that is linear."""
    terms, constant = linear_bound(expression, upper=True)
    return {name: value for name, value in terms.items() if value}, constant


def _eliminate(rows: Sequence[Linear], name: str) -> list[Linear]:
    kept = [row for row in rows if name not in row[0]]
    above = [row for row in rows if row[0].get(name, 0) > 0]
    below = [row for row in rows if row[0].get(name, 0) < 0]
    for first, first_constant in above:
        for second, second_constant in below:
            weight = -first[name] / second[name]
            terms = dict(first)
            for key, value in second.items():
                terms[key] = terms.get(key, Fraction(0)) + weight * value
            reduced = {key: value for key, value in terms.items() if value and key != name}
            kept.append((reduced, first_constant + weight * second_constant))
    return kept
