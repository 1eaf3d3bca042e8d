"""Conditions on indices, moved from values into the bounds of loops.

    out[i,j] = select(i > k, a, out[i,j])        =>  for i > k: out[i,j] = a
    sum k. select(k < i, A[i,k], 0) * x[k]       =>  sum k < i. A[i,k] * x[k]
    sum k. select(k == j, t[k], 0)               =>  t[j]

A factor that a mask makes zero contributes nothing here, even where the other factor is infinite or NaN:
the source never reads those elements, and the lifted program masks them only to have a whole tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from exalift.affine import (
    FUNCTIONS,
    Affine,
    Apply,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    Load,
    Reduce,
)
from exalift.base import DType

from .inequalities import feasible, implied
from .program import Assignment, box, extent_of
from .terms import Pool, postorder, same_scope

_PIECES = 16
"""The most pieces that one assignment is split into."""

WINDOW = 27
"""Reductions of at most this many elements are written out."""


def identity_value(function: str, dtype: DType) -> int | float | bool:
    """The value that changes nothing: 0 for a sum, the least one for a maximum."""
    kind = FUNCTIONS[function].identity
    if kind in ("zero", "one"):
        return int(kind == "one")
    if kind == "ones":
        return True if dtype is DType.I1 else -1
    if dtype.is_float:
        return -math.inf if kind == "lowest" else math.inf
    lowest = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    return lowest if kind == "lowest" else (1 << (dtype.bits - int(dtype.is_signed))) - 1


@dataclass(frozen=True, slots=True)
class Masks:
    """Rewrites assignments; `context` is known of the loops around."""

    pool: Pool
    context: tuple[Constraint, ...] = ()

    def pieces(self, assignment: Assignment) -> tuple[Assignment, ...]:
        """Assignments to disjoint parts of the array that together mean the same.

        Parts that would be given what they hold are left out.
        """
        whole = replace(assignment, body=self.reductions(assignment.body))
        done: list[Assignment] = []
        pending = [whole]
        while pending:
            piece = _without_unit_axes(pending.pop(), self.pool)
            constraint = self._undecided(piece) if len(done) + len(pending) < _PIECES else None
            if constraint is None:
                done.append(piece)
            else:
                pending += reversed(list(self._split(piece, constraint)))
        kept = [piece for piece in done if not _is_kept(piece)]
        return tuple(
            replace(piece, body=self.reductions(piece.body), domain=self._needed(piece)) for piece in kept
        )

    def _needed(self, piece: Assignment) -> tuple[Constraint, ...]:
        """The domain without what the axes and the loops around say already."""
        known = (*self.context, *box(piece.axes))
        return tuple(constraint for constraint in piece.domain if not implied(constraint, known))

    # Splitting by conditions on the axes.

    def _undecided(self, piece: Assignment) -> Constraint | None:
        """A constraint that the value depends on at some points of the piece."""
        bound = {
            axis.name for term in postorder(piece.body) if isinstance(term, Reduce) for axis in term.axes
        }
        for term in postorder(piece.body):
            match term:
                case GuardValue(guard) | Reduce(guard=guard):
                    for conjunction in guard.disjuncts:
                        for constraint in conjunction:
                            if not constraint.expression.names & bound:
                                return constraint
                case _:
                    pass
        return None

    def _split(self, piece: Assignment, constraint: Constraint) -> Iterator[Assignment]:
        known = (*self.context, *piece.constraints)
        noes = tuple(conjunction[0] for conjunction in constraint.negated().disjuncts)
        for chosen in ((constraint, True), *((no, False) for no in noes)):
            part, holds = chosen
            if not feasible((*known, part)):
                continue
            body = self._assume(piece.body, constraint, holds, (*known, part))
            domain = piece.domain if implied(part, known) else (*piece.domain, part)
            yield replace(piece, body=body, domain=domain)

    def _assume(
        self, body: Expression, constraint: Constraint, holds: bool, known: Sequence[Constraint]
    ) -> Expression:
        """The body where the constraint is decided, and whatever else follows from what is known."""
        replaced: dict[int, Expression] = {}
        for term in postorder(body):
            match term:
                case GuardValue(guard):
                    decided = _decide(guard, constraint, holds, known)
                    if decided is not guard:
                        replaced[id(term)] = self.pool.test(decided)
                case _:
                    pass
        body = self.pool.rewrite(body, replaced)
        replaced = {}
        for term in postorder(body):
            if isinstance(term, Reduce):
                decided = _decide(term.guard, constraint, holds, known)
                if decided is not term.guard:
                    replaced[id(term)] = self._with_guard(term, decided)
        return self.pool.rewrite(body, replaced)

    def _with_guard(self, term: Reduce, guard: Guard) -> Expression:
        if not guard.disjuncts:
            return self._identity(term)
        return self.pool.reduce(term.function, term.axes, term.body, term.dtype, guard)

    def _identity(self, term: Reduce) -> Expression:
        if term.function == "add":
            return self.pool.nothing(term.dtype)
        return self.pool.constant(identity_value(term.function, term.dtype), term.dtype)

    # Reductions.

    def reductions(self, body: Expression) -> Expression:
        """The body with masks inside reductions as their guards, and small reductions written out."""
        while True:
            replaced: dict[int, Expression] = {}
            for term in postorder(body):
                if isinstance(term, Reduce):
                    made = self._reduction(term)
                    if made is not term:
                        replaced[id(term)] = made
                        break
            if not replaced:
                return body
            body = self.pool.rewrite(body, replaced)

    def _reduction(self, term: Reduce) -> Expression:
        if any(not extent_of(axis) for axis in term.axes) or not term.guard.disjuncts:
            return self._identity(term)
        for axis in term.axes:
            if extent_of(axis) == 1:
                return self._at(term, axis.name, Affine(), ())
        if not term.axes:
            body = term.body
            if not term.guard.is_always:
                parts = (self.pool.test(term.guard), body, self._identity(term))
                body = self.pool.apply("select", parts, term.dtype)
            return body
        masked = self._unmasked(term)
        if masked is not None:
            return masked
        fixed = self._fixed_axis(term)
        if fixed is not None:
            return fixed
        if math.prod(extent_of(axis) for axis in term.axes) <= WINDOW:
            return self._written_out(term)
        return term

    def _at(self, term: Reduce, name: str, value: Affine, constraints: tuple[Constraint, ...]) -> Expression:
        """The reduction with one axis held at a value."""
        mapping = {name: value}
        axes = tuple(axis for axis in term.axes if axis.name != name)
        guard = term.guard.substitute(mapping) & Guard.of(*constraints)
        body = self.pool.substitute(term.body, mapping)
        return self.pool.reduce(term.function, axes, body, term.dtype, guard)

    def _unmasked(self, term: Reduce) -> Expression | None:
        """A mask of the body, or of one of its factors, as a guard."""
        if len(term.guard.disjuncts) != 1:
            return None
        neutral = identity_value(term.function, term.dtype)
        stack = [term.body]
        while stack:
            part = stack.pop()
            match part:
                case Apply("select", (GuardValue(guard), value, Constant(other))):
                    sides = ((guard, value, other),)
                case _:
                    sides = ()
            match part:
                case Apply("select", (GuardValue(guard), Constant(other), value)):
                    sides = (*sides, (~guard, value, other))
                case Apply("multiply", factors) if term.function == "add":
                    stack.extend(factors)
                case _:
                    pass
            for guard, value, other in sides:
                if other == neutral and len(guard.disjuncts) == 1 and not isinstance(other, bool):
                    body = self.pool.rewrite(term.body, {id(part): value})
                    return self.pool.reduce(term.function, term.axes, body, term.dtype, term.guard & guard)
        return None

    def _fixed_axis(self, term: Reduce) -> Expression | None:
        """An axis that the guard holds at one value."""
        if len(term.guard.disjuncts) != 1:
            return None
        own = {axis.name: extent_of(axis) for axis in term.axes}
        for constraint in term.guard.disjuncts[0]:
            for name, extent in own.items():
                if not constraint.equality or abs(constraint.expression.coefficient(name)) != 1:
                    continue
                sign = constraint.expression.coefficient(name)
                value = (constraint.expression - Affine.symbol(name) * sign) * -sign
                if name in value.names:
                    continue
                return self._at(term, name, value, (Constraint(value), Constraint(-value + (extent - 1))))
        return None

    def _written_out(self, term: Reduce) -> Expression:
        """`f(f(body[0], body[1]), ...)`"""
        result: Expression | None = None
        for point in product(*(range(extent_of(axis)) for axis in term.axes)):
            mapping = {axis.name: Affine.of(at) for axis, at in zip(term.axes, point, strict=True)}
            part = self.pool.substitute(term.body, mapping)
            test = self.pool.test(term.guard.substitute(mapping))
            part = self.pool.apply("select", (test, part, self._identity(term)), term.dtype)
            result = part if result is None else self.pool.apply(term.function, (result, part), term.dtype)
        assert result is not None, "empty reductions are their identity"
        return result


def _decide(guard: Guard, constraint: Constraint, holds: bool, known: Sequence[Constraint]) -> Guard:
    """The guard without the constraints that are decided; the same object where none is."""
    changed = False
    kept: list[tuple[Constraint, ...]] = []
    for conjunction in guard.disjuncts:
        rest: list[Constraint] = []
        possible = True
        for other in conjunction:
            if other == constraint:
                changed = True
                possible = possible and holds
            elif not feasible((*known, other)):
                changed, possible = True, False
            elif implied(other, known):
                changed = True
            else:
                rest.append(other)
        if possible:
            kept.append(tuple(rest))
    return Guard(tuple(kept)) if changed else guard


def _without_unit_axes(piece: Assignment, pool: Pool) -> Assignment:
    """Axes of extent 1, and those that the domain holds at one value, put in as that value."""
    while True:
        found = _unit_axis(piece)
        if found is None:
            return piece
        name, value = found
        mapping = {name: value}
        axis = next(axis for axis in piece.axes if axis.name == name)
        bounds = (c for c in box((axis,)) if extent_of(axis) != 1)
        constraints = (
            Constraint(c.expression.substitute(mapping), c.equality) for c in (*piece.domain, *bounds)
        )
        kept = tuple(c for c in constraints if not _is_true(c))
        piece = replace(
            piece,
            axes=tuple(axis for axis in piece.axes if axis.name != name),
            indices=tuple(index.substitute(mapping) for index in piece.indices),
            body=pool.substitute(piece.body, mapping),
            domain=tuple(dict.fromkeys(kept)),
        )


def _is_true(constraint: Constraint) -> bool:
    if not constraint.expression.is_constant:
        return False
    value = constraint.expression.constant
    return value == 0 if constraint.equality else value >= 0


def _unit_axis(piece: Assignment) -> tuple[str, Affine] | None:
    names = {axis.name for axis in piece.axes}
    for axis in piece.axes:
        if extent_of(axis) == 1:
            return axis.name, Affine()
    for first in piece.domain:
        pair = first.equality or any(
            not second.equality and second.expression == -first.expression for second in piece.domain
        )
        if not pair:
            continue
        for name in sorted(names & first.expression.names):
            sign = first.expression.coefficient(name)
            value = (first.expression - Affine.symbol(name) * sign) * -sign
            if abs(sign) == 1 and name not in value.names:
                return name, value
    return None


def _is_kept(piece: Assignment) -> bool:
    """Whether every element is given what it holds, or there are none."""
    if any(not extent_of(axis) for axis in piece.axes):
        return True
    return isinstance(piece.body, Load) and (piece.body.array, piece.body.indices) == (
        piece.array,
        piece.indices,
    )


def reductions_of(terms: Iterable[Expression]) -> tuple[Reduce, ...]:
    """The outermost reductions."""
    return tuple(t for root in terms for t in same_scope(root) if isinstance(t, Reduce))
