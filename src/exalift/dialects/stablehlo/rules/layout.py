"""Chains of broadcasts, transposes, reshapes and reverses become one op, or none."""

from __future__ import annotations

from exalift.affine import Affine

from ...graph import Node, Operation
from ...types import Attributes
from ..attribute_values import affines, integer, integers
from .rule import Rewrites, Rules, as_op, broadcast, broadcast_dimensions, names, transposed


def merge_broadcasts(op: Operation, rewrites: Rewrites) -> Node | None:
    """broadcast onto the same shape -> x;  broadcast(broadcast(x)) -> broadcast(x);
    broadcast(transpose(x)) -> broadcast(x);  broadcast(reshape that adds unit dimensions) -> broadcast."""
    (operand,) = op.operands
    dimensions = broadcast_dimensions(op)
    if operand.type.shape == op.type.shape and dimensions == tuple(range(op.type.rank)):
        return operand
    inner = as_op(operand, "broadcast_in_dim")
    if inner:
        composed = [dimensions[d] for d in broadcast_dimensions(inner)]
        return broadcast(inner.operands[0], op.type.shape, composed, rewrites)
    inner = as_op(operand, "transpose")
    if inner:
        permutation = integers(inner.attributes, "permutation")
        composed = [dimensions[permutation.index(d)] for d in range(len(permutation))]
        return broadcast(inner.operands[0], op.type.shape, composed, rewrites)
    inner = as_op(operand, "reshape")
    if inner:
        kept = _unit_dimensions_added(inner)
        if kept is not None:
            composed = [dimensions[d] for d in kept]
            return broadcast(inner.operands[0], op.type.shape, composed, rewrites)
    return None


def _unit_dimensions_added(reshape: Operation) -> list[int] | None:
    """Where the operand's dimensions are in the result, if the reshape only adds unit dimensions."""
    (operand,) = reshape.operands
    one = Affine.of(1)
    if any(extent == one for extent in operand.type.shape):
        return None
    kept = [d for d, extent in enumerate(reshape.type.shape) if extent != one]
    return kept if tuple(reshape.type.shape[d] for d in kept) == operand.type.shape else None


def merge_transposes(op: Operation, rewrites: Rewrites) -> Node | None:
    """identity -> x;  transpose(transpose(x)) -> transpose(x);  transpose(broadcast(x)) -> broadcast(x)."""
    (operand,) = op.operands
    permutation = integers(op.attributes, "permutation")
    if permutation == tuple(range(len(permutation))):
        return operand
    inner = as_op(operand, "transpose")
    if inner:
        first = integers(inner.attributes, "permutation")
        return transposed(inner.operands[0], [first[p] for p in permutation], rewrites)
    inner = as_op(operand, "broadcast_in_dim")
    if inner:
        moved = [permutation.index(d) for d in broadcast_dimensions(inner)]
        return broadcast(inner.operands[0], op.type.shape, moved, rewrites)
    return None


def merge_reshapes(op: Operation, rewrites: Rewrites) -> Node | None:
    """identity -> x;  reshape(reshape(x)) -> reshape(x);  reshape(broadcast(scalar)) -> broadcast(scalar);
    reshape(dropped or added unit dimensions of a broadcast) -> broadcast."""
    (operand,) = op.operands
    if operand.type == op.type:
        return operand
    inner = as_op(operand, "reshape")
    if inner:
        return rewrites.attempt("reshape", (inner.operands[0],), (("shape", op.type.shape),), op.type)
    inner = as_op(operand, "broadcast_in_dim")
    if inner and not inner.operands[0].type.rank:
        return broadcast(inner.operands[0], op.type.shape, (), rewrites)
    return None


def merge_reverses(op: Operation, rewrites: Rewrites) -> Node | None:
    """reverse along nothing, or of unit dimensions only -> x;  reverse(reverse(x)) -> reverse(x);
    reverse(broadcast(x)) along dimensions that x does not have -> broadcast(x)."""
    (operand,) = op.operands
    one = Affine.of(1)
    dimensions = {d for d in integers(op.attributes, "dimensions") if op.type.shape[d] != one}
    if not dimensions:
        return operand
    inner = as_op(operand, "reverse")
    if inner:
        dimensions ^= set(integers(inner.attributes, "dimensions"))
        return rewrites.make("reverse", (inner.operands[0],), (("dimensions", tuple(sorted(dimensions))),))
    inner = as_op(operand, "broadcast_in_dim")
    if inner:
        source = inner.operands[0].type.shape
        moving = {d for d, e in zip(broadcast_dimensions(inner), source, strict=True) if e != one}
        if not dimensions & moving:
            return operand
    return None


def drop_empty_padding(op: Operation, rewrites: Rewrites) -> Node | None:
    """pad by nothing -> x."""
    del rewrites
    amounts = [
        *affines(op.attributes, "edge_padding_low"),
        *affines(op.attributes, "edge_padding_high"),
        *affines(op.attributes, "interior_padding", (0,) * op.type.rank),
    ]
    return op.operands[0] if all(amount == Affine() for amount in amounts) else None


def spread_iota(op: Operation, rewrites: Rewrites) -> Node | None:
    """broadcast(iota) -> iota;  transpose(iota) -> iota, along the dimension where it ends up."""
    iota = as_op(op.operands[0], "iota")
    if iota is None:
        return None
    dimension = integer(iota.attributes, "iota_dimension")
    if op.name == "stablehlo.transpose":
        target = integers(op.attributes, "permutation").index(dimension)
    else:
        target = broadcast_dimensions(op)[dimension]
        # A unit dimension that is stretched holds zeros only.
        if iota.type.shape[dimension] != op.type.shape[target]:
            return None
    attributes: Attributes = (
        ("dtype", str(op.type.dtype)),
        ("iota_dimension", target),
        ("shape", op.type.shape),
    )
    return rewrites.make("iota", (), attributes)


LAYOUT_RULES: Rules = (
    (names("broadcast_in_dim transpose"), spread_iota),
    (names("broadcast_in_dim"), merge_broadcasts),
    (names("transpose"), merge_transposes),
    (names("reshape"), merge_reshapes),
    (names("reverse"), merge_reverses),
    (names("pad"), drop_empty_padding),
)
