"""Scalar expressions: the right-hand sides of assignments, and the bodies of index notations.

One language serves both: an affine program computes with it, a dialect op's formula is written in
it, and so interpreter, search and prover read the same thing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from exalift.base import DType

from .affine_expression import Affine
from .functions import FUNCTIONS, Kind
from .guards import ALWAYS, Guard


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. Floating-point literals are kept as the exact rational value of the double (or
    float) that the source denotes; infinities, NaN and minus zero as Python floats.

    Zero and minus zero are two literals, though Python has them equal: one over them differs.
    """

    value: int | bool | float | Fraction
    dtype: DType

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant):
            return NotImplemented
        return self.dtype is other.dtype and same_literal(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.value, self.dtype))


def same_literal(first: int | bool | float | Fraction, second: int | bool | float | Fraction) -> bool:
    """Whether two numbers are equal, the signs of zeros included."""
    if first != second:
        return first is second
    return bool(first) or _negative_zero(first) == _negative_zero(second)


def _negative_zero(value: int | bool | float | Fraction) -> bool:
    return isinstance(value, float) and math.copysign(1, value) < 0


@dataclass(frozen=True, slots=True)
class IndexValue:
    """The value of an affine expression (sizes, induction variables, axes) used as data."""

    index: Affine
    dtype: DType


@dataclass(frozen=True, slots=True)
class GuardValue:
    """Whether a condition on indices holds, as an `i1`."""

    guard: Guard
    dtype: DType = DType.I1


@dataclass(frozen=True, slots=True)
class Load:
    """An element of an array; a scalar is an array of rank 0. An element out of bounds reads as 0
    inside an index notation, and is an error inside a program."""

    array: str
    indices: tuple[Affine, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Apply:
    """A scalar function (see `functions`) of operands. `select` evaluates to one of its operands only."""

    function: str
    operands: tuple[Expression, ...]
    dtype: DType

    def __post_init__(self) -> None:
        function = FUNCTIONS.get(self.function)
        if function is None:
            raise ValueError(f"unknown function {self.function!r}")
        if len(self.operands) != function.arity:
            raise ValueError(f"{self.function} takes {function.arity} operands, got {len(self.operands)}")
        if function.kind is Kind.COMPARISON and self.dtype is not DType.I1:
            raise ValueError(f"{self.function} gives i1, not {self.dtype}")


@dataclass(frozen=True, slots=True)
class Cast:
    """A conversion as C and `stablehlo.convert` define it: to i1 it is `!= 0`, float to integer truncates."""

    operand: Expression
    dtype: DType


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis that runs over `[0, extent)`."""

    name: str
    extent: Affine


@dataclass(frozen=True, slots=True)
class Reduce:
    """`body` combined by `function` over all points of `axes` that satisfy `guard`.

    An empty reduction is the function's identity. The order of combination is not defined.
    """

    function: str
    axes: tuple[Axis, ...]
    body: Expression
    dtype: DType
    guard: Guard = ALWAYS

    def __post_init__(self) -> None:
        if not FUNCTIONS[self.function].reduces:
            raise ValueError(f"{self.function} does not reduce")


Expression = Constant | IndexValue | GuardValue | Load | Apply | Cast | Reduce


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct sub-expressions."""
    match expression:
        case Apply(operands=operands):
            return operands
        case Cast(operand=operand):
            return (operand,)
        case Reduce(body=body):
            return (body,)
        case _:
            return ()
