"""Splits of element-wise goals: operands one by one, each over the axes that it depends on."""

from __future__ import annotations

from exalift.affine import (
    Affine,
    Apply,
    Cast,
    Constant,
    Constraint,
    Expression,
    FloorDiv,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    free_symbols,
)
from exalift.base import DType

from .scope import Scope, Split, hints_for, rewritten

INDEX_DTYPE = DType.I32


def split_unused_axes(goal: Formula) -> tuple[Split, ...]:
    """`out[i, j] = e(i)` -> `tmp[i] = e(i)`, which the goal repeats along `j`."""
    used = free_symbols(goal.body)
    kept = tuple(axis for axis in goal.axes if axis.name in used)
    if len(kept) == len(goal.axes):
        return ()
    return (Split((Formula(kept, goal.body),), hints_for(goal), "an axis that nothing depends on"),)


def split_operands(goal: Formula) -> tuple[Split, ...]:
    """`out = f(a, b)` -> `a`, `b`, both over the goal's axes."""
    match goal.body:
        case Apply(function=function, operands=operands):
            subgoals = tuple(dict.fromkeys(Formula(goal.axes, operand) for operand in operands))
            return (Split(subgoals, hints_for(goal, functions=(function,)), f"operands of {function}"),)
        case Cast(operand=operand):
            return (Split((Formula(goal.axes, operand),), hints_for(goal), "operand of a conversion"),)
        case _:
            return ()


def split_index(goal: Formula, body: IndexValue, scope: Scope) -> tuple[Split, ...]:
    """An affine expression of axes -> its terms; a single axis needs no subgoal."""
    if body.dtype is not INDEX_DTYPE:
        rewrite = Cast(IndexValue(body.index, INDEX_DTYPE), body.dtype)
        return (rewritten(Formula(goal.axes, rewrite), "indices are computed as integers"),)
    axes = {axis.name for axis in goal.axes}
    index = body.index
    if len(goal.axes) == 1 and index == Affine.symbol(goal.axes[0].name):
        return (Split((), hints_for(goal), "positions along an axis"),)
    terms: list[tuple[int, Expression]] = []
    scalar = Affine((), index.constant)
    for atom, coefficient in index.terms:
        piece = Affine(((atom, 1),))
        if not piece.names & axes:
            scalar = scalar + piece * coefficient
        elif isinstance(atom, FloorDiv):
            if not _nonnegative_on_box(atom.numerator, goal, scope):
                return ()
            operands = (IndexValue(atom.numerator, INDEX_DTYPE), Constant(atom.denominator, INDEX_DTYPE))
            terms.append((coefficient, Apply("divide", operands, INDEX_DTYPE)))
        else:
            terms.append((coefficient, IndexValue(piece, INDEX_DTYPE)))
    if not terms:
        return ()
    terms.sort(key=lambda term: term[0] < 0)
    expression = _scaled(*terms[0])
    for coefficient, piece in terms[1:]:
        function = "add" if coefficient > 0 else "subtract"
        expression = Apply(function, (expression, _scaled(abs(coefficient), piece)), INDEX_DTYPE)
    if scalar != Affine():
        expression = Apply("add", (expression, IndexValue(scalar, INDEX_DTYPE)), INDEX_DTYPE)
    return (rewritten(Formula(goal.axes, expression), "the terms of an index"),)


def _scaled(coefficient: int, piece: Expression) -> Expression:
    if coefficient == 1:
        return piece
    return Apply("multiply", (piece, Constant(coefficient, INDEX_DTYPE)), INDEX_DTYPE)


def _nonnegative_on_box(expression: Affine, goal: Formula, scope: Scope) -> bool:
    for axis in goal.axes:
        lowest = Affine() if expression.coefficient(axis.name) >= 0 else axis.extent - 1
        expression = expression.substitute({axis.name: lowest})
    return scope.nonnegative(expression)


def split_guard(goal: Formula, body: GuardValue) -> tuple[Split, ...]:
    """A condition on indices -> comparisons of index values, joined by and, or."""
    axes = frozenset(axis.name for axis in goal.axes)
    disjunction: Expression | None = None
    for conjunction in body.guard.disjuncts:
        joined: Expression | None = None
        for constraint in conjunction:
            compared = _comparison(constraint, axes)
            joined = compared if joined is None else Apply("and", (joined, compared), DType.I1)
        if joined is None:
            joined = Constant(True, DType.I1)
        disjunction = joined if disjunction is None else Apply("or", (disjunction, joined), DType.I1)
    rewrite = Constant(False, DType.I1) if disjunction is None else disjunction
    return (rewritten(Formula(goal.axes, rewrite), "the comparisons of a condition"),)


def _comparison(constraint: Constraint, axes: frozenset[str]) -> Expression:
    """`positive axes (direction) negative axes and the rest`; axes stand on the left where there are any."""
    expression = constraint.expression
    positive, negative, rest = Affine(), Affine(), Affine((), expression.constant)
    for atom, coefficient in expression.terms:
        piece = Affine(((atom, 1),)) * coefficient
        if not piece.names & axes:
            rest = rest + piece
        elif coefficient > 0:
            positive = positive + piece
        else:
            negative = negative - piece
    if positive == Affine() and negative != Affine():
        # rest - negative >= 0: the axes go to the left, and the direction turns.
        left, right, direction = negative, rest, "le"
        if rest.constant == -1:
            right, direction = rest + 1, "lt"
    else:
        left, right, direction = positive, negative - rest, "ge"
        if rest.constant == -1:
            right, direction = right - 1, "gt"
    if constraint.equality:
        left, right, direction = (
            (negative, rest, "eq") if positive == Affine() else (positive, negative - rest, "eq")
        )
    operands = (IndexValue(left, INDEX_DTYPE), IndexValue(right, INDEX_DTYPE))
    return Apply(f"compare_{direction}", operands, DType.I1)


def guarded(guard: Guard, then: Expression, otherwise: Expression) -> Expression:
    """`then` where the guard holds, `otherwise` elsewhere; `then` itself where it always holds."""
    if guard.is_always:
        return then
    return Apply("select", (GuardValue(guard), then, otherwise), then.dtype)
