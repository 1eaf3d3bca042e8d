# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""gather and scatter with affine indices: where each element of the result comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from exalift.affine import Affine

from ...graph import Node
from ...types import Attributes, TensorType
from ..affine_indexing import gather_attributes, scatter_attributes
from ..notation import result_axes, symbols
from ..start_bounds import LoopRange
from .affine_elements import AffineElements
from .attributes import Unsupported, required


def ranges(shape: Sequence[Affine], loops: Sequence[LoopRange]) -> tuple[LoopRange, ...]:
    """The ranges of a tensor's axes, inside those of the loops around."""
    axes = (LoopRange(axis.name, (Affine(),), (axis.extent,)) for axis in result_axes(shape))
    return (*loops, *axes)


@dataclass(frozen=True, slots=True)
class _Starts:
    """What both ops say of their index tensor."""

    indices: Node
    vector: int
    operand_dimensions: tuple[int, ...]

    def at(self, batch: Sequence[Affine], elements: AffineElements) -> dict[int, Affine]:
        """The start in each operand dimension that has one, at coordinates of the batch dimensions."""
        found: dict[int, Affine] = {}
        for position, dimension in enumerate(self.operand_dimensions):
            coordinates = list(batch)
            if self.vector < self.indices.type.rank:
                coordinates.insert(self.vector, Affine.of(position))
            value = elements.at(self.indices, coordinates)
            if not isinstance(value, Affine):
                raise Unsupported("indices that are data, or not affine in loop counters")
            found[dimension] = value
        return found


def gather_places(
    op: ir.Operation, operand: TensorType, indices: Node, result: TensorType, elements: AffineElements
) -> Attributes:
    """The attributes of the affine gather. Starts are clamped as StableHLO does, where they are constants.

    `elements` know the ranges of the result's axes. Raises Unsupported for other indices.
    """
    n = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    sizes = required(op, "slice_sizes")
    axes = symbols(result_axes(result.shape))
    batch = [axis for d, axis in enumerate(axes) if d not in n.offset_dims]
    starts = _Starts(indices, n.index_vector_dim, tuple(n.start_index_map)).at(batch, elements)
    for dimension, other in zip(n.operand_batching_dims, n.start_indices_batching_dims, strict=True):
        starts[dimension] = batch[other - (other > n.index_vector_dim)]
    dropped = {*n.collapsed_slice_dims, *n.operand_batching_dims}
    offsets = iter([axes[d] for d in n.offset_dims])
    places: list[Affine] = []
    for d, (extent, size) in enumerate(zip(operand.shape, sizes, strict=True)):
        start = starts.get(d, Affine())
        room = extent.constant - size
        if start.is_constant:
            start = Affine.of(min(max(start.constant, 0), room))
        elif not elements.within(start, 0, room):
            raise Unsupported(f"a gather whose indices may be out of bounds in dimension {d}")
        places.append(start if d in dropped else start + next(offsets))
    return gather_attributes(places, result.shape)


def scatter_places(
    op: ir.Operation,
    operand: TensorType,
    indices: Node,
    updates: TensorType,
    body: str,
    elements: AffineElements,
) -> Attributes:
    """The attributes of the affine scatter: the index map, turned around.

    `elements` know the ranges of the updates' axes (`%0`, ...). Raises Unsupported for indices that are not
    affine, that may be out of bounds, or of which two may name one element.
    """
    n = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    axes = symbols(result_axes(updates.shape))
    batch = [axis for d, axis in enumerate(axes) if d not in n.update_window_dims]
    starts = _Starts(indices, n.index_vector_dim, tuple(n.scattered_dims_to_operand_dims)).at(batch, elements)
    for dimension, other in zip(n.input_batching_dims, n.scatter_indices_batching_dims, strict=True):
        starts[dimension] = batch[other - (other > n.index_vector_dim)]
    dropped = {*n.inserted_window_dims, *n.input_batching_dims}
    windows = iter(sorted(n.update_window_dims))
    window_of: dict[int, int] = {d: next(windows) for d in range(operand.rank) if d not in dropped}
    for d, extent in enumerate(operand.shape):
        length = updates.shape[window_of[d]].constant if d in window_of else 1
        if not elements.within(starts.get(d, Affine()), 0, extent.constant - length):
            raise Unsupported(f"a scatter whose indices may be out of bounds in dimension {d}")
    return _turned_around(operand.rank, updates, starts, window_of, body)


def _turned_around(
    rank: int, updates: TensorType, starts: dict[int, Affine], window_of: dict[int, int], body: str
) -> Attributes:
    """Updates' axes as functions of the operand's. Both are called `%d`; substitution is all at once."""
    place = symbols(result_axes([Affine()] * rank))
    batch = {f"%{d}" for d in range(updates.rank) if d not in window_of.values()}
    # Of an axis of one element, the only index is known.
    single = [f"%{d}" for d, extent in enumerate(updates.shape) if extent == Affine.of(1)]
    solved: dict[str, Affine] = {name: Affine() for name in single if name in batch}
    strides: list[Affine] = []
    rows = {d: start for d, start in starts.items() if d not in window_of}
    progress = True
    while progress:
        progress = False
        for d, start in list(rows.items()):
            unknown = [name for name in start.names & batch if name not in solved]
            if len(unknown) == 1 and start.coefficient(unknown[0]):
                (name,) = unknown
                coefficient = start.coefficient(name)
                rest = start - Affine.symbol(name) * coefficient
                if name not in rest.names:
                    distance = (place[d] - rest.substitute(solved)) * (1 if coefficient > 0 else -1)
                    solved[name] = distance // abs(coefficient)
                    strides.append(distance % abs(coefficient))
                    del rows[d]
                    progress = True
    if batch - solved.keys():
        raise Unsupported("a scatter in which two updates may name one element")
    equal = strides + [place[d] - start.substitute(solved) for d, start in rows.items()]
    for d, axis in window_of.items():
        solved[f"%{axis}"] = place[d] - starts.get(d, Affine()).substitute(solved)
    order = [solved[f"%{d}"] for d in range(updates.rank)]
    within = [row for at, extent in zip(order, updates.shape, strict=True) for row in (at, extent - 1 - at)]
    return scatter_attributes(order, within, [row for row in equal if row != Affine()], body)
