"""Whether the work-items of a nest may run in any order.

Each work-item owns what it writes: in every buffer that a nest writes, every axis of the nest that has
more than one point stands in some dimension, as itself or shifted, and all of the nest's accesses to that
buffer have the very same subscript there. So two work-items never touch one element. Reads that never meet
a written element, whatever the work-items, are free: `A[i, j] = A[i, j] - A[i, k] * A[k, j]` for i, j > k.
"""

from __future__ import annotations

from collections.abc import Iterator

from exalift.base import Diagnostic, Span

from .bounds import Scope, extent_of
from .index import Index
from .ir import Assign, Declare, Load, Nest, Range, Store, statements_of, subexpressions

_Access = tuple[tuple[Index, ...], bool, Span]


def _accesses(nest: Nest) -> Iterator[tuple[str, _Access]]:
    for statement in statements_of(nest.body):
        if isinstance(statement, Store):
            yield statement.buffer, (statement.indices, True, statement.span)
        if isinstance(statement, Store | Declare | Assign):
            for expression in subexpressions(statement.value):
                if isinstance(expression, Load):
                    yield expression.buffer, (expression.indices, False, expression.span)


def find_races(nest: Nest, scope: Scope) -> list[Diagnostic]:
    """What is wrong, one message a buffer."""
    by_buffer: dict[str, list[_Access]] = {}
    for buffer, access in _accesses(nest):
        by_buffer.setdefault(buffer, []).append(access)
    axes = [axis.name for axis in nest.axes if extent_of(axis, scope) > 1]
    faults: list[Diagnostic] = []
    for buffer, accesses in by_buffer.items():
        stores = [access for access in accesses if access[1]]
        if not stores:
            continue
        free = [a for a in accesses if not a[1] and all(_apart(a[0], s[0], scope) for s in stores)]
        accesses = [access for access in accesses if access not in free]
        for axis in axes:
            fault = _axis_fault(buffer, axis, scope.uniform, accesses)
            if fault is not None:
                faults.append(fault)
                break
    return faults


def _axis_fault(buffer: str, axis: str, outer: frozenset[str], accesses: list[_Access]) -> Diagnostic | None:
    indices, _, span = next(access for access in accesses if access[1])
    own = [position for position, index in enumerate(indices) if _owns(index, axis, outer)]
    if not own:
        return Diagnostic(f"work-items that differ in {axis} write the same element of {buffer}", span)
    for other, _, place in accesses:
        own = [position for position in own if other[position] == indices[position]]
        if not own:
            return Diagnostic(
                f"a work-item touches elements of {buffer} that others, which differ in {axis}, write", place
            )
    return None


def _owns(index: Index, axis: str, outer: frozenset[str]) -> bool:
    """Whether the subscript is a multiple of the axis, shifted by what is the same for all work-items: no
    other axis moves it, and no loop inside of the nest."""
    rest = index - Index.of(axis) * index.coefficient(axis)
    return index.coefficient(axis) != 0 and rest.names <= outer


def _apart(read: tuple[Index, ...], written: tuple[Index, ...], scope: Scope) -> bool:
    """Whether some dimension's subscripts differ for any two work-items."""
    other = {name: f"{name}'" for name in scope.names if name not in scope.uniform}
    doubled = scope
    for range in scope.ranges:
        if range.name in other:
            doubled = doubled.inside(Range(other[range.name], range.lower, range.upper), uniform=False)
    renamed = {name: Index.of(new) for name, new in other.items()}
    known = set(scope.names)
    for one, two in zip(read, written, strict=True):
        if one.names <= known and two.names <= known:
            distance = one.substitute(renamed) - two
            if doubled.least(distance) > 0 or doubled.most(distance) < 0:
                return True
    return False
