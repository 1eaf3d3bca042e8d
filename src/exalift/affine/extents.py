"""Which elements a program touches: extents that cover them, and sizes for which all are in bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exalift.base import Span

from . import domains
from .affine_expression import Affine
from .domains import DomainError
from .expressions import Apply, Expression, GuardValue, Load, children
from .guards import Constraint, Guard
from .ir import Assign, If, Loop, Program, Statement

_INDEX = "accessed index"  # no front end makes a name with a space


@dataclass(frozen=True, slots=True)
class Touched:
    """One place where a program loads or stores: `array[indices]` at all points where every guard holds.

    A load that a `select` on indices protects has that condition among its guards.
    """

    array: str
    indices: tuple[Affine, ...]
    guards: tuple[Guard, ...]
    span: Span


def find_touched(program: Program) -> tuple[Touched, ...]:
    """All loads and stores, each with its place and condition; equal ones of one statement once."""
    found: dict[Touched, None] = {}
    pending: list[tuple[Statement, tuple[Guard, ...]]] = [(s, ()) for s in reversed(program.body)]
    while pending:
        statement, guards = pending.pop()
        match statement:
            case Assign(array, indices, value, span):
                _in_expression(value, guards, span, found)
                found[Touched(array, indices, guards, span)] = None
            case Loop(iv, lower, upper, body):
                inside = (*guards, domains.between(iv, lower, upper))
                pending += [(inner, inside) for inner in reversed(body)]
            case If(guard, then, otherwise):
                pending += [(inner, (*guards, ~guard)) for inner in reversed(otherwise)]
                pending += [(inner, (*guards, guard)) for inner in reversed(then)]
    if program.returns is not None:
        _in_expression(program.returns, (), program.span, found)
    return tuple(found)


def _in_expression(
    root: Expression, guards: tuple[Guard, ...], span: Span, found: dict[Touched, None]
) -> None:
    pending = [(root, guards)]
    while pending:
        node, around = pending.pop()
        match node:
            case Load(array, indices):
                found[Touched(array, indices, around, span)] = None
            case Apply("select", (GuardValue(guard), then, otherwise)):
                pending += [(otherwise, (*around, ~guard)), (then, (*around, guard))]
            case _:
                pending += [(child, around) for child in reversed(children(node))]


def _points(touched: Touched, dimension: int) -> domains.isl.Set:
    """The condition that the symbol `_INDEX` is a subscript that occurs; every symbol is free."""
    index = Affine.symbol(_INDEX) - touched.indices[dimension]
    points = domains.condition(Guard.of(Constraint(index, equality=True)))
    for guard in touched.guards:
        points = points.intersect(domains.condition(guard))
    return points


def covering_extent(program: Program, array: str, dimension: int) -> Affine | None:
    """The smallest extent, affine in the sizes, that covers all subscripts from 0 on; None where none does.

    An array that is never touched gets 0. `program` may name the extent by a symbol that is no size.
    """
    sizes = [size.name for size in program.sizes]
    try:
        with domains.limited():
            context = domains.size_context(program)
            reached = domains.condition(Guard(()))
            for touched in find_touched(program):
                if touched.array == array:
                    points = _points(touched, dimension).intersect(context)
                    reached = reached.union(domains.exists_all_but(points, [*sizes, _INDEX]))
            return domains.bounds(reached, _INDEX, sizes).upper
    except DomainError:
        return None


@dataclass(frozen=True, slots=True)
class OutOfBounds:
    """An access that leaves its array whatever the sizes are."""

    touched: Touched
    dimension: int


def in_bounds(program: Program, touched: Iterable[Touched] | None = None) -> Guard | OutOfBounds:
    """A condition on sizes under which every access is in bounds; always where isl gives up.

    The condition is simplified by the sizes' minima and the program's own constraints.
    """
    shapes = {array.name: array.shape for array in program.arrays}
    sizes = [size.name for size in program.sizes]
    try:
        with domains.limited():
            context = domains.size_context(program)
            good = context
            for place in find_touched(program) if touched is None else touched:
                for dimension, extent in enumerate(shapes[place.array]):
                    index = Affine.symbol(_INDEX)
                    outside = Guard((((Constraint(-index - 1)),), (Constraint(index - extent),)))
                    points = _points(place, dimension).intersect(domains.condition(outside))
                    bad = domains.exists_all_but(points, sizes)
                    if context.is_subset(bad):
                        return OutOfBounds(place, dimension)
                    good = good.subtract(bad)
            return domains.gist(good, context)
    except DomainError:
        return Guard.of()
