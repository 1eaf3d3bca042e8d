"""Strips of rows that cover a triangle, each as wide as it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exalift.affine import Affine, Axis, Constraint
from exalift.tensorize import Role

from .inequalities import least
from .program import Assignment, extent_of

_STRIPS = 4
"""Strips of rows that a triangle is made in."""


def strips_of(
    assignment: Assignment,
    kept: tuple[Axis, ...],
    roles: Mapping[str, Role],
) -> tuple[dict[str, tuple[int, int]], ...]:
    """Ranges (first, number) of a row and a column axis that cover the domain; one of all where it has no
    slanted side."""
    rows = [axis for axis in kept if roles[axis.name] is Role.M]
    columns = [axis for axis in kept if roles[axis.name] is Role.N]
    if len(rows) != 1 or len(columns) != 1:
        return ({},)
    row, column = rows[0], columns[0]
    pair = frozenset({row.name, column.name})
    slanted = [c for c in assignment.domain if c.expression.names == pair]
    if not slanted or extent_of(row) < 64 * _STRIPS:
        return ({},)
    height = -(-extent_of(row) // _STRIPS)
    strips: list[dict[str, tuple[int, int]]] = []
    for start in range(0, extent_of(row), height):
        count = min(height, extent_of(row) - start)
        low, high = _reach(slanted, row.name, (start, start + count - 1), column)
        if low <= high:
            strips.append({row.name: (start, count), column.name: (low, high - low + 1)})
    return tuple(strips)


def _reach(
    constraints: Sequence[Constraint], row: str, rows: tuple[int, int], column: Axis
) -> tuple[int, int]:
    """The least and the largest column that some row of a range may want."""
    low, high = 0, extent_of(column) - 1
    for constraint in constraints:
        for expression in (
            (constraint.expression, -constraint.expression)
            if constraint.equality
            else (constraint.expression,)
        ):
            factor = expression.coefficient(column.name)
            rest = expression - Affine.symbol(column.name) * factor
            most = least(-rest, {row: rows})
            if not expression.is_linear or most is None:
                continue
            # factor * column >= -most_of_rest, where `-most` is the largest that the rest becomes.
            if factor > 0:
                low = max(low, -(-most // factor))
            else:
                high = min(high, -most // -factor)
    return low, high
