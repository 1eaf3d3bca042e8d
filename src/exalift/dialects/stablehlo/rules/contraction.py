"""Reductions of reductions, and sums of products as dot_general with the transposes folded in."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Affine

from ...graph import Node, Operation
from ..attribute_values import integers, text
from ..contractions import dot_attributes, dot_dimensions
from .rule import Rewrites, Rules, as_op, broadcast_dimensions, names, transposed


def merge_reductions(op: Operation, rewrites: Rewrites) -> Node | None:
    """reduce over nothing -> x;  over unit dimensions -> reshape;  reduce(reduce(x)) -> reduce(x);
    reduce(transpose(x)) -> reduce(x), where what is left keeps its order."""
    (operand,) = op.operands
    dimensions = integers(op.attributes, "dimensions")
    body = text(op.attributes, "body")
    if not dimensions:
        return operand
    if all(operand.type.shape[d] == Affine.of(1) for d in dimensions):
        return rewrites.attempt("reshape", (operand,), (("shape", op.type.shape),), op.type)
    inner = as_op(operand, "reduce")
    if inner and text(inner.attributes, "body") == body:
        gone = integers(inner.attributes, "dimensions")
        kept = [d for d in range(inner.operands[0].type.rank) if d not in gone]
        merged = tuple(sorted((*gone, *(kept[d] for d in dimensions))))
        return rewrites.make("reduce", inner.operands, (("body", body), ("dimensions", merged)))
    inner = as_op(operand, "transpose")
    if inner:
        permutation = integers(inner.attributes, "permutation")
        left = [p for d, p in enumerate(permutation) if d not in dimensions]
        if left == sorted(left):
            moved = tuple(sorted(permutation[d] for d in dimensions))
            return rewrites.make("reduce", inner.operands, (("body", body), ("dimensions", moved)))
    return None


def sum_products(op: Operation, rewrites: Rewrites) -> Node | None:
    """sum over k of broadcast(x)[.., k] * broadcast(y)[.., k] -> dot_general(x, y), transposed if need be.

    For sums along dimensions that both factors have, of a product that is larger than they are.
    """
    product = as_op(op.operands[0], "multiply")
    if text(op.attributes, "body") != "add" or product is None:
        return None
    places = [_places(factor) for factor in product.operands]
    if all(node.type.rank == product.type.rank for node, _ in places):
        return None
    (lhs, lhs_at), (rhs, rhs_at) = places
    summed = integers(op.attributes, "dimensions")
    every = range(product.type.rank)
    if any(d not in lhs_at or d not in rhs_at for d in summed):
        return None
    if any(d not in lhs_at and d not in rhs_at for d in every):
        return None
    shared = [d for d in every if d in lhs_at and d in rhs_at and d not in summed]
    contracting = [(lhs_at.index(d), rhs_at.index(d)) for d in summed]
    batching = [(lhs_at.index(d), rhs_at.index(d)) for d in shared]
    order = [*shared, *(d for d in lhs_at if d not in rhs_at), *(d for d in rhs_at if d not in lhs_at)]
    made = rewrites.make("dot_general", (lhs, rhs), dot_attributes(batching, contracting))
    kept = [d for d in every if d not in summed]
    return transposed(made, [order.index(d) for d in kept], rewrites)


def _places(factor: Node) -> tuple[Node, tuple[int, ...]]:
    """What is broadcast, and the dimension of the product that each of its dimensions is; a broadcast
    that stretches a unit dimension counts as a tensor of its own."""
    source = as_op(factor, "broadcast_in_dim")
    if source:
        (operand,) = source.operands
        dimensions = broadcast_dimensions(source)
        if tuple(factor.type.shape[d] for d in dimensions) == operand.type.shape:
            return operand, dimensions
    return factor, tuple(range(factor.type.rank))


def fold_transposes_into_dot(op: Operation, rewrites: Rewrites) -> Node | None:
    """dot_general(transpose(x), y) -> dot_general(x, y), where the other dimensions keep their order."""
    operands = list(op.operands)
    numbers = [list(n) for n in dot_dimensions(op.attributes)]
    changed = False
    for side in (0, 1):
        inner = as_op(operands[side], "transpose")
        if inner is None:
            continue
        permutation = integers(inner.attributes, "permutation")
        batching, contracting = numbers[2 * side], numbers[2 * side + 1]
        free = [permutation[d] for d in range(len(permutation)) if d not in (*batching, *contracting)]
        if free == sorted(free):
            operands[side] = inner.operands[0]
            numbers[2 * side] = [permutation[d] for d in batching]
            numbers[2 * side + 1] = [permutation[d] for d in contracting]
            changed = True
    if not changed:
        return None
    attributes = dot_attributes(
        list(zip(numbers[0], numbers[2], strict=True)), list(zip(numbers[1], numbers[3], strict=True))
    )
    return rewrites.make("dot_general", operands, attributes)


def fold_transpose_of_dot(op: Operation, rewrites: Rewrites) -> Node | None:
    """transpose(dot_general(x, y)) -> dot_general(y, x), where it swaps the two blocks of other dimensions,
    or dot_general with its batching dimensions listed in another order."""
    inner = as_op(op.operands[0], "dot_general")
    if inner is None:
        return None
    permutation = integers(op.attributes, "permutation")
    lhs, rhs = inner.operands
    lhs_batch, lhs_contract, rhs_batch, rhs_contract = dot_dimensions(inner.attributes)
    batch = len(lhs_batch)
    lhs_free = lhs.type.rank - batch - len(lhs_contract)
    if any(p >= batch for p in permutation[:batch]):
        return None
    rows = list(zip(lhs_batch, rhs_batch, strict=True))
    batching = [rows[p] for p in permutation[:batch]]
    contracting = list(zip(lhs_contract, rhs_contract, strict=True))
    blocks = (range(batch, batch + lhs_free), range(batch + lhs_free, inner.type.rank))
    rest = list(permutation[batch:])
    if rest == [*blocks[0], *blocks[1]]:
        return rewrites.make("dot_general", (lhs, rhs), dot_attributes(batching, contracting))
    if rest == [*blocks[1], *blocks[0]]:
        swapped = dot_attributes(_swapped(batching), _swapped(contracting))
        return rewrites.make("dot_general", (rhs, lhs), swapped)
    return None


def _swapped(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(b, a) for a, b in pairs]


def put_matrix_first(op: Operation, rewrites: Rewrites) -> Node | None:
    """dot_general(vector, matrix) -> dot_general(matrix, vector), which has the same result: where the
    lhs has no dimensions of its own, and the rhs has."""
    lhs, rhs = op.operands
    lhs_batch, lhs_contract, rhs_batch, rhs_contract = dot_dimensions(op.attributes)
    used = len(lhs_batch) + len(lhs_contract)
    if lhs.type.rank > used or rhs.type.rank == used:
        return None
    batching = list(zip(rhs_batch, lhs_batch, strict=True))
    contracting = list(zip(rhs_contract, lhs_contract, strict=True))
    return rewrites.make("dot_general", (rhs, lhs), dot_attributes(batching, contracting))


def generalise_dot(op: Operation, rewrites: Rewrites) -> Node | None:
    """dot -> dot_general."""
    last = op.operands[0].type.rank - 1
    return rewrites.make("dot_general", op.operands, dot_attributes((), ((last, 0),)))


CONTRACTION_RULES: Rules = (
    (names("reduce"), merge_reductions),
    (names("reduce"), sum_products),
    (names("dot_general"), fold_transposes_into_dot),
    (names("dot_general"), put_matrix_first),
    (names("transpose"), fold_transpose_of_dot),
    (names("dot"), generalise_dot),
)
