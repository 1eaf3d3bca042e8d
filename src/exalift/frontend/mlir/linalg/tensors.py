"""The ops of `tensor`: windows, paddings, shapes, elements. Offsets may be affine in loops' counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce as fold

import numpy as np

from exalift.affine import Affine, Constant, Load
from exalift.dialects import TensorType
from exalift.dialects.stablehlo import (
    IMPORTED,
    SET,
    UnsupportedConstant,
    broadcast,
    build,
    concatenate,
    number,
    pad,
    reshape,
    scatter_attributes,
    splat,
    table_node,
)

from .. import scalars
from ..scalars import Extremum, Scalar
from ..source import Unsupported
from ..syntax import Dense, Operation
from .elements import axes_of
from .reading import Handler, Read, Reader, Scope, tensor_type

DYNAMIC = -(1 << 63)
"""How MLIR marks an offset that an operand gives. Source: MLIR's `ShapedType::kDynamic`."""

_MOST_PARTS = 1024


def _result(operation: Operation) -> TensorType:
    return tensor_type(operation.results[0].type)


def _empty(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """Contents that are not specified, as those of a local are."""
    return [reader.local("empty", _result(operation))]


def integers(operation: Operation, name: str) -> tuple[int, ...]:
    """An attribute that lists integers."""
    given = operation.attributes.get(name)
    if not isinstance(given, tuple):
        raise Unsupported(f"no integers for {name}")
    return tuple(int(item) for item in given)


def _windows(
    reader: Reader, operation: Operation, scope: Scope, first: int
) -> tuple[list[Affine], list[int], list[int]]:
    """Offsets, sizes and strides; `first` is the number of operands before them."""
    rest = iter(operation.operands[first:])
    found: list[list[Affine]] = []
    for name in ("static_offsets", "static_sizes", "static_strides"):
        row = [
            reader.affine(next(rest), scope) if value == DYNAMIC else Affine.of(value)
            for value in integers(operation, name)
        ]
        found.append(row)
    offsets, sizes, strides = found
    if any(not value.is_constant or value.constant < 0 for value in (*sizes, *strides)):
        raise Unsupported("sizes or strides of a window that are not constants")
    return offsets, [size.constant for size in sizes], [stride.constant for stride in strides]


def _window_axes(sizes: Sequence[int], shape: Sequence[Affine]) -> list[int | None]:
    """For every dimension of a window, the axis of the tensor that has lost some dimensions of extent 1."""
    axes: list[int | None] = []
    position = 0
    for size in sizes:
        if position < len(shape) and shape[position].constant == size:
            axes.append(position)
            position += 1
        elif size == 1:
            axes.append(None)
        else:
            raise Unsupported("a window that does not have the shape of its tensor")
    if position < len(shape):
        raise Unsupported("a window that does not have the shape of its tensor")
    return axes


def _extract_slice(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source, result = reader.node(operation.operands[0], scope), _result(operation)
    offsets, sizes, strides = _windows(reader, operation, scope, 1)
    axes = axes_of(result.shape)
    place = [
        offset if axis is None else offset + axes[axis] * stride
        for offset, stride, axis in zip(offsets, strides, _window_axes(sizes, result.shape), strict=True)
    ]
    reader.check_place(place, source.type.shape, replace(scope, shape=result.shape))
    return [reader.elements.gathered(source, place, result.shape)]


def _insert_slice(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """The element of the destination, or of the source where the window is: its index map turned around."""
    source, into = (reader.node(operand, scope) for operand in operation.operands[:2])
    offsets, sizes, strides = _windows(reader, operation, scope, 2)
    window = _window_axes(sizes, source.type.shape)
    ends = [o + s * max(0, n - 1) for o, s, n in zip(offsets, strides, sizes, strict=True)]
    if any(not size for size in sizes):
        return [into]
    reader.check_place(offsets, into.type.shape, scope)
    reader.check_place(ends, into.type.shape, scope)
    place = [Affine()] * source.type.rank
    within: list[Affine] = []
    equal: list[Affine] = []
    for axis, at, offset, stride, size in zip(
        axes_of(into.type.shape), window, offsets, strides, sizes, strict=True
    ):
        distance = axis - offset
        if at is None or stride == 0:
            equal.append(distance)
            continue
        place[at] = distance // stride
        within += [distance, offset + stride * (size - 1) - axis]
        if stride > 1:
            equal.append(distance % stride)
    attributes = scatter_attributes(place, within, equal, SET)
    return [reader.elements.table.make(build(IMPORTED, "exalift.scatter", (into, source), attributes))]


def _pad(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source, result = reader.node(operation.operands[0], scope), _result(operation)
    rest = iter(operation.operands[1:])
    low, high = (
        [
            reader.affine(next(rest), scope) if value == DYNAMIC else Affine.of(value)
            for value in integers(operation, name)
        ]
        for name in ("static_low", "static_high")
    )
    if any(not amount.is_constant for amount in (*low, *high)):
        raise Unsupported("paddings that are not constants")
    block = operation.regions[0][0]
    inner = scope.inside(shape=result.shape)
    for argument, axis in zip(block.arguments, axes_of(result.shape), strict=True):
        inner.values[argument] = scalars.indexed(Extremum.of(axis), tensor_type(argument.type).dtype)
    (value,) = reader.block(block, inner)
    if not isinstance(value, Scalar):
        raise Unsupported("a padding that is no scalar")
    table = reader.elements.table
    if not source.type.rank:
        return [source]
    if _is_uniform(value):
        return [table.make(pad(source, reader.elements.node(value, ()), low, high))]
    place = [axis - before for axis, before in zip(axes_of(result.shape), low, strict=True)]
    within = [
        row for at, extent in zip(place, source.type.shape, strict=True) for row in (at, extent - 1 - at)
    ]
    attributes = scatter_attributes(place, within, (), SET)
    filled = reader.elements.node(value, result.shape)
    return [table.make(build(IMPORTED, "exalift.scatter", (filled, source), attributes))]


def _is_uniform(value: Scalar) -> bool:
    """Whether it is one number for all elements."""
    match value.expression:
        case Constant() | Load(indices=()):
            return True
        case _:
            return False


def _reshaped(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source = reader.node(operation.operands[0], scope)
    return [reader.elements.table.make(reshape(source, _result(operation).shape))]


def _concat(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    dimension = operation.attributes["dim"]
    assert isinstance(dimension, int)
    parts = [reader.node(operand, scope) for operand in operation.operands]
    make = reader.elements.table.make
    return [fold(lambda a, b: make(concatenate(a, b, dimension)), parts)]


def _splat(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    value = reader.node(operation.operands[0], scope)
    return [reader.elements.table.make(broadcast(value, _result(operation).shape, ()))]


def _extract(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source = reader.node(operation.operands[0], scope)
    place = [reader.affine(operand, scope) for operand in operation.operands[1:]]
    reader.check_place(place, source.type.shape, scope)
    return [reader.elements.settled(reader.elements.element(source, place), scope.shape)]


def _insert(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    value, into = (reader.node(operand, scope) for operand in operation.operands[:2])
    place = [reader.affine(operand, scope) for operand in operation.operands[2:]]
    reader.check_place(place, into.type.shape, scope)
    equal = [axis - index for axis, index in zip(axes_of(into.type.shape), place, strict=True)]
    attributes = scatter_attributes((), (), equal, SET)
    return [reader.elements.table.make(build(IMPORTED, "exalift.scatter", (into, value), attributes))]


def _from_elements(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    result, make = _result(operation), reader.elements.table.make
    if len(operation.operands) > _MOST_PARTS:
        raise Unsupported(f"a table of more than {_MOST_PARTS} elements")
    parts = [make(reshape(reader.node(operand, scope), (1,))) for operand in operation.operands]
    if not parts:
        return [make(splat(0, result))]
    return [make(reshape(fold(lambda a, b: make(concatenate(a, b, 0)), parts), result.shape))]


def _generate(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    result, block = _result(operation), operation.regions[0][0]
    inner = scope.inside(shape=result.shape)
    for argument, axis in zip(block.arguments, axes_of(result.shape), strict=True):
        inner.values[argument] = scalars.indexed(Extremum.of(axis), tensor_type(argument.type).dtype)
    (value,) = reader.block(block, inner)
    if not isinstance(value, Scalar) or inner.steps:
        raise Unsupported("a region that yields no scalar, or has effects")
    return [reader.elements.node(value, result.shape)]


def _dimension(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    shape = reader.node(operation.operands[0], scope).type.shape
    position = reader.affine(operation.operands[1], scope)
    if not position.is_constant or not 0 <= position.constant < len(shape):
        raise Unsupported("the extent of a dimension that is not known")
    return [
        scalars.indexed(Extremum.of(shape[position.constant]), tensor_type(operation.results[0].type).dtype)
    ]


def _same(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    source = reader.node(operation.operands[0], scope)
    if source.type != _result(operation):
        raise Unsupported(f"{operation.name} to another type")
    return [source]


def _allocated(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """`bufferization.alloc_tensor`, whose operand is a copy's source."""
    return (
        [reader.node(operation.operands[0], scope)]
        if operation.operands
        else _empty(reader, operation, scope)
    )


def _constant(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """A tensor of numbers; a scalar as everywhere."""
    (result,) = operation.results
    type, value = tensor_type(result.type), operation.attributes["value"]
    make = reader.elements.table.make
    if not isinstance(value, Dense):
        if type.rank:
            raise Unsupported("a constant that is not read")
        scalar = isinstance(value, int | float)
        if not scalar:
            raise Unsupported("only numbers are supported as constants")
        return [scalars.number(value, type.dtype)]
    if value.splat is not None:
        return [make(splat(number(value.splat, type.dtype), type))]
    try:
        return [make(table_node(_table(value, type), type, make))]
    except UnsupportedConstant as error:
        raise Unsupported(str(error)) from error


def _table(value: Dense, type: TensorType) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    kind = np.float64 if type.dtype.is_float else object
    return np.array(value.values, kind).reshape([extent.constant for extent in type.shape])


def _index(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    """`linalg.index`: which element of the iterators' space this is."""
    dimension = operation.attributes["dim"]
    assert isinstance(dimension, int)
    if not 0 <= dimension < len(scope.shape):
        raise Unsupported("an index outside of an elementwise region")
    axis = axes_of(scope.shape)[dimension]
    return [scalars.indexed(Extremum.of(axis), tensor_type(operation.results[0].type).dtype)]


TENSOR_HANDLERS: dict[str, Handler] = {
    "arith.constant": _constant,
    "bufferization.alloc_tensor": _allocated,
    "linalg.index": _index,
    "tensor.cast": _same,
    "tensor.collapse_shape": _reshaped,
    "tensor.concat": _concat,
    "tensor.dim": _dimension,
    "tensor.empty": _empty,
    "tensor.expand_shape": _reshaped,
    "tensor.extract": _extract,
    "tensor.extract_slice": _extract_slice,
    "tensor.from_elements": _from_elements,
    "tensor.generate": _generate,
    "tensor.insert": _insert,
    "tensor.insert_slice": _insert_slice,
    "tensor.pad": _pad,
    "tensor.splat": _splat,
}
