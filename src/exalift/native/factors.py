"""The factors of products: what is loaded, and how it is widened.

An int8 product in C multiplies bytes that are widened to int, often with a zero point taken away:

    sum k. (i32(a[i,k]) - za) * i32(b[k,j])

Kernels want the bytes. So casts that lose nothing are peeled off; zero points are taken away by
`exalift.tensorize`. A factor that is computed is kept in bytes where its values fit them, codes of four bits
taken apart by masks and shifts among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.affine import Axis, Cast, Constraint, Expression, Load
from exalift.base import DType

from .inequalities import within
from .ranges import value_range

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
    found = [(dtype, dtype.limits) for dtype in _SMALL if dtype.bits < value.dtype.bits]
    return [dtype for dtype, (least, most) in found if least <= low and high <= most]


def _is_exact(narrow: DType, wide: DType) -> bool:
    """Whether a cast loses nothing. Sums of 32 bits wrap, so that signs only matter below."""
    if narrow.is_integer and wide is DType.UI32:
        return narrow.bits < 32
    return holds_all(wide, narrow)


def fits_a_byte(term: Expression) -> bool:
    """Whether all values of a factor are those of a byte, so that an array of bytes may hold it as it is."""
    return any(dtype.bits == 8 for dtype in _narrow(term))


def is_inside_where_guarded(load: Load, guard: Sequence[Constraint], shape: Sequence[int]) -> bool:
    """Whether a guard says no more than that the load's subscripts are in bounds: outside is zero then."""
    bounds = {c for index, extent in zip(load.indices, shape, strict=True) for c in within(index, extent)}
    return all(constraint in bounds for constraint in guard)


def axes_of(names: frozenset[str], axes: Sequence[Axis]) -> tuple[Axis, ...]:
    return tuple(axis for axis in axes if axis.name in names)
