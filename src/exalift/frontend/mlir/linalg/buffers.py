"""Memory: what `memref` ops do to it, in order, for modules whose tensors are buffers already."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.dialects import TensorType, Update
from exalift.dialects.stablehlo import IMPORTED, SET, build, scatter_attributes

from ..source import Unsupported
from ..syntax import Operation, Value
from .elements import axes_of
from .reading import Buffer, Handler, Read, Reader, Scope, tensor_type


def _buffer(reader: Reader, value: Value, scope: Scope) -> Buffer:
    found = reader.value(value, scope)
    if not isinstance(found, Buffer):
        raise Unsupported(f"%{value.name} is not memory")
    return found


def _allocate(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    if operation.operands:
        raise Unsupported("memory whose shape is not static is not supported")
    type = tensor_type(operation.results[0].type)
    return [Buffer(reader.local("buffer", type).name, type)]


def _load(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """The element as it is now: it is kept, since the memory may change before it is used."""
    source = reader.node(operation.operands[0], scope)
    place = [reader.affine(operand, scope) for operand in operation.operands[1:]]
    reader.check_place(place, source.type.shape, scope)
    elements = reader.elements
    if scope.shape:
        return [elements.settled(elements.element(source, place), scope.shape)]
    kept = reader.local("loaded", TensorType((), source.type.dtype))
    scope.steps.append(Update(kept.name, elements.gathered(source, place, ())))
    return [elements.element(kept, ())]


def _store(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    if scope.shape:
        raise Unsupported("effects inside an elementwise region")
    value, target = reader.node(operation.operands[0], scope), operation.operands[1]
    buffer, into = _buffer(reader, target, scope), reader.node(target, scope)
    place = [reader.affine(operand, scope) for operand in operation.operands[2:]]
    reader.check_place(place, into.type.shape, scope)
    equal = [axis - index for axis, index in zip(axes_of(into.type.shape), place, strict=True)]
    attributes = scatter_attributes((), (), equal, SET)
    scope.steps.append(Update(buffer.array, build(IMPORTED, "exalift.scatter", (into, value), attributes)))
    return []


def _copy(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source, target = operation.operands
    buffer = _buffer(reader, target, scope)
    scope.steps.append(Update(buffer.array, reader.node(source, scope)))
    return []


def _nothing(reader: Reader, operation: Operation, scope: Scope) -> Sequence[Read]:
    return ()


def written_memory(operation: Operation) -> tuple[Value, ...]:
    """The memory that an operation itself writes."""
    if operation.name == "memref.store":
        return operation.operands[1:2]
    if operation.name == "memref.copy":
        return operation.operands[1:]
    if operation.name.startswith("linalg.") and not operation.results:
        segments = operation.attributes.get("operandSegmentSizes")
        return operation.operands[int(segments[0]) :] if isinstance(segments, tuple) else ()
    return ()


BUFFER_HANDLERS: dict[str, Handler] = {
    "memref.alloc": _allocate,
    "memref.alloca": _allocate,
    "memref.copy": _copy,
    "memref.dealloc": _nothing,
    "memref.load": _load,
    "memref.store": _store,
}
