"""What an algebra must offer so that programs, formulas and lifted programs can be run in it.

Values are NumPy arrays (any rank; 0-d for a scalar), element-wise and broadcasting. What an
element is differs: residues of a prime, machine numbers, exact rationals, z3 terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

Values = NDArray[np.generic]
Truth = NDArray[np.bool_]


class Algebra(Protocol):
    """An algebra over NumPy arrays. `dtype` is always the element type of the source or target program."""

    name: str

    def storage(self, dtype: DType) -> np.dtype[np.generic]:
        """The NumPy dtype in which values of `dtype` are kept."""
        ...

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Values:
        """A literal, as a 0-d array."""
        ...

    def index(self, values: NDArray[np.int64], dtype: DType) -> Values:
        """Integers as data of type `dtype`."""
        ...

    def truth(self, values: Truth) -> Values:
        """Known truth values as values of type i1."""
        ...

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        """A function of `affine.functions`; `operand_dtype` is that of the last operand."""
        ...

    def cast(self, value: Values, source: DType, target: DType) -> Values: ...

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        """Combine over `axes`, which go away; an empty reduction gives the identity."""
        ...

    def identity(self, function: str, dtype: DType) -> Values:
        """The identity of a reducing function, as a 0-d array."""
        ...

    def random(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
        """Random values; a symbolic algebra gives fresh variables."""
        ...

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        """Element by element; floating-point algebras allow for rounding. Symbolic ones do not offer it."""
        ...
