"""Element types, named as MLIR and StableHLO name them."""

from __future__ import annotations

from enum import Enum


class DType(Enum):
    """An element type. The value is its StableHLO name."""

    I1 = "i1"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    UI8 = "ui8"
    UI16 = "ui16"
    UI32 = "ui32"
    UI64 = "ui64"
    BF16 = "bf16"
    F16 = "f16"
    F32 = "f32"
    F64 = "f64"

    def __str__(self) -> str:
        return self.value

    @property
    def is_float(self) -> bool:
        return self in _FLOATS

    @property
    def is_integer(self) -> bool:
        """Whether this is an integer type; `i1` is a truth value and not one."""
        return not self.is_float and self is not DType.I1

    @property
    def is_signed(self) -> bool:
        return not self.value.startswith("ui")

    @property
    def bits(self) -> int:
        return int(self.value.lstrip("uifb"))

    @property
    def bytes(self) -> int:
        return max(1, self.bits // 8)

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest number of an integer type; 0 and 1 of `i1`."""
        if self is DType.I1:
            return 0, 1
        least = -(1 << (self.bits - 1)) if self.is_signed else 0
        return least, least + (1 << self.bits) - 1

    @property
    def numpy_name(self) -> str:
        """The name by which `numpy.dtype` knows it (`bfloat16` once ml_dtypes is imported)."""
        if self is DType.I1:
            return "bool"
        if self is DType.BF16:
            return "bfloat16"
        if self.is_float:
            return f"float{self.bits}"
        return f"{'int' if self.is_signed else 'uint'}{self.bits}"


_FLOATS = frozenset({DType.BF16, DType.F16, DType.F32, DType.F64})
