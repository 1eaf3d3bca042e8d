"""Concrete tensor types."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from .dtypes import DType


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A tensor type whose extents are numbers."""

    extents: tuple[int, ...]
    dtype: DType

    def __str__(self) -> str:
        return "tensor<" + "".join(f"{extent}x" for extent in self.extents) + f"{self.dtype}>"

    @property
    def is_empty(self) -> bool:
        return 0 in self.extents

    @property
    def bytes(self) -> int:
        """The size of the contents, without padding."""
        return prod(self.extents) * self.dtype.bytes
