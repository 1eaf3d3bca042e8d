"""dot and dot_general: sums of products over contracting dimensions.

`dot_general`'s dimension numbers are the attributes `lhs_batching_dimensions`, `rhs_batching_dimensions`,
`lhs_contracting_dimensions` and `rhs_contracting_dimensions`. The result's dimensions are the batching
ones, then the lhs's other ones, then the rhs's.
Not handled: result types that differ from the operands', and algorithms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from exalift.affine import Affine, Apply, Formula, Reduce
from exalift.base import DType

from ..definition import Hints, OpDefinition, no_attributes
from ..types import Attributes, TensorType
from .attribute_values import integers
from .notation import load, reduced_axes, result_axes, symbols

LIMIT = 50
"""The most dimension numbers that one pair of operands is tried with."""

_NAMES = (
    "lhs_batching_dimensions",
    "lhs_contracting_dimensions",
    "rhs_batching_dimensions",
    "rhs_contracting_dimensions",
)


def dot_attributes(batching: Sequence[tuple[int, int]], contracting: Sequence[tuple[int, int]]) -> Attributes:
    """The attributes for pairs of (lhs, rhs) dimensions."""
    values = (
        tuple(lhs for lhs, _ in batching),
        tuple(lhs for lhs, _ in contracting),
        tuple(rhs for _, rhs in batching),
        tuple(rhs for _, rhs in contracting),
    )
    return tuple(zip(_NAMES, values, strict=True))


def dot_dimensions(
    attributes: Attributes,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """lhs batching, lhs contracting, rhs batching, rhs contracting."""
    first, second, third, fourth = (integers(attributes, name, ()) for name in _NAMES)
    return first, second, third, fourth


def _free(rank: int, *used: tuple[int, ...]) -> tuple[int, ...]:
    taken = {d for dimensions in used for d in dimensions}
    return tuple(d for d in range(rank) if d not in taken)


def _valid(rank: int, *used: tuple[int, ...]) -> bool:
    every = [d for dimensions in used for d in dimensions]
    return len(set(every)) == len(every) and all(0 <= d < rank for d in every)


def _dot_general_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    lhs, rhs = operands
    lhs_batch, lhs_contract, rhs_batch, rhs_contract = dot_dimensions(attributes)
    if lhs.dtype is not rhs.dtype or lhs.dtype is DType.I1:
        return None
    if len(lhs_batch) != len(rhs_batch) or len(lhs_contract) != len(rhs_contract):
        return None
    if not _valid(lhs.rank, lhs_batch, lhs_contract) or not _valid(rhs.rank, rhs_batch, rhs_contract):
        return None
    pairs = zip((*lhs_batch, *lhs_contract), (*rhs_batch, *rhs_contract), strict=True)
    if any(lhs.shape[a] != rhs.shape[b] for a, b in pairs):
        return None
    shape = (
        *(lhs.shape[d] for d in lhs_batch),
        *(lhs.shape[d] for d in _free(lhs.rank, lhs_batch, lhs_contract)),
        *(rhs.shape[d] for d in _free(rhs.rank, rhs_batch, rhs_contract)),
    )
    return TensorType(shape, lhs.dtype)


def _contract(
    operands: Sequence[TensorType],
    result: TensorType,
    dimensions: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> Formula:
    lhs, rhs = operands
    lhs_batch, lhs_contract, rhs_batch, rhs_contract = dimensions
    kept, gone = result_axes(result.shape), reduced_axes([lhs.shape[d] for d in lhs_contract])
    out, summed = symbols(kept), symbols(gone)
    lhs_free, rhs_free = _free(lhs.rank, lhs_batch, lhs_contract), _free(rhs.rank, rhs_batch, rhs_contract)
    batch = len(lhs_batch)
    at_lhs: dict[int, Affine] = dict(zip(lhs_batch, out[:batch], strict=True))
    at_lhs |= dict(zip(lhs_contract, summed, strict=True))
    at_lhs |= dict(zip(lhs_free, out[batch : batch + len(lhs_free)], strict=True))
    at_rhs: dict[int, Affine] = dict(zip(rhs_batch, out[:batch], strict=True))
    at_rhs |= dict(zip(rhs_contract, summed, strict=True))
    at_rhs |= dict(zip(rhs_free, out[batch + len(lhs_free) :], strict=True))
    factors = (
        load(operands, 0, [at_lhs[d] for d in range(lhs.rank)]),
        load(operands, 1, [at_rhs[d] for d in range(rhs.rank)]),
    )
    product = Apply("multiply", factors, result.dtype)
    return Formula(kept, Reduce("add", gone, product, result.dtype) if gone else product)


def _dot_general(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    return _contract(operands, result, dot_dimensions(attributes))


def _dots(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Every pairing of equal extents as batching or contracting, few pairs first; the outer product last.

    Batching pairs are listed in the lhs's order, contracting pairs too: other orders are transposes.
    """
    del hints
    lhs, rhs = operands
    if lhs.dtype is not rhs.dtype or lhs.dtype is DType.I1 or not lhs.rank or not rhs.rank:
        return ()
    found = sorted(islice(_pairings(lhs.shape, rhs.shape), 16 * LIMIT), key=_complexity)
    return (dot_attributes(batching, contracting) for batching, contracting in found[:LIMIT])


_Pairs = tuple[tuple[int, int], ...]


def _complexity(pairing: tuple[_Pairs, _Pairs]) -> tuple[bool, int, int]:
    batching, contracting = pairing
    return (not contracting, len(batching), len(contracting))


def _pairings(lhs: Sequence[Affine], rhs: Sequence[Affine]) -> Iterator[tuple[_Pairs, _Pairs]]:
    partial: list[tuple[_Pairs, _Pairs]] = [((), ())]
    for position, extent in enumerate(lhs):
        longer: list[tuple[_Pairs, _Pairs]] = []
        for batching, contracting in partial:
            longer.append((batching, contracting))
            used = {b for _, b in (*batching, *contracting)}
            for other, other_extent in enumerate(rhs):
                if other not in used and other_extent == extent:
                    longer.append((batching, (*contracting, (position, other))))
                    longer.append(((*batching, (position, other)), contracting))
        partial = longer
    # Without a contraction a batched product is a broadcast and a multiply; the plain outer one stays.
    return (p for p in partial if p[1] or not p[0])


def _dot_dimensions(
    lhs: TensorType, rhs: TensorType
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return (), (lhs.rank - 1,), (), (0,)


def _dot_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    """Vectors and matrices only, as `stablehlo.dot` has it."""
    del attributes
    lhs, rhs = operands
    if lhs.rank not in (1, 2) or rhs.rank not in (1, 2) or lhs.shape[-1] != rhs.shape[0]:
        return None
    if lhs.dtype is not rhs.dtype or lhs.dtype is DType.I1:
        return None
    return TensorType((*lhs.shape[:-1], *rhs.shape[1:]), lhs.dtype)


def _dot(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del attributes
    return _contract(operands, result, _dot_dimensions(*operands))


DEFINITIONS = (
    OpDefinition("stablehlo.dot_general", 2, _dot_general_type, _dot_general, _dots),
    # `dot` says nothing that dot_general does not, and StableHLO has deprecated it.
    OpDefinition("stablehlo.dot", 2, _dot_type, _dot, no_attributes, search=False),
)
