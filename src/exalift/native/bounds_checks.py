"""Loads that may leave their arrays where a nest reaches them, though what they give is not used."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Affine, Axis, Constraint, Expression, Load, Reduce

from .inequalities import implied, within
from .program import Buffer, box
from .scheduling import Nest
from .terms import same_scope
from .values import Values


def is_inside(indices: Sequence[Affine], buffer: Buffer, known: Sequence[Constraint]) -> bool:
    """Whether subscripts are in bounds wherever the constraints hold."""
    return all(
        implied(constraint, known)
        for index, extent in zip(indices, buffer.shape, strict=True)
        for constraint in within(index, extent)
    )


def mark_unsafe(values: Values, nest: Nest, context: tuple[Constraint, ...]) -> None:
    """A load under a select may be reached where the condition does not hold, since both sides are
    computed; and one in a reduction beyond its guard, where lanes share the loops."""
    buffers, assignment = values.memory.buffers, nest.assignment
    known = (*context, *assignment.constraints)
    stack: list[tuple[Expression, tuple[Constraint, ...]]] = [(assignment.body, known)]
    while stack:
        root, here = stack.pop()
        for term in same_scope(root):
            match term:
                case Load(array, indices):
                    if not is_inside(indices, buffers[array], here):
                        values.unsafe.add(id(term))
                case Reduce(_, axes, body, _, guard):
                    conjunction = guard.disjuncts[0] if len(guard.disjuncts) == 1 else ()
                    exact = tuple(c for c in conjunction if not _is_relaxed(nest, c, axes))
                    stack.append((body, (*here, *box(axes), *exact)))
                case _:
                    pass


def _is_relaxed(nest: Nest, constraint: Constraint, axes: Sequence[Axis]) -> bool:
    """Whether loops may run beyond the constraint (and mask what they find there)."""
    names = constraint.expression.names
    own = {axis.name for axis in axes}
    moving = {nest.vector, nest.jam} - own
    return bool(names & moving) or not names & own or not constraint.expression.is_linear
