"""Values that are kept within ends: what is said with several extrema becomes one clamp."""

from __future__ import annotations

from ...graph import Node, Operation
from .rule import Rewrites, Rules, as_op, broadcast, is_op, names, number_of


def drop_end(op: Operation, rewrites: Rewrites) -> Node | None:
    """clamp(x, x, high) -> min(x, high);  clamp(low, x, x) -> x."""
    low, operand, high = op.operands
    if high is operand:
        return operand
    if low is not operand:
        return None
    whole = high if high.type == op.type else broadcast(high, op.type.shape, (), rewrites)
    return rewrites.make("minimum", (operand, whole))


def join_ends(op: Operation, rewrites: Rewrites) -> Node | None:
    """max(low, min(high, x)) -> clamp(low, x, high), and min(high, max(low, x)), for numbers low <= high."""
    function, opposite = ("maximum", "minimum") if is_op(op, "maximum") else ("minimum", "maximum")
    for end, other in (op.operands, op.operands[::-1]):
        inner = as_op(other, opposite)
        outer_number = number_of(end)
        if inner is None or outer_number is None or not op.type.rank:
            continue
        for inner_end, operand in (inner.operands, inner.operands[::-1]):
            inner_number = number_of(inner_end)
            if inner_number is None:
                continue
            if function == "maximum" and outer_number <= inner_number:
                return rewrites.make("clamp", (_scalar(end), operand, _scalar(inner_end)))
            if function == "minimum" and inner_number <= outer_number:
                return rewrites.make("clamp", (_scalar(inner_end), operand, _scalar(end)))
    return None


def _scalar(node: Node) -> Node:
    """The number that was broadcast, or the literal as it is."""
    source = as_op(node, "broadcast_in_dim")
    return source.operands[0] if source else node


def subtract_negative_part(op: Operation, rewrites: Rewrites) -> Node | None:
    """On integers: x - min(x, 0) -> max(x, 0). (An infinite x would make it NaN.)"""
    operand, part = op.operands
    least = as_op(part, "minimum")
    if least is None or op.type.dtype.is_float or operand not in least.operands:
        return None
    zero = least.operands[1] if least.operands[0] is operand else least.operands[0]
    return rewrites.make("maximum", (operand, zero)) if number_of(zero) == 0 else None


CLAMPING_RULES: Rules = (
    (names("clamp"), drop_end),
    (names("maximum minimum"), join_ends),
    (names("subtract"), subtract_negative_part),
)
