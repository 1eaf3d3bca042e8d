"""Loops in order over vectors, turned inside out: every element of the vectors runs the loop on its own.

    for j: p[:, j] = r / (2 - r * p[:, j-1])       =>      for i, in parallel: for j: p[i, j] = ...

It is allowed where no element reads what another one writes. What an iteration hands on to the next
stays in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exalift.affine import Affine, Axis, Constraint, Load

from .bounds import bounds_of
from .program import Assignment, Block, Columns, Item, Sequential
from .terms import Pool, postorder


@dataclass(frozen=True, slots=True)
class Columnizer:
    """Finds loops that can be turned. `context` is known of the loops around."""

    pool: Pool

    def items(self, items: Sequence[Item], context: tuple[Constraint, ...]) -> tuple[Item, ...]:
        found: list[Item] = []
        for item in items:
            if isinstance(item, Sequential):
                # Loops nest as deep as the source's own do, so this recursion is short.
                turned = self._turned(item, context)
                inner = (*context, *item.constraints)
                found.append(turned or replace(item, body=self.items(item.body, inner)))
            else:
                found.append(item)
        return tuple(found)

    def _turned(self, loop: Sequential, context: tuple[Constraint, ...]) -> Columns | None:
        statements: list[Assignment] = []
        for item in loop.body:
            if not isinstance(item, Block):
                return None
            statements += item.assignments
        known = (*context, *loop.constraints)
        axis: Axis | None = None
        moved: list[Assignment] = []
        for statement in statements:
            span = _span(statement, known)
            if span is None:
                return None
            first, extent = span
            axis = axis or self.pool.fresh_axis(extent, "c")
            if axis.extent != Affine.of(extent):
                return None
            moved.append(self._on(statement, axis, first))
        if axis is None or not _apart(moved, axis.name):
            return None
        return Columns(axis, loop, tuple(moved))

    def _on(self, statement: Assignment, axis: Axis, first: int) -> Assignment:
        """The statement with the common axis for its own, from 0."""
        mapping = {statement.axes[0].name: Affine.symbol(axis.name) + first}
        return replace(
            statement,
            axes=(axis,),
            indices=tuple(index.substitute(mapping) for index in statement.indices),
            body=self.pool.substitute(statement.body, mapping),
            domain=(),
        )


def _span(statement: Assignment, known: Sequence[Constraint]) -> tuple[int, int] | None:
    """The first value and the number of values of a statement's only axis, where they are the same in
    every iteration and nothing else is asked."""
    if len(statement.axes) != 1:
        return None
    axis = statement.axes[0]
    bounds = bounds_of(statement.axes, statement.domain, known)
    range_ = bounds.ranges[axis.name]
    if bounds.before or bounds.tests or len(range_.lower) != 1 or len(range_.upper) != 1:
        return None
    low, high = range_.lower[0], range_.upper[0]
    if not low.is_constant or not high.is_constant or high.constant <= low.constant:
        return None
    return low.constant, high.constant - low.constant


def _apart(statements: Sequence[Assignment], axis: str) -> bool:
    """Whether every array that is written is touched at one column by each element of the axis only."""
    touched: dict[str, list[tuple[Affine, ...]]] = {}
    for statement in statements:
        touched.setdefault(statement.array, []).append(statement.indices)
    for statement in statements:
        for term in postorder(statement.body):
            if isinstance(term, Load) and term.array in touched:
                touched[term.array].append(term.indices)
    return all(_one_column(accesses, axis) for accesses in touched.values())


def _one_column(accesses: Sequence[tuple[Affine, ...]], axis: str) -> bool:
    """Whether some dimension is indexed by the axis and the same distance in all accesses."""
    for dimension, index in enumerate(accesses[0]):
        gap = index - Affine.symbol(axis)
        if gap.is_constant and all(access[dimension] == index for access in accesses):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Carried:
    """What stays in registers, by array.

    held: arrays whose element does not move with the loop; read before the loop and written after it.
    previous: loads (by identity) of what the iteration before wrote; current: of what this one did.
    """

    held: dict[str, tuple[Affine, ...]]
    previous: dict[int, str]
    current: dict[int, str]
    initial: dict[str, Load]


def carried(columns: Columns) -> Carried:
    """Which values the loop of `columns` can keep in registers."""
    iv = columns.loop.iv
    found = Carried({}, {}, {}, {})
    writes: dict[str, list[int]] = {}
    for position, statement in enumerate(columns.statements):
        writes.setdefault(statement.array, []).append(position)
    for array, positions in writes.items():
        accesses = [columns.statements[p].indices for p in positions]
        loads = [
            (position, term)
            for position, statement in enumerate(columns.statements)
            for term in postorder(statement.body)
            if isinstance(term, Load) and term.array == array
        ]
        accesses += [load.indices for _, load in loads]
        if all(a == accesses[0] for a in accesses) and not any(iv in i.names for i in accesses[0]):
            found.held[array] = accesses[0]
        elif len(positions) == 1:
            _pass_on(array, positions[0], loads, columns, found)
    return found


def _pass_on(
    array: str,
    writer: int,
    loads: Sequence[tuple[int, Load]],
    columns: Columns,
    found: Carried,
) -> None:
    """Loads of what this iteration, or the one before, wrote; not of arrays that are also read elsewhere in
    ways that a register does not follow, which read memory."""
    iv = columns.loop.iv
    here = columns.statements[writer].indices
    before = tuple(i.substitute({iv: Affine.symbol(iv) - 1}) for i in here)
    if here == before:
        return
    for position, load in loads:
        if load.indices == before:
            found.previous[id(load)] = array
            found.initial[array] = load
        elif load.indices == here and position > writer:
            found.current[id(load)] = array
