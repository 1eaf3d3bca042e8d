"""For which sizes every subscript of a program is in bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import islpy as isl

from .affine_expression import Affine
from .domains import DomainError, condition, exists_all_but, gist, limited, size_context
from .expressions import Apply, Cast, Expression, GuardValue, Load, children
from .guards import ALWAYS, Constraint, Guard
from .ir import Array, Program
from .statements import Leaf, bound_loads, find_leaves


def in_bounds(program: Program, values: Mapping[str, int]) -> Guard:
    """A conjunction of constraints on the sizes under which no subscript leaves its extent.

    It holds at `values` (of all sizes), where the program is taken to be in bounds; an access that is
    not, there, and one that only happens under a condition on data, says nothing. Where the exact
    answer is a union, the part that holds at `values` is taken.
    """
    known = size_context(program)
    sizes = [size.name for size in program.sizes]
    arrays = {array.name: array for array in program.arrays}
    here = {name: values[name] for name in sizes if name in values}
    found = ALWAYS
    for leaf in find_leaves(program, known):
        for array, indices, when in _accesses(leaf):
            try:
                with limited():
                    rows = _required(
                        leaf, arrays[array], indices, when, sizes, known.intersect(condition(found))
                    )
            except DomainError:
                continue
            if rows is not None:
                part = _part_at(rows, here)
                found = found & part if part is not None else found
    return found


def _accesses(leaf: Leaf) -> Iterator[tuple[str, Sequence[Affine], Guard]]:
    """Every element touched for certain, and under which condition on indices."""
    assign = leaf.assign
    yield assign.array, assign.indices, ALWAYS
    pending: list[tuple[Expression, Guard]] = [(assign.value, ALWAYS)]
    seen: set[tuple[Expression, Guard]] = set()
    while pending:
        node, when = pending.pop()
        if (node, when) in seen:
            continue
        seen.add((node, when))
        match node:
            case Apply("select", (test, then, otherwise)):
                pending.append((test, when))
                if isinstance(test, GuardValue):
                    pending += [(then, when & test.guard), (otherwise, when & ~test.guard)]
            case Load(array, indices):
                yield array, indices, when
            case Apply() | Cast() | GuardValue():
                pending += [(child, when) for child in children(node)]
            case _:
                for item in bound_loads(node):
                    yield item.load.array, item.load.indices, when & item.guard


def _required(
    leaf: Leaf, array: Array, indices: Sequence[Affine], when: Guard, sizes: Sequence[str], known: isl.Set
) -> Guard | None:
    """The sizes for which one access is in bounds, or None where that is certain."""
    outside = Guard(())
    for index, extent in zip(indices, array.shape, strict=True):
        outside = outside | Guard.of(Constraint(-index - 1)) | Guard.of(Constraint(index - extent))
    wrong = leaf.condition.intersect(known).intersect(condition(when)).intersect(condition(outside))
    if wrong.is_empty():
        return None
    return gist(known.subtract(exists_all_but(wrong, sizes)), known)


def _part_at(guard: Guard, values: Mapping[str, int]) -> Guard | None:
    """The first disjunct that holds at the values; where values are missing, the only disjunct."""
    if not guard.names <= values.keys():
        return guard if len(guard.disjuncts) == 1 else None
    for conjunction in guard.disjuncts:
        part = Guard((conjunction,))
        if part.at(values):
            return part
    return None
