"""How large sizes must be for a program to do all that it can do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from exalift.affine import (
    Affine,
    Assign,
    Expression,
    FloorDiv,
    Guard,
    GuardValue,
    If,
    Load,
    Loop,
    Program,
    Reduce,
    Statement,
    nodes,
)


def reach(program: Program) -> int:
    """The largest distance that the program states between places that depend on sizes.

    In `for (i = 5; i < n; i++) if (i > 7) a[i] = a[i - 3]` it is 8: with `n` below it, loops do not run
    or conditions never hold, and to agree says nothing. Distances inside of loops of constant range are
    left out, as they are there at every size.
    """
    found = 0
    pending = [(statement, frozenset(size.name for size in program.sizes)) for statement in program.body]
    while pending:
        statement, sized = pending.pop()
        found = max(found, max(map(_distance, _expressions(statement, sized)), default=0))
        match statement:
            case Loop(iv=iv, lower=lower, upper=upper, body=body):
                grows = any(bound.names & sized for bound in (*lower, *upper))
                inner = sized | {iv} if grows else sized
                pending += [(below, inner) for below in body]
            case If(then=then, otherwise=otherwise):
                pending += [(below, sized) for below in (*then, *otherwise)]
            case Assign():
                pass
    return found


def _expressions(statement: Statement, sized: frozenset[str]) -> Iterator[Affine]:
    """The affine expressions of one statement, those of its parts left out, that depend on sizes."""
    match statement:
        case Loop(lower=lower, upper=upper):
            found: Iterable[Affine] = [high - low for low in lower for high in upper]
        case If(guard=guard):
            found = _of_guard(guard)
        case Assign(indices=indices, value=value):
            found = [*indices, *(e for node in nodes(value) for e in _of_node(node))]
    return (expression for expression in found if expression.names & sized)


def _of_node(node: Expression) -> Iterable[Affine]:
    match node:
        case Load(indices=indices):
            return indices
        case GuardValue(guard=guard) | Reduce(guard=guard):
            return _of_guard(guard)
        case _:
            return ()


def _of_guard(guard: Guard) -> Iterable[Affine]:
    return [constraint.expression for conjunction in guard.disjuncts for constraint in conjunction]


def _distance(expression: Affine) -> int:
    """Of a division, two of its periods: what holds at 2 and at 5 of every 3 looks like what holds at 2 alone
    for as long as 5 is not reached."""
    found = abs(expression.constant)
    for atom, _ in expression.terms:
        if isinstance(atom, FloorDiv):
            found = max(found, 2 * atom.denominator, _distance(atom.numerator))
    return found


def iterations(program: Program, sizes: Mapping[str, int]) -> int:
    """About how many assignments a run makes: loops count as in the middle one of the rounds around them,
    and conditions are taken to hold."""
    return sum(_iterations(statement, sizes) for statement in program.body)


def _iterations(statement: Statement, values: Mapping[str, int]) -> int:
    """The recursion is over the nesting of loops."""
    match statement:
        case Assign():
            return 1
        case If(then=then, otherwise=otherwise):
            return sum(_iterations(below, values) for below in (*then, *otherwise))
        case Loop(iv=iv, lower=lower, upper=upper, body=body):
            first = max(bound.at(values) for bound in lower)
            last = min(bound.at(values) for bound in upper) - 1
            if last < first:
                return 0
            middle = {**values, iv: (first + last) // 2}
            return (last - first + 1) * sum(_iterations(below, middle) for below in body)
