"""Ops that make or rearrange tensors whole: broadcast_in_dim, iota, transpose, reshape.

StableHLO gives the result's shape by its type; here it is the attribute `shape` (and `dtype` for iota).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice, permutations

from exalift.affine import Affine, Formula, IndexValue
from exalift.base import DType

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affines, element_type, integer, integers
from .extents import exact_division, negative_for_small_sizes_only, quotient
from .notation import formula, load, result_axes, symbols

LIMIT = 64
"""The most attribute assignments that one op is tried with on one tuple of operand types."""


def _broadcast_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    shape = affines(attributes, "shape")
    dimensions = integers(attributes, "broadcast_dimensions")
    if len(dimensions) != operand.rank or len(set(dimensions)) != operand.rank:
        return None
    for extent, dimension in zip(operand.shape, dimensions, strict=True):
        if not 0 <= dimension < len(shape) or extent not in (Affine.of(1), shape[dimension]):
            return None
    return TensorType(shape, operand.dtype)


def _broadcast(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    dimensions = integers(attributes, "broadcast_dimensions")
    indices = [
        Affine() if extent == Affine.of(1) else axes[dimension]
        for extent, dimension in zip(operands[0].shape, dimensions, strict=True)
    ]
    return formula(result, load(operands, 0, indices))


def _broadcasts(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Onto the goal's shape by increasing maps; then with one more dimension, of an extent that is seen."""
    return islice(dict.fromkeys(_broadcast_candidates(operands[0], hints)), LIMIT)


def _broadcast_candidates(operand: TensorType, hints: Hints) -> Iterator[Attributes]:
    targets: list[tuple[Affine, ...]] = []
    if hints.goal and hints.goal.rank:
        targets.append(hints.goal.shape)
    extents = dict.fromkeys((*(hints.goal.shape if hints.goal else ()), *hints.extents))
    for extent in extents:
        for position in range(operand.rank, -1, -1):
            targets.append((*operand.shape[:position], extent, *operand.shape[position:]))
    if not operand.rank:
        targets += [(first, second) for first in extents for second in extents]
    for shape in targets:
        if shape == operand.shape:
            continue
        for dimensions in combinations(range(len(shape)), operand.rank):
            attributes: Attributes = (("broadcast_dimensions", dimensions), ("shape", shape))
            if _broadcast_type((operand,), attributes):
                yield attributes


def _iota_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    del operands
    dtype = element_type(attributes)
    shape = affines(attributes, "shape")
    if dtype is DType.I1 or not 0 <= integer(attributes, "iota_dimension") < len(shape):
        return None
    return TensorType(shape, dtype)


