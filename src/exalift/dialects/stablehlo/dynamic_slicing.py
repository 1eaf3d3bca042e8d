"""dynamic_slice and dynamic_update_slice, at starts that are affine in sizes and induction variables.

Where StableHLO takes one scalar operand a dimension, these definitions have the attribute `starts`,
one `Affine` a dimension, and one operand less for each; printing computes the scalars from the loop
counters. That keeps the meaning affine.

StableHLO clamps starts so that the slice is in bounds. The formulas do not: they hold for starts that
are in bounds (`check_starts` in `bounds.py` decides that before anything is printed), and read 0 and
write nothing outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, product

from exalift.affine import Affine, Apply, Constraint, Formula, GuardValue

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affines
from .extents import never_at_least_zero
from .notation import all_of, formula, load, result_axes, symbols, within

LIMIT = 128
"""The most attribute assignments that one op is tried with on one tuple of operand types."""


def _dynamic_slice_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    starts, sizes = affines(attributes, "starts"), affines(attributes, "slice_sizes")
    if not len(starts) == len(sizes) == operand.rank:
        return None
    for extent, size in zip(operand.shape, sizes, strict=True):
        if never_at_least_zero(size - 1) or never_at_least_zero(extent - size):
            return None
    return TensorType(sizes, operand.dtype)


def _dynamic_slice(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    starts = affines(attributes, "starts")
    return formula(result, load(operands, 0, [s + a for s, a in zip(starts, axes, strict=True)]))


def _windows(operand: TensorType, goal: tuple[Affine | None, ...], hints: Hints) -> Iterable[Attributes]:
    """One row, column or element at each offset first; then windows as long as the goal or an extent."""
    sizes = frozenset[str]().union(*(e.names for e in (*operand.shape, *hints.extents)))
    # Starts that depend on sizes alone are the static slice's business, unless another one moves.
    moving = [o for o in hints.offsets if o.names - sizes]
    per_dimension: list[list[tuple[Affine, Affine]]] = []
    for extent, wanted in zip(operand.shape, goal, strict=True):
        options = dict.fromkeys([(Affine(), extent), *((o, Affine.of(1)) for o in moving)])
        lengths = [e for e in (wanted, *hints.extents) if e is not None and e != extent]
        options |= dict.fromkeys((o, length) for length in lengths for o in moving)
        options |= dict.fromkeys((o, Affine.of(1)) for o in hints.offsets if o.names <= sizes)
        per_dimension.append(list(options))
    found: dict[Attributes, None] = {}
    for combination in islice(product(*per_dimension), LIMIT * 64):
        if any(start.names - sizes for start, _ in combination):
            starts, lengths = zip(*combination, strict=True)
            found[(("slice_sizes", tuple(lengths)), ("starts", tuple(starts)))] = None

    def cuts(attributes: Attributes) -> int:
        lengths = affines(attributes, "slice_sizes")
        return sum(length != extent for length, extent in zip(lengths, operand.shape, strict=True))

    return sorted(found, key=cuts)


def _dynamic_slices(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Starts from the hints' offsets, at least one of which moves with a loop."""
    (operand,) = operands
    goal = hints.goal.shape if hints.goal and hints.goal.rank == operand.rank else (None,) * operand.rank
    cornered: Iterable[Attributes] = (
        (("slice_sizes", hints.goal.shape), ("starts", starts))
        for starts in _corners(operand.rank, hints)
        if hints.goal and hints.goal.rank == operand.rank
    )
    valid = (a for a in chain(cornered, _windows(operand, goal, hints)) if _dynamic_slice_type(operands, a))
    return islice(dict.fromkeys(islice(valid, LIMIT)), LIMIT)


def _corners(rank: int, hints: Hints) -> Iterator[tuple[Affine, ...]]:
    """The hints' corners of that rank."""
    for corner in hints.corners:
        if len(corner) == rank:
            yield tuple(start for start, _ in corner)


def _update_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    operand, update = operands
    starts = affines(attributes, "starts")
    if operand.dtype is not update.dtype or not operand.rank == update.rank == len(starts):
        return None
    for extent, size in zip(operand.shape, update.shape, strict=True):
        if never_at_least_zero(extent - size):
            return None
    return operand


def _update(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    starts = affines(attributes, "starts")
    moved = [axis - start for axis, start in zip(axes, starts, strict=True)]
    constraints: list[Constraint] = []
    for index, size in zip(moved, operands[1].shape, strict=True):
        constraints += within(index, size)
    if not axes:
        return formula(result, load(operands, 1, ()))
    parts = (GuardValue(all_of(constraints)), load(operands, 1, moved), load(operands, 0, axes))
    return formula(result, Apply("select", parts, result.dtype))


def _updates(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Starts from the hints' offsets: 0 where the update is as long as the operand."""
    operand, update = operands
    if operand.rank != update.rank or operand.shape == update.shape:
        return ()
    options = [
        [Affine()] if extent == size else list(dict.fromkeys(hints.offsets))
        for extent, size in zip(operand.shape, update.shape, strict=True)
    ]
    starts = chain(_corners(operand.rank, hints), product(*options))
    candidates = ((("starts", start),) for start in starts)
    return islice((a for a in candidates if _update_type(operands, a)), LIMIT)


DEFINITIONS = (
    OpDefinition("stablehlo.dynamic_slice", 1, _dynamic_slice_type, _dynamic_slice, _dynamic_slices),
    OpDefinition("stablehlo.dynamic_update_slice", 2, _update_type, _update, _updates),
)
