"""Pointers: a memory and a place in it, moved by subscripts, arithmetic and casts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.base import DType, Span

from ..reading import (
    Binary,
    Conversion,
    DeclaredType,
    Dereference,
    Expr,
    IntegerLiteral,
    Name,
    Subscript,
    refusal,
)
from ..terms import (
    Condition,
    Known,
    Nothing,
    PointerValue,
    Poly,
    Tracked,
    TruthValue,
    Value,
    chosen,
    compared,
    moved,
)
from . import variables
from .indices import index, known_extents

if TYPE_CHECKING:
    from .execution import Execution

NOT_NULL = "pointers are not null"


def element(execution: Execution, expression: Subscript | Dereference) -> Value:
    memory, indices, extents = locate(execution, expression)
    if extents is not None:
        return PointerValue(memory.memory, indices, extents)
    return execution.fetch(memory.memory, indices, expression.span)


def locate(
    execution: Execution, expression: Subscript | Dereference
) -> tuple[PointerValue, tuple[Poly, ...], tuple[Poly, ...] | None]:
    """Where `p[i]` or `*p` is: the pointer, the indices, and the extents of what it decays to when it
    is an array itself (None for an element)."""
    if isinstance(expression, Subscript):
        pointer = execution.pointer(expression.base)
        pointer = _moved(pointer, index(execution, expression.index, "the subscript"), expression.span)
    else:
        pointer = execution.pointer(expression.pointer)
    if pointer.extents:
        return pointer, pointer.indices, pointer.extents[1:]
    return pointer, pointer.indices, None


def _moved(pointer: PointerValue, by: Poly, span: Span) -> PointerValue:
    if not pointer.indices and by.constant != 0:
        raise refusal(span, f"a pointer to the single variable `{pointer.memory.name}` is moved away from it")
    return moved(pointer, by)


def address(execution: Execution, operand: Expr) -> Value:
    match operand:
        case Subscript(base, position):
            pointer = execution.pointer(base)
            return _moved(pointer, index(execution, position, "the subscript"), operand.span)
        case Dereference(pointer):
            return execution.pointer(pointer)
        case Name(declaration) if operand.dtype is not None:
            memory = execution.scalar(declaration)
            return PointerValue(memory, (), ())
        case Name(declaration) if declaration.type.extents and not declaration.type.pointer:
            value = execution.pointer(operand)
            whole = tuple(extent for extent in value.memory.extents if extent is not None)
            if len(whole) == len(value.indices):
                return PointerValue(value.memory, value.indices, whole)
        case _:
            pass
    raise refusal(operand.span, "the address of this is not supported")


def arithmetic(execution: Execution, expression: Binary) -> Value:
    """Arithmetic on, and comparison of pointers."""
    operator, left, right, span = expression.operator, expression.left, expression.right, expression.span
    if operator == "+" and left.dtype is not None:
        left, right = right, left
    if operator in ("+", "-") and right.dtype is not None:
        pointer = execution.pointer(left)
        by = index(execution, right, "the distance that the pointer moves")
        return _moved(pointer, by if operator == "+" else -by, span)
    if operator in ("==", "!=") and _is_null(execution, left) + _is_null(execution, right) == 1:
        execution.assume(NOT_NULL)
        return TruthValue(Known(operator == "!="), DType.I32)
    first, second = execution.pointer(left), execution.pointer(right)
    distance = _distance(first, second)
    if distance is None:
        raise refusal(
            span, "pointers into different arrays are compared or subtracted", "compare counters instead"
        )
    # Compared as numbers of elements: both sides are taken relative to the second pointer.
    if operator == "-":
        return Tracked(distance, DType.I64)
    return compared(operator, Tracked(distance, DType.I64), Tracked(Poly(), DType.I64))


def _is_null(execution: Execution, expression: Expr) -> bool:
    while isinstance(expression, Conversion):
        expression = expression.operand
    return isinstance(expression, IntegerLiteral) and expression.value == 0


def _distance(first: PointerValue, second: PointerValue) -> Poly | None:
    """How many of the things pointed to lie between two pointers."""
    if first.memory is not second.memory or first.extents != second.extents or not first.indices:
        return None
    level = len(first.indices) - 1 - len(first.extents)
    pairs = zip(first.indices, second.indices, strict=True)
    if level < 0 or any(a != b for i, (a, b) in enumerate(pairs) if i != level):
        return None
    return first.indices[level] - second.indices[level]


def repointed(execution: Execution, value: Value, declared: DeclaredType, span: Span) -> Value:
    """A pointer seen as a pointer to another array type over the same elements."""
    if not isinstance(value, PointerValue):
        raise refusal(span, "a pointer made from a number", "use the address of an array")
    if value.memory.dtype is not declared.element:
        raise refusal(
            span,
            f"elements of type {value.memory.dtype} are seen as {declared.element} through a pointer",
            "copy them into an array of the other type",
        )
    inner = declared.extents if declared.pointer else declared.extents[1:]
    return PointerValue(value.memory, value.indices, known_extents(execution, inner, span))


def choose(test: Condition, then: Value, otherwise: Value, span: Span) -> Value:
    """One of two values of one type, by a condition."""
    if isinstance(then, PointerValue) and isinstance(otherwise, PointerValue):
        merged = variables.merged_pointer(test, then, otherwise)
        if merged is None:
            raise refusal(
                span,
                "a pointer that points into one of two arrays, or moves by a condition on data",
                "choose between the elements instead of the pointers",
            )
        return merged
    if isinstance(then, Nothing) and isinstance(otherwise, Nothing):
        return then
    if isinstance(then, PointerValue | Nothing) or isinstance(otherwise, PointerValue | Nothing):
        raise refusal(span, "the two branches are of different kinds")
    return chosen(test, then, otherwise)
