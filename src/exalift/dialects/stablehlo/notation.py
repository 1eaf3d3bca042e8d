"""Small helpers with which the definitions write their formulas.

Axis names start with `%`, which no source identifier does: `%0`, `%1`, ... are the result's axes,
`%r0`, `%r1`, ... those that are reduced.
"""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Affine, Axis, Constraint, Formula, Guard, Load
from exalift.affine import Expression as Expression

from ..types import TensorType


def result_axes(shape: Sequence[Affine]) -> tuple[Axis, ...]:
    return tuple(Axis(f"%{position}", extent) for position, extent in enumerate(shape))


def reduced_axes(extents: Sequence[Affine]) -> tuple[Axis, ...]:
    return tuple(Axis(f"%r{position}", extent) for position, extent in enumerate(extents))


def symbols(axes: Sequence[Axis]) -> tuple[Affine, ...]:
    return tuple(Affine.symbol(axis.name) for axis in axes)


def load(operands: Sequence[TensorType], position: int, indices: Sequence[Affine]) -> Load:
    """An element of operand `position`."""
    return Load(str(position), tuple(indices), operands[position].dtype)


def formula(result: TensorType, body: Expression) -> Formula:
    return Formula(result_axes(result.shape), body)


def within(index: Affine, extent: Affine) -> tuple[Constraint, Constraint]:
    """`0 <= index < extent`."""
    return Constraint(index), Constraint(extent - index - 1)


def all_of(constraints: Sequence[Constraint]) -> Guard:
    return Guard.of(*dict.fromkeys(constraints))


def same_extents(left: Sequence[Affine], right: Sequence[Affine]) -> bool:
    """Whether two shapes are equal for all sizes, as canonical affine expressions."""
    return tuple(left) == tuple(right)