def _iota(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del operands
    axis = symbols(result_axes(result.shape))[integer(attributes, "iota_dimension")]
    return formula(result, IndexValue(axis, result.dtype))


def _iotas(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Along each dimension of the goal's shape, then of one dimension for each extent; as i64, and as
    the goal's own type where an index is used as data."""
    del operands
    shapes = [hints.goal.shape] if hints.goal and hints.goal.rank else []
    shapes += [(extent,) for extent in hints.extents]
    wanted = [DType.I64]
    if hints.goal and hints.goal.dtype not in (DType.I1, DType.I64):
        wanted.append(hints.goal.dtype)
    candidates: dict[Attributes, None] = {}
    for shape in shapes:
        for dimension in range(len(shape)):
            for dtype in wanted:
                attributes = (("dtype", str(dtype)), ("iota_dimension", dimension), ("shape", shape))
                candidates[attributes] = None
    return islice(candidates, LIMIT)


def _transpose_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    permutation = integers(attributes, "permutation")
    if sorted(permutation) != list(range(operand.rank)):
        return None
    return TensorType(tuple(operand.shape[p] for p in permutation), operand.dtype)


def _transpose(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    permutation = integers(attributes, "permutation")
    return formula(result, load(operands, 0, [axes[permutation.index(d)] for d in range(len(axes))]))


def _transposes(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Every permutation but the identity, up to rank 4; swaps of two dimensions only above."""
    del hints
    rank = operands[0].rank
    identity = tuple(range(rank))
    if rank <= 4:
        found = list(permutations(identity))[1:]
        found.sort(key=lambda p: sum(a != b for a, b in zip(p, identity, strict=True)))
    else:
        found = [
            tuple(b if d == a else a if d == b else d for d in identity) for a, b in combinations(identity, 2)
        ]
    for permutation in found[:LIMIT]:
        yield (("permutation", permutation),)


def _group(
    operand: list[tuple[int, Affine]], result: list[tuple[int, Affine]]
) -> list[tuple[list[tuple[int, Affine]], list[tuple[int, Affine]]]] | None:
    """Splits both shapes, from the left, into runs of equal products; None where that is not affine.

    In a run, only the leading extents may depend on sizes.
    """
    groups: list[tuple[list[tuple[int, Affine]], list[tuple[int, Affine]]]] = []
    left, right = 0, 0
    while left < len(operand) and right < len(result):
        run = ([operand[left]], [result[right]])
        products = [operand[left][1], result[right][1]]
        left, right = left + 1, right + 1
        while products[0] != products[1]:
            grows = 1 if negative_for_small_sizes_only(products[0] - products[1]) else 0
            if not grows and not negative_for_small_sizes_only(products[1] - products[0]):
                return None
            source, position = (result, right) if grows else (operand, left)
            if position == len(source) or not source[position][1].is_constant:
                return None
            run[grows].append(source[position])
            products[grows] = products[grows] * source[position][1].constant
            left, right = (left, right + 1) if grows else (left + 1, right)
        groups.append(run)
    return groups if left == len(operand) and right == len(result) else None


def _reshape_groups(
    operand: TensorType, shape: tuple[Affine, ...]
) -> list[tuple[list[tuple[int, Affine]], list[tuple[int, Affine]]]] | None:
    if any(extent == Affine() for extent in (*operand.shape, *shape)):
        return None
    one = Affine.of(1)
    return _group(
        [(d, extent) for d, extent in enumerate(operand.shape) if extent != one],
        [(d, extent) for d, extent in enumerate(shape) if extent != one],
    )


def _reshape_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    """Reshapes whose meaning is affine: unit dimensions come and go, runs of dimensions with constant
    inner extents are merged and split. Others (merging two symbolic extents) are refused."""
    shape = affines(attributes, "shape")
    if _reshape_groups(operands[0], shape) is None:
        return None
    return TensorType(shape, operands[0].dtype)


def _reshape(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del attributes
    groups = _reshape_groups(operands[0], result.shape)
    assert groups is not None, "the result type was inferred from the same groups"
    axes = symbols(result_axes(result.shape))
    indices = [Affine()] * operands[0].rank
    for sources, targets in groups:
        linear = Affine()
        for dimension, extent in targets:
            linear = linear * (extent.constant if extent.is_constant else 1) + axes[dimension]
        stride = 1
        for position, (dimension, extent) in reversed(list(enumerate(sources))):
            index = linear // stride
            indices[dimension] = index % extent.constant if position else index
            stride *= extent.constant if extent.is_constant else 1
    return formula(result, load(operands, 0, indices))


def _reshapes(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """To the goal's shape; unit dimensions dropped; one added; neighbours merged; splits by constants."""
    (operand,) = operands
    one = Affine.of(1)
    shape = operand.shape
    targets = [hints.goal.shape] if hints.goal else []
    targets.append(tuple(extent for extent in shape if extent != one))
    targets += [(*shape[:p], one, *shape[p:]) for p in range(operand.rank + 1)]
    for position in range(operand.rank - 1):
        if shape[position + 1].is_constant:
            merged = shape[position] * shape[position + 1].constant
            targets.append((*shape[:position], merged, *shape[position + 2 :]))
    for position, extent in enumerate(shape):
        for part in hints.extents:
            inner = exact_division(extent, part.constant) if part.is_constant and part.constant > 1 else None
            if inner is not None and inner != one:
                targets.append((*shape[:position], inner, part, *shape[position + 1 :]))
            outer = quotient(extent, part) if not part.is_constant else None
            if outer is not None and outer > 1:
                targets.append((*shape[:position], part, Affine.of(outer), *shape[position + 1 :]))
    for target in list(dict.fromkeys(targets))[:LIMIT]:
        if target != shape and _reshape_groups(operand, target) is not None:
            yield (("shape", target),)


DEFINITIONS = (
    OpDefinition("stablehlo.broadcast_in_dim", 1, _broadcast_type, _broadcast, _broadcasts),
    OpDefinition("stablehlo.iota", 0, _iota_type, _iota, _iotas),
    OpDefinition("stablehlo.transpose", 1, _transpose_type, _transpose, _transposes),
    OpDefinition("stablehlo.reshape", 1, _reshape_type, _reshape, _reshapes),
)
