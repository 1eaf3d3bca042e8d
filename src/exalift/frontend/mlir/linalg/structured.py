"""`linalg.generic`, which every other structured op is a case of.

Inputs are gathered to the space that the iterators span, the region is applied there element by element,
reduction dimensions are combined, and the rest is put into the order of the output:

    out[i, j] = init[i, j] + sum k. f(a[i, k], b[k, j])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.affine import Affine
from exalift.dialects import ArrayValue, Node, TensorType
from exalift.dialects.stablehlo import (
    apply_function,
    assign,
    is_identity,
    reduce,
    reduces,
    reshape,
    transpose,
)

from ..affine_maps import apply_map
from ..scalars import Extremum, Scalar
from ..source import Unsupported
from ..syntax import AffineMaps, Operation, Value
from .accumulation import accumulated
from .elements import Shape, axes_of
from .reading import MOST_DIMENSIONS, Buffer, Read, Reader, Scope

_PARALLEL, _REDUCTION = "parallel", "reduction"


@dataclass(frozen=True, slots=True)
class _Operand:
    """An operand, where the iterators read or write it, and whether it is an output."""

    value: Value
    node: Node
    place: tuple[Affine, ...]
    is_output: bool


def read_generic(reader: Reader, operation: Operation, scope: Scope) -> Sequence[Read]:
    if scope.shape:
        raise Unsupported("a structured op inside an elementwise region")
    kinds = _iterators(operation)
    shape, operands = _operands(reader, operation, scope, len(kinds))
    inner = scope.inside(shape=shape)
    for operand in operands:
        reader.check_place(operand.place, operand.node.type.shape, inner)
    reductions = [d for d, kind in enumerate(kinds) if kind == _REDUCTION]
    block = operation.regions[0][0]
    before: list[Node] = []
    for position, (argument, operand) in enumerate(zip(block.arguments, operands, strict=True)):
        if operand.is_output and reductions:
            before.append(ArrayValue(f"%before{position}", TensorType(shape, operand.node.type.dtype)))
            inner.values[argument] = reader.elements.element(before[-1], axes_of(shape))
        else:
            inner.values[argument] = reader.elements.element(operand.node, operand.place)
    results = reader.block(block, inner)
    if inner.steps:
        raise Unsupported("effects inside an elementwise region")
    outputs = [operand for operand in operands if operand.is_output]
    found: list[Node] = []
    for position, (operand, result) in enumerate(zip(outputs, results, strict=True)):
        if not isinstance(result, Scalar):
            raise Unsupported("a region that yields no scalar")
        value = reader.elements.node(result, shape)
        found.append(
            _combined(reader, value, before, position, reductions, operand, shape)
            if reductions
            else _placed(reader, value, operand, shape, ())
        )
    return _given(reader, operation, scope, operands, found)


def _iterators(operation: Operation) -> list[str]:
    given = operation.attributes.get("iterator_types")
    kinds = [str(kind) for kind in given] if isinstance(given, tuple) else []
    known = (_PARALLEL, _REDUCTION)
    kinds = [next((name for name in known if name in kind), kind) for kind in kinds]
    other = [kind for kind in kinds if kind not in known]
    if other:
        raise Unsupported(f"an iterator of kind {other[0]}")
    if len(kinds) > MOST_DIMENSIONS:
        raise Unsupported(f"more than {MOST_DIMENSIONS} iterators")
    return kinds


def _operands(reader: Reader, operation: Operation, scope: Scope, rank: int) -> tuple[Shape, list[_Operand]]:
    """The extents of the iterators, and the operands."""
    maps, segments = operation.attributes.get("indexing_maps"), operation.attributes["operandSegmentSizes"]
    assert isinstance(segments, tuple)
    inputs = int(segments[0])
    if not isinstance(maps, AffineMaps) or len(maps.maps) != len(operation.operands):
        raise Unsupported("indexing maps that do not go with the operands")
    dims = [Extremum.of(f"%{d}") for d in range(rank)]
    extents: dict[Affine, Affine] = {}
    operands: list[_Operand] = []
    for position, (value, map) in enumerate(zip(operation.operands, maps.maps, strict=True)):
        node = reader.node(value, scope)
        places = [result.single for result in apply_map(map, dims)]
        place = tuple(index for index in places if index is not None)
        if len(place) != len(places) or len(place) != node.type.rank:
            raise Unsupported(f"the indexing map of operand {position} does not go with its type")
        for index, extent in zip(place, node.type.shape, strict=True):
            extents.setdefault(index, extent)
        operands.append(_Operand(value, node, place, position >= inputs))
    _check_overlap([operand for operand in operands if isinstance(scope.values[operand.value], Buffer)])
    found = [extents.get(Affine.symbol(f"%{d}")) for d in range(rank)]
    shape = tuple(extent for extent in found if extent is not None)
    if len(shape) < rank:
        raise Unsupported("an iterator whose range no operand tells")
    return shape, operands


def _check_overlap(operands: Sequence[_Operand]) -> None:
    """Memory may be read and written by one op only where each element is read before it is written."""
    for output in operands:
        for other in operands:
            if output.is_output and output.node == other.node and output.place != other.place:
                raise Unsupported(f"%{output.value.name} is read elsewhere than it is written")


def _placed(reader: Reader, value: Node, operand: _Operand, shape: Shape, reductions: Sequence[int]) -> Node:
    """A tensor over the parallel iterators in the order and the shape of the output."""
    axes = axes_of(shape)
    kept = [d for d in range(len(shape)) if d not in reductions]
    order: list[int] = []
    for index, extent in zip(operand.place, operand.node.type.shape, strict=True):
        if index in axes and axes.index(index) in kept and axes.index(index) not in order:
            order.append(axes.index(index))
            fits = shape[order[-1]] == extent
        else:
            fits = index == Affine() and extent == Affine.of(1)
        if not fits:
            raise Unsupported(f"an output at {index}, which is not one of the parallel iterators")
    missing = [d for d in kept if d not in order and shape[d] != Affine.of(1)]
    if missing:
        raise Unsupported(f"an output that every value of iterator {missing[0]} writes")
    make = reader.elements.table.make
    # Iterators over one value may be anywhere.
    order += [d for d in kept if d not in order]
    return make(reshape(make(transpose(value, [kept.index(d) for d in order])), operand.node.type.shape))


def _combined(
    reader: Reader,
    value: Node,
    before: Sequence[Node],
    position: int,
    reductions: Sequence[int],
    operand: _Operand,
    shape: Shape,
) -> Node:
    """`init` combined with the reduction of what the region adds to it."""
    make = reader.elements.table.make
    others = [leaf for other, leaf in enumerate(before) if other != position]
    step = accumulated(value, before[position], others, make)
    if step is None:
        return operand.node
    function, added = step
    if not reduces(function, operand.node.type.dtype):
        raise Unsupported(f"a reduction by {function}")
    found = _placed(reader, make(reduce(added, function, reductions)), operand, shape, reductions)
    return (
        found if is_identity(operand.node, function) else make(apply_function(function, operand.node, found))
    )


def _given(
    reader: Reader, operation: Operation, scope: Scope, operands: Sequence[_Operand], found: Sequence[Node]
) -> Sequence[Read]:
    """Tensors are results; memory is updated, all of it at once."""
    if operation.results:
        return found
    outputs = [scope.values[operand.value] for operand in operands if operand.is_output]
    buffers = [buffer for buffer in outputs if isinstance(buffer, Buffer)]
    if len(buffers) < len(found) or len({buffer.array for buffer in buffers}) < len(found):
        raise Unsupported("outputs that are one and the same, or neither tensors nor memory")
    updates = {buffer.array: node for buffer, node in zip(buffers, found, strict=True)}
    scope.steps.extend(assign(updates, reader.fresh, reader.locals.append))
    return ()
