"""Operands of four bits an element: how they lie in memory, and what they stand for.

Four bits are a way to store small integers and not a type that an instruction multiplies: every
instruction here takes bytes or more. So this is a property of an access (of how memory is read), and what the
product sees is an element of eight bits or more, which kernels unpack when they copy or pack the operand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType, UsageError


@dataclass(frozen=True, slots=True)
class Nibbles:
    """Elements in four bits.

    signed: two's complement, -8 to 7; else 0 to 15. pairs: two elements a byte, the first in the low half;
    else one a byte, in its low half, whatever the high half holds: that is how NumPy's arrays of ml_dtypes'
    `int4` and `uint4` (JAX's, StableHLO's `i4` and `ui4`) lie. Elements are counted along the strides.
    added: an integer added to each element, such as -8 for codes that have eight in excess.
    """

    signed: bool = True
    pairs: bool = True
    added: int = 0

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest value."""
        low = -8 if self.signed else 0
        return low + self.added, low + 15 + self.added

    @property
    def numpy_names(self) -> frozenset[str]:
        """Element types of the arrays that hold them."""
        bytes_ = frozenset({"int8", "uint8"})
        return bytes_ if self.pairs else bytes_ | {"int4" if self.signed else "uint4"}

    def bytes(self, elements: int) -> int:
        """The bytes that so many elements take."""
        return -(-elements // 2) if self.pairs else elements

    def fit(self, dtype: DType) -> bool:
        """Whether every value is one of `dtype`. (Every float type has all integers up to 256.)"""
        low, high = self.range
        if dtype.is_float:
            return low >= -256 and high <= 256
        least, greatest = dtype.limits
        return dtype.is_integer and least <= low and high <= greatest

    def unpacked(self, stored: NDArray[np.generic], elements: int) -> NDArray[np.int64]:
        """The values of the first `elements` elements of an array that holds them."""
        codes = stored.reshape(-1).view(np.uint8).astype(np.int64)
        if self.pairs:
            codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(-1)
        codes = codes[:elements] & 15
        values = codes - 16 * (codes >> 3) if self.signed else codes
        return np.asarray(values + self.added)

    def packed(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Bytes that hold the values of an array, in its order; half a byte more than that is zero.

        Raises UsageError for a value that four bits do not hold.
        """
        plain = values.reshape(-1).astype(np.int64)
        low, high = self.range
        if plain.size and (plain.min() < low or plain.max() > high):
            raise UsageError(f"four bits hold {low} to {high} here, not {plain.min()} to {plain.max()}")
        codes = ((plain - self.added) & 15).astype(np.uint8)
        if not self.pairs:
            return codes
        both = np.append(codes, np.zeros(codes.size % 2, np.uint8)).reshape(-1, 2)
        return np.asarray(both[:, 0] | both[:, 1] << 4, np.uint8)
