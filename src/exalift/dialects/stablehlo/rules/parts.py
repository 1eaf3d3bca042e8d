"""Slices of slices, parts put back where they were, and updates that are overwritten."""

from __future__ import annotations

from exalift.affine import Affine

from ...graph import Node, Operation
from ..attribute_values import affines, integer, integers
from ..slicing import slice_attributes
from .rule import Rewrites, Rules, as_op, broadcast, broadcast_dimensions, names


def merge_slices(op: Operation, rewrites: Rewrites) -> Node | None:
    """everything -> x;  slice(slice(x)) -> slice(x);  slice(broadcast(x)) -> broadcast(x) where x's own
    dimensions are kept whole."""
    (operand,) = op.operands
    starts, limits = affines(op.attributes, "start_indices"), affines(op.attributes, "limit_indices")
    strides = integers(op.attributes, "strides")
    whole = [
        (start, limit, stride) == (Affine(), extent, 1)
        for start, limit, stride, extent in zip(starts, limits, strides, operand.type.shape, strict=True)
    ]
    if all(whole):
        return operand
    inner = as_op(operand, "slice")
    if inner:
        return _slice_of_slice(op, inner, rewrites)
    inner = as_op(operand, "broadcast_in_dim")
    if inner:
        source = inner.operands[0].type.shape
        dimensions = broadcast_dimensions(inner)
        one = Affine.of(1)
        if all(e == one or whole[d] for d, e in zip(dimensions, source, strict=True)):
            return broadcast(inner.operands[0], op.type.shape, dimensions, rewrites)
    return None


def _slice_of_slice(op: Operation, inner: Operation, rewrites: Rewrites) -> Node | None:
    rows = zip(
        affines(inner.attributes, "start_indices"),
        integers(inner.attributes, "strides"),
        affines(op.attributes, "start_indices"),
        integers(op.attributes, "strides"),
        op.type.shape,
        strict=True,
    )
    starts: list[Affine] = []
    limits: list[Affine] = []
    strides: list[int] = []
    for first, first_stride, second, second_stride, extent in rows:
        starts.append(first + second * first_stride)
        strides.append(first_stride * second_stride)
        limits.append(starts[-1] + (extent - 1) * strides[-1] + 1)
    attributes = slice_attributes(starts, limits, strides)
    return rewrites.attempt("slice", inner.operands, attributes, op.type)


def drop_whole_window(op: Operation, rewrites: Rewrites) -> Node | None:
    """dynamic_slice of everything from 0 -> x."""
    del rewrites
    (operand,) = op.operands
    starts = affines(op.attributes, "starts")
    return operand if operand.type == op.type and all(start == Affine() for start in starts) else None


def drop_overwritten(op: Operation, rewrites: Rewrites) -> Node | None:
    """update of everything from 0 -> the update;  update(x, its own window) -> x;
    update(update(x, u), v) at the same place -> update(x, v)."""
    operand, update = op.operands
    starts = affines(op.attributes, "starts")
    if update.type == op.type and all(start == Affine() for start in starts):
        return update
    window = as_op(update, "dynamic_slice")
    if window and window.operands[0] is operand and affines(window.attributes, "starts") == starts:
        return operand
    inner = as_op(operand, "dynamic_update_slice")
    same_place = inner and inner.operands[1].type == update.type
    if inner and same_place and affines(inner.attributes, "starts") == starts:
        return rewrites.make("dynamic_update_slice", (inner.operands[0], update), (("starts", starts),))
    return None


def join_neighbours(op: Operation, rewrites: Rewrites) -> Node | None:
    """concatenate(x[a:b], x[b:c]) -> x[a:c]."""
    dimension = integer(op.attributes, "dimension")
    first, second = (as_op(operand, "slice") for operand in op.operands)
    if not first or not second or first.operands[0] is not second.operands[0]:
        return None
    begins, ends = (
        (affines(part.attributes, "start_indices"), affines(part.attributes, "limit_indices"))
        for part in (first, second)
    )
    strides = integers(first.attributes, "strides")
    if integers(second.attributes, "strides") != strides or strides[dimension] != 1:
        return None
    for d, stride in enumerate(strides):
        del stride
        if d != dimension and (begins[0][d], begins[1][d]) != (ends[0][d], ends[1][d]):
            return None
    if begins[1][dimension] != ends[0][dimension]:
        return None
    limits = (*begins[1][:dimension], ends[1][dimension], *begins[1][dimension + 1 :])
    attributes = slice_attributes(begins[0], limits, strides)
    return rewrites.attempt("slice", first.operands, attributes, op.type)


PART_RULES: Rules = (
    (names("slice"), merge_slices),
    (names("dynamic_slice"), drop_whole_window),
    (names("dynamic_update_slice"), drop_overwritten),
    (names("concatenate"), join_neighbours),
)
