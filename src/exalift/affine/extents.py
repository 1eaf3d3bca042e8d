"""Which elements a program touches: extents that cover them, and sizes for which all are in bounds."""

from __future__ import annotations

from dataclasses import dataclass

import islpy as isl

from exalift.base import Span

from . import domains
from .affine_expression import Affine
from .domains import DomainError
from .expressions import Apply, Constant, Expression, GuardValue, Load, children
from .guards import Constraint, Guard
from .ir import Assign, If, Loop, Program, Statement

_INDEX = "accessed index"  # no front end makes a name with a space
_NOMINAL = 100
_SLACK = 16


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
            case Apply("select", (condition, then, otherwise)):
                pending += [(otherwise, around), (then, (*around, *_conjuncts(condition)))]
                pending.append((condition, around))
            case _:
                pending += [(child, around) for child in reversed(children(node))]


def _conjuncts(root: Expression) -> tuple[Guard, ...]:
    """Conditions on indices that hold wherever an i1 does."""
    found: list[Guard] = []
    pending = [root]
    while pending:
        match pending.pop():
            case GuardValue(guard):
                found.append(guard)
            case Apply("and", operands):
                pending += operands
            case Apply("select", (condition, then, Constant(False))):
                pending += [condition, then]
            case _:
                pass
    return tuple(found)


def _points(touched: Touched, dimension: int) -> isl.Set:
    """The condition that the symbol `_INDEX` is a subscript that occurs; every symbol is free."""
    index = Affine.symbol(_INDEX) - touched.indices[dimension]
    points = domains.condition(Guard.of(Constraint(index, equality=True)))
    for guard in touched.guards:
        points = points.intersect(domains.condition(guard))
    return points


def covering_extent(program: Program, array: str, dimension: int) -> Affine | None:
    """A small extent, affine in the sizes, that covers all subscripts from 0 on; None where none does.

    It is simple rather than tight: for every third element below n it is n, and not what a floor
    division would save. It exceeds the smallest extent by less than `_SLACK` at the sizes tried, so
    that for subscripts up to n and up to m it is not n + m, but None.
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
            if reached.is_empty():
                return Affine.of(0)
            fits = [c for c in _candidates(reached) if _slack(c, reached, sizes, context) is not None]
            return min(
                fits,
                key=lambda c: (not c.is_linear, _slack(c, reached, sizes, context), str(c)),
                default=None,
            )
    except DomainError:
        return None


def _candidates(reached: isl.Set) -> list[Affine]:
    """Extents that cover the points: the pieces of the exact one, and what the convex hull gives."""
    points = domains.tuple_set(reached, "", [_INDEX])
    found: list[Affine] = []
    points.dim_max(0).foreach_piece(lambda _, aff: found.append(domains.to_affine(aff) + 1))
    for row in points.remove_divs().polyhedral_hull().get_constraints():
        aff = row.get_aff()
        coefficient = -domains.integer(aff.get_coefficient_val(isl.dim_type.in_, 0))
        if coefficient > 0:
            rest = domains.to_affine(aff.set_coefficient_val(isl.dim_type.in_, 0, 0))
            found.append(rest // coefficient + 1)
    index = Affine.symbol(_INDEX)
    return [c for c in dict.fromkeys(found) if domains.implies(reached, Guard.of(Constraint(c - 1 - index)))]


def _slack(candidate: Affine, reached: isl.Set, sizes: list[str], context: isl.Set) -> int | None:
    """By how much an extent exceeds the smallest, over some very unlike sizes; None where by too much.

    What exceeds it must reach it for slightly smaller sizes, as n does for every third element below n,
    and n + 6 does not for 7 elements and n.
    """
    total = 0
    for large in ["", *sizes]:
        values = {size: _NOMINAL * 10 if size == large else _NOMINAL for size in sizes}
        slack = _slack_at(candidate, reached, values, context)
        if slack is None:
            continue
        smaller = [{size: value - k for size, value in values.items()} for k in range(1, slack + 1)]
        if slack > _SLACK or (slack and all(_slack_at(candidate, reached, v, context) for v in smaller)):
            return None
        total += slack
    return total


def _slack_at(candidate: Affine, reached: isl.Set, values: dict[str, int], context: isl.Set) -> int | None:
    """The excess for given sizes; None where they are not admitted, or nothing is touched."""
    rows = [Constraint(Affine.symbol(size) - value, equality=True) for size, value in values.items()]
    here = reached.intersect(domains.condition(Guard.of(*rows)))
    if here.is_empty() or here.intersect(context).is_empty():
        return None
    return candidate.at(values) - domains.bounds(here, _INDEX, []).upper.constant


@dataclass(frozen=True, slots=True)
class OutOfBounds:
    """An access that leaves its array whatever the sizes are."""

    touched: Touched
    dimension: int


def in_bounds(program: Program) -> Guard | OutOfBounds:
    """A condition on sizes under which no extent is negative and every access is in bounds.

    It adds to the sizes' minima and the program's constraints, which it does not repeat. It is always
    where isl gives up.
    """
    shapes = {array.name: array.shape for array in program.arrays}
    sizes = [size.name for size in program.sizes]
    extents = {extent for shape in shapes.values() for extent in shape if not extent.is_constant}
    try:
        with domains.limited():
            context = domains.size_context(program)
            good = context.intersect(domains.condition(Guard.of(*(Constraint(e) for e in extents))))
            for place in find_touched(program):
                for dimension, extent in enumerate(shapes[place.array]):
                    index = Affine.symbol(_INDEX)
                    outside = Guard(((Constraint(-index - 1),), (Constraint(index - extent),)))
                    points = _points(place, dimension).intersect(domains.condition(outside))
                    bad = domains.exists_all_but(points, sizes)
                    if context.is_subset(bad):
                        return OutOfBounds(place, dimension)
                    good = good.subtract(bad)
            return domains.gist(good, context)
    except DomainError:
        return Guard.of()
