"""Assignments, `++` and `--`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exalift.affine import Constant
from exalift.base import DType, Span

from ..reading import (
    Assignment,
    Binary,
    Declaration,
    Dereference,
    Expr,
    IntegerLiteral,
    Name,
    Step,
    Subscript,
    refusal,
)
from ..terms import (
    Access,
    Arithmetic,
    Datum,
    PointerValue,
    Poly,
    Store,
    Tracked,
    Value,
    arithmetic,
    as_data,
    common,
    converted,
    promoted,
)
from . import initializers, pointers, variables

if TYPE_CHECKING:
    from .execution import Execution


@dataclass(frozen=True, slots=True)
class _Variable:
    """A scalar or pointer variable by its name."""

    declaration: Declaration


_Place = _Variable | Access


def _place(execution: Execution, target: Expr) -> _Place:
    match target:
        case Name(declaration) if target.dtype is not None:
            return _Variable(declaration)
        case Subscript() | Dereference():
            pointer, indices, rest = pointers.locate(execution, target)
            if rest is None:
                return Access(pointer.memory, indices, target.span)
        case _:
            pass
    raise refusal(target.span, "this cannot be assigned to")


def assign(execution: Execution, expression: Assignment) -> Value:
    """`target = value` and `target op= value`; the value of the whole is what was stored."""
    execution.check_unconditional(expression.span)
    operator, span = expression.operator, expression.span
    if expression.target.dtype is None:
        return _assign_pointer(execution, expression)
    dtype = expression.target.dtype
    if not operator:
        value = execution.arithmetic(expression.value)
        place = _place(execution, expression.target)
        return _put(execution, place, converted(value, dtype), span)
    place = _place(execution, expression.target)
    right = execution.arithmetic(expression.value)
    left = _get(execution, place, expression.target.span)
    wide = promoted(dtype) if operator in ("<<", ">>") else common(dtype, right.dtype)
    right = right if operator in ("<<", ">>") else converted(right, wide)
    result = arithmetic(operator, converted(left, wide), right, wide)
    return _put(execution, place, converted(result, dtype), span)


def _assign_pointer(execution: Execution, expression: Assignment) -> Value:
    target, span = expression.target, expression.span
    if not isinstance(target, Name):
        raise refusal(span, "this cannot be assigned to")
    declaration = target.declaration
    if expression.operator:
        moved = Binary(expression.operator, target, expression.value, None, span)
        value = execution.evaluate(moved)
    else:
        value = initializers.pointer_value(execution, declaration, expression.value)
    variables.set_pointer(execution, declaration, value, span)
    return value


def step(execution: Execution, expression: Step) -> Value:
    """`++` and `--`, on variables, elements and pointers."""
    execution.check_unconditional(expression.span)
    target, span = expression.target, expression.span
    if target.dtype is None:
        if not isinstance(target, Name):
            raise refusal(span, "this cannot be stepped")
        before = execution.pointer(target)
        by = IntegerLiteral(expression.by, DType.I64, span)
        after = execution.evaluate(Binary("+", target, by, None, span))
        variables.set_pointer(execution, target.declaration, after, span)
        return after if expression.prefix else before
    dtype = target.dtype
    place = _place(execution, target)
    before_value = _get(execution, place, span)
    wide = common(dtype, DType.I32)
    one = converted(Tracked(Poly.of(expression.by), DType.I32), wide)
    after_value = converted(arithmetic("+", converted(before_value, wide), one, wide), dtype)
    if expression.prefix:
        return _put(execution, place, after_value, span)
    if _is_followed(execution, place):
        _put(execution, place, after_value, span)
    else:
        # The old value is still to be read by the expression around, so the store comes after it.
        access = place if isinstance(place, Access) else _access(execution, place, span)
        execution.later.append(Store(access, as_data(after_value), span))
    return before_value


def _is_followed(execution: Execution, place: _Place) -> bool:
    return isinstance(place, _Variable) and execution.is_followed(place.declaration)


def _access(execution: Execution, place: _Variable, span: Span) -> Access:
    return Access(execution.scalar(place.declaration), (), span)


def _get(execution: Execution, place: _Place, span: Span) -> Arithmetic:
    match place:
        case _Variable(declaration):
            value = variables.read(execution, declaration, span)
            assert not isinstance(value, PointerValue)
            if not isinstance(value, Tracked | Datum):
                raise refusal(span, "a number is needed here")
            return value
        case Access(memory, indices):
            return execution.fetch(memory, indices, span)


def _put(execution: Execution, place: _Place, value: Arithmetic, span: Span) -> Arithmetic:
    """Store, and give the value that was stored."""
    match place:
        case _Variable(declaration):
            variables.set_scalar(execution, declaration, value, span)
            if execution.is_followed(declaration):
                return value
            access = _access(execution, place, span)
        case Access():
            access = place
            execution.store(place, as_data(value), span)
    expression = as_data(value)
    if isinstance(expression, Constant):
        return value
    return execution.fetch(access.memory, access.indices, span)
