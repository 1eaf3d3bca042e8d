"""Comparisons of indices as conditions on positions, and choices that these decide.

    select(index(i) > index(k) and index(j) > index(k), x, y)   ->   select(holds(i > k, j > k), x, y)

What is a condition on positions can become a bound of a loop, so that the work that it masks is not done.
"""

from __future__ import annotations

from exalift.base import DType
from exalift.capsule.kernels import (
    Apply,
    Constraint,
    Convert,
    Expression,
    Holds,
    Index,
    IndexValue,
    Literal,
    Range,
)
from exalift.capsule.kernels.bounds import Scope


def fold(function: str, operands: tuple[Expression, ...], dtype: DType, scope: Scope) -> Expression:
    """The function applied; something simpler where positions in the scope tell."""
    match function, operands:
        case "and", (Holds(first), Holds(second)):
            return Holds(tuple(dict.fromkeys((*first, *second))))
        case "not", (Holds((Constraint(index, False),)),):
            return Holds((Constraint(-index - 1),))
        case "select", (Holds(constraints), then, otherwise):
            if all(always(constraint, scope) for constraint in constraints):
                return then
            if any(never(constraint, scope) for constraint in constraints):
                return otherwise
        case _, (left, right) if function.startswith("compare_"):
            one, two = _index(left, scope), _index(right, scope)
            made = _comparison(function, one - two) if one is not None and two is not None else None
            if made is not None:
                return made
        case _:
            pass
    return Apply(function, operands, dtype)


def always(constraint: Constraint, scope: Scope) -> bool:
    """Whether the constraint holds wherever the scope does."""
    return scope.least(constraint.index) >= 0 and (
        not constraint.equality or scope.most(constraint.index) <= 0
    )


def never(constraint: Constraint, scope: Scope) -> bool:
    """Whether the constraint holds nowhere in the scope."""
    return scope.most(constraint.index) < 0 or (constraint.equality and scope.least(constraint.index) > 0)


def _index(expression: Expression, scope: Scope) -> Index | None:
    """The expression as an affine one, where no rounding or wrapping comes between."""
    match expression:
        case IndexValue(index, dtype):
            pass
        case Literal(value, dtype) if dtype.is_integer:
            index = Index((), int(value))
        case Convert(IndexValue(index, inner), dtype) if inner.is_integer and _fits(index, inner, scope):
            pass
        case _:
            return None
    return index if _fits(index, dtype, scope) else None


def _fits(index: Index, dtype: DType, scope: Scope) -> bool:
    bits = {DType.F32: 24, DType.F64: 53}.get(dtype, dtype.bits - 1 if dtype.is_signed else dtype.bits)
    low = -(1 << bits) if dtype.is_signed or dtype.is_float else 0
    return low <= scope.least(index) and scope.most(index) < 1 << bits


def _comparison(function: str, difference: Index) -> Expression | None:
    match function.removeprefix("compare_"):
        case "ge":
            return Holds((Constraint(difference),))
        case "gt":
            return Holds((Constraint(difference - 1),))
        case "le":
            return Holds((Constraint(-difference),))
        case "lt":
            return Holds((Constraint(-difference - 1),))
        case "eq":
            return Holds((Constraint(difference, equality=True),))
        case _:
            return None


def pruned(range: Range, scope: Scope) -> Range:
    """The range without bounds that follow from its others."""
    lower, upper = list(range.lower), list(range.upper)
    for bound in range.lower:
        others = [other for other in lower if other != bound]
        if any(scope.least(other - bound) >= 0 for other in others):
            lower.remove(bound)
    for bound in range.upper:
        others = [other for other in upper if other != bound]
        if any(scope.most(other - bound) <= 0 for other in others):
            upper.remove(bound)
    return Range(range.name, tuple(dict.fromkeys(lower)), tuple(dict.fromkeys(upper)))
