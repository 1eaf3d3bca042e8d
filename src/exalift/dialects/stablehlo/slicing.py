"""Ops that take parts of tensors and put parts together: slice, pad, concatenate, reverse.

Offsets, limits and paddings may depend on sizes. A bound that fails for small sizes only (an interior
`[1, N-1)` at `N = 1`) is accepted here; at concrete sizes printing checks it again, and refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise, product

from exalift.affine import Affine, Apply, Axis, Constraint, Formula, Guard, GuardValue

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affines, integer, integers
from .extents import negative_for_small_sizes_only, never_at_least_zero, never_negative
from .notation import all_of, formula, load, result_axes, symbols, within

LIMIT = 128
"""The most attribute assignments that one op is tried with on one tuple of operand types."""


def _ordered(*ascending: Affine) -> bool:
    """Whether each may be at most the next: where sizes are unrelated symbols (an array of `N` of which
    `M` are used), only the program's constraints know, and printing checks."""
    return not any(never_at_least_zero(high - low) for low, high in pairwise(ascending))


def _slice_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    starts, limits = affines(attributes, "start_indices"), affines(attributes, "limit_indices")
    strides = integers(attributes, "strides")
    if not len(starts) == len(limits) == len(strides) == operand.rank:
        return None
    shape: list[Affine] = []
    for extent, start, limit, stride in zip(operand.shape, starts, limits, strides, strict=True):
        if stride < 1 or not _ordered(Affine(), start, limit, extent):
            return None
        shape.append((limit - start + (stride - 1)) // stride)
    return TensorType(tuple(shape), operand.dtype)


def _slice(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    starts, strides = affines(attributes, "start_indices"), integers(attributes, "strides")
    indices = [axis * stride + start for axis, stride, start in zip(axes, strides, starts, strict=True)]
    return formula(result, load(operands, 0, indices))


def slice_attributes(
    starts: Sequence[Affine], limits: Sequence[Affine], strides: Sequence[int]
) -> Attributes:
    return (
        ("limit_indices", tuple(limits)),
        ("start_indices", tuple(starts)),
        ("strides", tuple(strides)),
    )


_Range = tuple[Affine, Affine, int]


def _ranges(extent: Affine, goal: Affine | None, hints: Hints) -> tuple[_Range, ...]:
    """Ranges `(start, limit, stride)` of one dimension: whole, then as long as the goal, then others."""
    whole = (Affine(), extent, 1)
    sizes = extent.names.union(*(e.names for e in hints.extents), goal.names if goal else ())
    offsets = [o for o in hints.offsets if o.names <= sizes and never_negative(o)]
    found: dict[_Range, None] = {whole: None}
    for stride in sorted(hints.strides):
        lengths = [e for e in (goal, *hints.extents) if e is not None]
        for start in offsets:
            limits = [start + (length - 1) * stride + 1 for length in lengths]
            limits += [extent - offset for offset in offsets]
            for limit in limits:
                if _ordered(Affine(), start, limit, extent) and limit != start:
                    found[(start, limit, stride)] = None
            if stride == 1:
                found |= {(start, start + 1, 1): None} if _ordered(start + 1, extent) else {}
    return tuple(found)


def _slices(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Ranges from the hints' offsets, extents and strides: those with the goal's shape first, and then the
    fewer dimensions are cut, the earlier."""
    (operand,) = operands
    goal = hints.goal.shape if hints.goal and hints.goal.rank == operand.rank else (None,) * operand.rank
    ranges = [_ranges(e, g, hints) for e, g in zip(operand.shape, goal, strict=True)]
    fitting = [[r for r in options if _length(r) == g] for options, g in zip(ranges, goal, strict=True)]
    whole = tuple(options[0] for options in ranges)
    candidates = chain(_cornered(goal, hints), product(*fitting), _few_cuts_first(ranges))
    # What is in no shape is an induction variable: a window that moves with a loop is dynamic_slice's.
    shapes = (*operand.shape, *hints.extents, *(hints.goal.shape if hints.goal else ()))
    sizes = frozenset[str]().union(*(extent.names for extent in shapes))
    still = (c for c in candidates if all(s.names | e.names <= sizes for s, e, _ in c))
    found = (slice_attributes(*zip(*c, strict=True)) for c in still if c != whole)
    distinct: dict[Attributes, None] = dict.fromkeys(islice(found, 2 * LIMIT))
    return islice(distinct, LIMIT)


def _cornered(goal: Sequence[Affine | None], hints: Hints) -> Iterator[tuple[_Range, ...]]:
    """The goal's window at each of the hints' corners."""
    for corner in hints.corners:
        if len(corner) == len(goal):
            yield tuple(
                (start, start + (extent - 1) * stride + 1, stride)
                for (start, stride), extent in zip(corner, goal, strict=True)
                if extent is not None
            )


def _length(taken: _Range) -> Affine:
    start, limit, stride = taken
    return (limit - start + (stride - 1)) // stride


def _few_cuts_first(ranges: Sequence[Sequence[_Range]]) -> Iterator[tuple[_Range, ...]]:
    """All combinations with at least one cut. Rank and numbers of ranges are small, but their product
    may not be: it is walked by the number of dimensions cut, and callers stop early."""
    for cuts in range(1, len(ranges) + 1):
        for chosen in product((False, True), repeat=len(ranges)):
            if sum(chosen) == cuts:
                options = [r[1:] if cut else r[:1] for cut, r in zip(chosen, ranges, strict=True)]
                yield from product(*options)


def _pad_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    operand, value = operands
    low, high = affines(attributes, "edge_padding_low"), affines(attributes, "edge_padding_high")
    interior = affines(attributes, "interior_padding", (0,) * operand.rank)
    if value.rank or value.dtype is not operand.dtype:
        return None
    if not len(low) == len(high) == len(interior) == operand.rank:
        return None
    shape: list[Affine] = []
    for extent, before, after, between in zip(operand.shape, low, high, interior, strict=True):
        # The formula divides by interior + 1, so it must be a constant.
        if not between.is_constant or between.constant < 0:
            return None
        if between.constant and not never_negative(extent - 1):
            return None
        padded = extent + (extent - 1) * between.constant + before + after
        if not negative_for_small_sizes_only(padded):
            return None
        shape.append(padded)
    return TensorType(tuple(shape), operand.dtype)


def _pad(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    low = affines(attributes, "edge_padding_low")
    interior = integers(attributes, "interior_padding", (0,) * len(axes))
    indices: list[Affine] = []
    constraints: list[Constraint] = []
    for axis, extent, before, between in zip(axes, operands[0].shape, low, interior, strict=True):
        position = (axis - before) // (between + 1)
        indices.append(position)
        constraints += within(position, extent)
        if between:
            constraints.append(Constraint((axis - before) % (between + 1), equality=True))
    inside = GuardValue(all_of(constraints))
    body = Apply("select", (inside, load(operands, 0, indices), load(operands, 1, ())), result.dtype)
    return formula(result, body) if axes else formula(result, load(operands, 0, ()))


def _pads(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Up to the goal's shape, if that has the operand's rank; then each dimension alone by the offsets."""
    operand = operands[0]
    zeros = (Affine(),) * operand.rank
    found: dict[Attributes, None] = {}
    offsets = [o for o in hints.offsets if never_negative(o)]
    if hints.goal and hints.goal.rank == operand.rank:
        for corner in hints.corners:
            if len(corner) == operand.rank:
                low = tuple(start for start, _ in corner)
                shapes = zip(hints.goal.shape, operand.shape, low, strict=True)
                found[pad_attributes(low, tuple(g - e - before for g, e, before in shapes))] = None
        missing = [g - e for g, e in zip(hints.goal.shape, operand.shape, strict=True)]
        if any(m != Affine() for m in missing) and all(negative_for_small_sizes_only(m) for m in missing):
            options = [
                [(o, m - o) for o in offsets if never_negative(m - o)] or [(Affine(), m)] for m in missing
            ]
            for combination in islice(product(*options), LIMIT):
                low, high = zip(*combination, strict=True)
                found[pad_attributes(low, high)] = None
    for position in range(operand.rank):
        for offset in offsets:
            if offset != Affine():
                one = (*zeros[:position], offset, *zeros[position + 1 :])
                found |= {pad_attributes(one, zeros): None, pad_attributes(zeros, one): None}
    return islice((a for a in found if _pad_type(operands, a)), LIMIT)


def pad_attributes(
    low: Sequence[Affine], high: Sequence[Affine], interior: Sequence[int] | None = None
) -> Attributes:
    between = tuple(Affine.of(i) for i in interior) if interior else (Affine(),) * len(low)
    return (
        ("edge_padding_high", tuple(high)),
        ("edge_padding_low", tuple(low)),
        ("interior_padding", between),
    )


def _concatenate_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    first, second = operands
    dimension = integer(attributes, "dimension")
    if first.dtype is not second.dtype or first.rank != second.rank or not 0 <= dimension < first.rank:
        return None
    if any(a != b for d, (a, b) in enumerate(zip(first.shape, second.shape, strict=True)) if d != dimension):
        return None
    joined = first.shape[dimension] + second.shape[dimension]
    return TensorType((*first.shape[:dimension], joined, *first.shape[dimension + 1 :]), first.dtype)


def _concatenate(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    dimension = integer(attributes, "dimension")
    boundary = operands[0].shape[dimension]
    moved = [axis - boundary if d == dimension else axis for d, axis in enumerate(axes)]
    before = GuardValue(Guard.of(Constraint(boundary - axes[dimension] - 1)))
    parts = (before, load(operands, 0, axes), load(operands, 1, moved))
    return formula(result, Apply("select", parts, result.dtype))


def _each_dimension(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    del hints
    for dimension in range(operands[0].rank):
        yield (("dimension", dimension),)


def _reverse_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    dimensions = integers(attributes, "dimensions")
    valid = len(set(dimensions)) == len(dimensions) and all(0 <= d < operand.rank for d in dimensions)
    return operand if valid else None


def _reverse(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    dimensions = integers(attributes, "dimensions")
    axes: tuple[Axis, ...] = result_axes(result.shape)
    indices = [
        axis.extent - 1 - symbol if d in dimensions else symbol
        for d, (axis, symbol) in enumerate(zip(axes, symbols(axes), strict=True))
    ]
    return formula(result, load(operands, 0, indices))


def _reversals(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Each dimension alone; ops on several are compositions."""
    del hints
    for dimension in range(operands[0].rank):
        yield (("dimensions", (dimension,)),)


DEFINITIONS = (
    OpDefinition("stablehlo.slice", 1, _slice_type, _slice, _slices),
    OpDefinition("stablehlo.pad", 2, _pad_type, _pad, _pads),
    OpDefinition("stablehlo.concatenate", 2, _concatenate_type, _concatenate, _each_dimension),
    OpDefinition("stablehlo.reverse", 1, _reverse_type, _reverse, _reversals),
)
