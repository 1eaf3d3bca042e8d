"""Formulas: tensors given element by element, `out[axes] = body`.

For example `dot_general`: `out[b,i,j] = sum k. lhs[b,i,k] * rhs[b,k,j]`. A dialect op's meaning and a
source region's goal are both formulas, and `evaluate` runs either in any algebra.
"""

from __future__ import annotations

from dataclasses import dataclass

from .affine_expression import Affine
from .expressions import Axis, Expression


@dataclass(frozen=True, slots=True)
class Formula:
    """`out[axes] = body`; the axes run over `[0, extent)`, and loads out of bounds read 0.

    `body.dtype` is the dtype of the result, `shape` its shape.
    """

    axes: tuple[Axis, ...]
    body: Expression

    @property
    def shape(self) -> tuple[Affine, ...]:
        return tuple(axis.extent for axis in self.axes)
