"""Initial values: arrays, tables of constants, and arrays from `malloc`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from exalift.affine import Constant
from exalift.base import Span

from ..reading import Call, Conversion, Declaration, Expr, InitializerList, refusal
from ..terms import Access, Datum, Fill, Memory, PointerValue, Poly, Value, as_data, as_tracked, converted
from .indices import index, known_extents

if TYPE_CHECKING:
    from .execution import Execution

MAX_ELEMENTS = 4096
_ALLOCATE = {"malloc": (None, 0), "calloc": (0, 1), "aligned_alloc": (None, 1), "__builtin_malloc": (None, 0)}


def declare_array(execution: Execution, declaration: Declaration) -> Memory:
    """A local array; one that is declared in a loop is the same storage every time."""
    declared, span = declaration.type, declaration.span
    shape = known_extents(execution, declared.extents, span)
    key = execution.key(declaration)
    known = execution.memories.get(key)
    if known is not None and known.extents != shape:
        del execution.memories[key]
    memory = execution.memory(key, declaration.name, declared.element, shape, span)
    first = declaration.initializer
    if first is None:
        return memory
    if not isinstance(first, InitializerList):
        raise refusal(span, f"the initialiser of `{declaration.name}` is not supported", "write {...}")
    counts = [extent.constant for extent in shape]
    fixed = [count for count in counts if count is not None]
    if len(fixed) < len(counts):
        raise refusal(span, "an array of variable size cannot have an initialiser", "set it in a loop")
    values = _flatten(first, tuple(fixed))
    total = prod(fixed)
    if len(values) < total:
        execution.emit(Fill(memory, span), span)
    for position in sorted(values):
        with execution.full_expression(values[position]):
            value = execution.arithmetic(values[position])
        expression = as_data(converted(value, declared.element))
        zero = isinstance(expression, Constant) and not expression.value
        if len(values) == total or not zero:
            access = Access(memory, _unflatten(position, tuple(fixed)), values[position].span)
            execution.store(access, expression, values[position].span)
    return memory


def _flatten(given: InitializerList, shape: tuple[int, ...]) -> dict[int, Expr]:
    """Every element that is listed, by its position in row-major order."""
    found: dict[int, Expr] = {}
    inner = prod(shape[1:])
    nested = any(isinstance(value, InitializerList) for _, value in given.items)
    for position, value in given.items:
        if isinstance(value, InitializerList):
            if len(shape) > 1:
                part = _flatten(value, shape[1:])
            elif len(value.items) == 1:
                part = {0: value.items[0][1]}  # `{{1}, {2}}` for single elements.
            else:
                raise refusal(value.span, "too many braces in this initialiser")
            found |= {position * inner + place: element for place, element in part.items()}
        elif nested and len(shape) > 1:
            raise refusal(value.span, "rows with and without braces in one initialiser", "write all braces")
        else:
            found[position] = value
    if any(position >= prod(shape) for position in found) or len(found) > MAX_ELEMENTS:
        raise refusal(
            given.span, f"an initialiser of more elements than the array has, or than {MAX_ELEMENTS}"
        )
    return found


def _unflatten(position: int, shape: tuple[int, ...]) -> tuple[Poly, ...]:
    indices: list[Poly] = []
    for extent in reversed(shape):
        indices.append(Poly.of(position % extent))
        position //= extent
    return tuple(reversed(indices))


def constant_variable(execution: Execution, declaration: Declaration) -> None:
    """A `const` variable of static storage: its initialiser, as if written at the start of the function."""
    declared = declaration.type
    first = declaration.initializer
    assert first is not None
    if declared.pointer:
        raise refusal(declaration.span, f"the pointer `{declaration.name}` at file scope is not supported")
    if declared.extents:
        with execution.collecting() as stores:
            conditional, execution.conditional = execution.conditional, 0
            declare_array(execution, declaration)
            execution.conditional = conditional
        execution.constants.extend(stores)
        return
    value = converted(execution.arithmetic(first), declared.element)
    followed = as_tracked(value)
    execution.follow(declaration, followed if followed is not None else Datum(as_data(value)))


def pointer_value(execution: Execution, declaration: Declaration, given: Expr) -> Value:
    """What a pointer is set to; a call of `malloc` and its kin makes a local array of its name."""
    call = given
    while isinstance(call, Conversion):
        call = call.operand
    if not isinstance(call, Call) or call.function not in _ALLOCATE:
        with execution.full_expression(given):
            value = execution.evaluate(given)
        execution.flush()
        return value
    declared, span = declaration.type, given.span
    count_at, bytes_at = _ALLOCATE[call.function]
    size = index(execution, call.arguments[bytes_at], "the size")
    if count_at is not None:
        size = size * index(execution, call.arguments[count_at], "the size")
    inner = known_extents(execution, declared.extents, span)
    outer = _quotient(size.divided_exactly(declared.element.bytes), inner, span)
    key = f"{execution.key(declaration)}*{span.line}:{span.column}"
    shape = (outer, *inner)
    memory = execution.memory(key, declaration.name, declared.element, shape, span)
    if call.function == "calloc":
        execution.emit(Fill(memory, span), span)
    return PointerValue(memory, (Poly(),) * len(shape), inner)


def _quotient(elements: Poly | None, inner: tuple[Poly, ...], span: Span) -> Poly:
    counts = [extent.constant for extent in inner]
    if elements is not None and all(count is not None for count in counts):
        whole = elements.divided_exactly(prod(count for count in counts if count is not None))
        if whole is not None:
            return whole
    raise refusal(span, "the size of this allocation is not a whole number of elements or rows")
