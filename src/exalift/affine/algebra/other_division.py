"""Machines do not agree on what an integer divided by zero is, so no program may rely on an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exalift.base import DType

from .protocol import Algebra, Values
from .wrapper import Wrapper


class OtherDivision(Wrapper):
    """Another algebra, but for integers that are divided by 0: as XLA has it, the quotient is -1 and the
    remainder is the dividend. `asked`: whether that happened so far."""

    def __init__(self, algebra: Algebra) -> None:
        super().__init__(algebra)
        self.asked = False

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        found = super().apply(function, operands, operand_dtype, dtype)
        if function not in ("divide", "remainder") or not operand_dtype.is_integer:
            return found
        by_zero = np.broadcast_to(np.equal(operands[1], 0), found.shape)
        if not by_zero.any():
            return found
        self.asked = True
        other = operands[0] if function == "remainder" else np.asarray(-1).astype(found.dtype)
        return np.where(by_zero, other, found).astype(found.dtype)
