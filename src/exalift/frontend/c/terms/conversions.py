"""C's rules for mixed types (C17, 6.3.1)."""

from __future__ import annotations

from exalift.base import DType


def promoted(dtype: DType) -> DType:
    """The type in which an operand of this type takes part in arithmetic (6.3.1.1)."""
    return DType.I32 if not dtype.is_float and dtype.bits < 32 else dtype


def common(left: DType, right: DType) -> DType:
    """The usual arithmetic conversions (6.3.1.8). `long` and `long long` are one type here."""
    for floating in (DType.F64, DType.F32):
        if floating in (left, right):
            return floating
    first, second = promoted(left), promoted(right)
    if first.bits != second.bits:
        return first if first.bits > second.bits else second
    return first if not first.is_signed else second
