"""The factors of products: what is loaded, how it is widened, and what is added to it.

An int8 product in C multiplies bytes that are widened to int, often with a zero point taken away:

    sum k. (i32(a[i,k]) - za) * i32(b[k,j])

Kernels want the bytes. So casts that lose nothing are peeled off, and what does not move with the sum is
multiplied out. A factor that is computed is kept in bytes where its values fit them, codes of four bits
taken apart by masks and shifts among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.affine import Apply, Axis, Cast, Constraint, Expression, Load, Reduce
from exalift.base import DType

from .inequalities import within
from .program import extent_of
from .ranges import type_range, value_range
from .terms import Pool

_SMALL = (DType.I8, DType.UI8, DType.I16)

_WIDER_FLOATS = {
    DType.BF16: frozenset({DType.F32, DType.F64}),
    DType.F16: frozenset({DType.F32, DType.F64}),
    DType.F32: frozenset({DType.F64}),
}


def holds_all(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    if wide is narrow:
        return True
    if narrow.is_float:
        return wide in _WIDER_FLOATS.get(narrow, frozenset())
    if not (wide.is_integer and narrow.is_integer) or wide.bits <= narrow.bits:
        return False
    return wide.is_signed or not narrow.is_signed


@dataclass(frozen=True, eq=False, slots=True)
class Factor:
    """`value` widened to the sum's type, where `guard` holds, else zero. `storages` are the element types in
    which an array may hold it, the narrowest first."""

    value: Expression
    storages: tuple[DType, ...]
    guard: tuple[Constraint, ...]


def factor_of(term: Expression, guard: tuple[Constraint, ...]) -> Factor:
    """The factor, with the casts that lose nothing peeled off."""
    wanted, value = term.dtype, term
    while isinstance(value, Cast) and _is_exact(value.operand.dtype, value.dtype):
        value = value.operand
    storages = [*_narrow(value), value.dtype]
    for other in (DType.I16, DType.F32, wanted):
        if other not in storages and holds_all(other, value.dtype) and _is_exact(other, wanted):
            storages.append(other)
    return Factor(value, tuple(storages), guard)


def _narrow(value: Expression) -> list[DType]:
    """Types of fewer bits than its own that hold all values of what is computed."""
    if isinstance(value, Load) or not value.dtype.is_integer:
        return []
    low, high = value_range(value)
    found = [(dtype, type_range(dtype)) for dtype in _SMALL if dtype.bits < value.dtype.bits]
    return [dtype for dtype, (least, most) in found if least <= low and high <= most]


def _is_exact(narrow: DType, wide: DType) -> bool:
    """Whether a cast loses nothing. Sums of 32 bits wrap, so that signs only matter below."""
    if narrow.is_integer and wide is DType.UI32:
        return narrow.bits < 32
    return holds_all(wide, narrow)


def without_shift(
    term: Expression, summed: frozenset[str], pool: Pool
) -> tuple[Expression, Expression | None]:
    """`x` and `s` of a factor `x + s` whose `s` does not move with the sum; (term, None) of any other, and
    where the whole fits a byte."""
    if not isinstance(term, Apply) or term.function not in ("add", "subtract") or not term.dtype.is_integer:
        return term, None
    if any(dtype.bits == 8 for dtype in _narrow(term)):
        return term, None
    first, second = term.operands
    if pool.names(second) & summed or not pool.names(first) & summed:
        return term, None
    if term.function == "subtract":
        second = pool.apply("negate", (second,), term.dtype)
    return first, second


def is_inside_where_guarded(load: Load, guard: Sequence[Constraint], shape: Sequence[int]) -> bool:
    """Whether a guard says no more than that the load's subscripts are in bounds: outside is zero then."""
    bounds = {c for index, extent in zip(load.indices, shape, strict=True) for c in within(index, extent)}
    return all(constraint in bounds for constraint in guard)


def axes_of(names: frozenset[str], axes: Sequence[Axis]) -> tuple[Axis, ...]:
    return tuple(axis for axis in axes if axis.name in names)


def count_of(total: Reduce) -> int:
    """How many terms a sum without a guard has."""
    points = 1
    for axis in total.axes:
        points *= extent_of(axis)
    return points
