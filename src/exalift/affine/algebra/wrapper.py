"""An algebra that is another one but for what a subclass changes."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.base import DType

from .protocol import Algebra, Values


class Wrapper:
    """Everything is the other algebra's. Subclasses change `apply` or `reduce`, and may call them."""

    def __init__(self, algebra: Algebra) -> None:
        self._algebra = algebra
        self.name = algebra.name
        self.storage = algebra.storage
        self.constant = algebra.constant
        self.index = algebra.index
        self.truth = algebra.truth
        self.cast = algebra.cast
        self.identity = algebra.identity
        self.random = algebra.random
        self.equal = algebra.equal

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        return self._algebra.apply(function, operands, operand_dtype, dtype)

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        return self._algebra.reduce(function, value, axes, dtype)
