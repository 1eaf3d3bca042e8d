"""Machines do not agree on what an integer divided by zero is, so no program may rely on an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exalift.base import DType

from .protocol import Algebra, Values


class OtherDivision:
    """Another algebra, but for integers that are divided by 0: as XLA has it, the quotient is -1 and the
    remainder is the dividend. `asked`: whether that happened so far."""

    def __init__(self, algebra: Algebra) -> None:
        self.asked = False
        self._algebra = algebra
        self.name = algebra.name
        self.storage = algebra.storage
        self.constant = algebra.constant
        self.index = algebra.index
        self.truth = algebra.truth
        self.cast = algebra.cast
        self.reduce = algebra.reduce
        self.identity = algebra.identity
        self.random = algebra.random
        self.equal = algebra.equal

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        found = self._algebra.apply(function, operands, operand_dtype, dtype)
        if function not in ("divide", "remainder") or not operand_dtype.is_integer:
            return found
        by_zero = np.broadcast_to(np.equal(operands[1], 0), found.shape)
        if not by_zero.any():
            return found
        self.asked = True
        other = operands[0] if function == "remainder" else np.asarray(-1).astype(found.dtype)
        return np.where(by_zero, other, found).astype(found.dtype)
