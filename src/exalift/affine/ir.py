"""The affine program: the one IR of the compile side.

Loops are normalised: a loop runs from the largest of its lower bounds up to, exclusively, the
smallest of its upper bounds, by 1. A front end turns other directions and strides into
coefficients of the subscripts. Scalars are arrays of rank 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exalift.base import NO_SPAN, DType, Span

from .affine_expression import Affine
from .expressions import Expression
from .guards import ALWAYS, Guard


class Role(Enum):
    PARAMETER = "parameter"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Size:
    """An integer parameter that sizes things. Its value is at least `minimum`.

    `value` is set where the source fixes it (a macro, an extent) and a pass made it symbolic.
    `dtype` is the source's type; `is_parameter` says whether the function takes it.
    """

    name: str
    dtype: DType = DType.I32
    minimum: int = 1
    value: int | None = None
    is_parameter: bool = True


@dataclass(frozen=True, slots=True)
class Array:
    """Storage of `shape` (rank 0: a scalar). Arrays do not alias each other."""

    name: str
    dtype: DType
    shape: tuple[Affine, ...]
    role: Role = Role.PARAMETER
    span: Span = NO_SPAN


@dataclass(frozen=True, slots=True)
class Assign:
    """`array[indices] = value`. A compound assignment loads its own target inside `value`."""

    array: str
    indices: tuple[Affine, ...]
    value: Expression
    span: Span = NO_SPAN


@dataclass(frozen=True, slots=True)
class Loop:
    """`for (iv = max(lower); iv < min(upper); iv++) body`."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    body: tuple[Statement, ...]
    span: Span = NO_SPAN


@dataclass(frozen=True, slots=True)
class If:
    """A condition on indices. Conditions on data are `select` inside expressions."""

    guard: Guard
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()
    span: Span = NO_SPAN


Statement = Assign | Loop | If


@dataclass(frozen=True, slots=True)
class Program:
    """One function.

    `parameters` names the source's parameters in their order: sizes, and arrays of role PARAMETER
    (scalar parameters are arrays of rank 0, passed by value: `by_value` names those whose final
    contents nobody sees). `returns` is the returned value, read after the body, or None.
    `assumptions` are sentences that the lifting relies on, such as "no NaN reaches minimum".
    `constraints` hold for the sizes (from extents and from subscripts that must be in bounds).
    `globals` names those parameters that the source has as file-scope variables, not as its function's.
    """

    name: str
    parameters: tuple[str, ...]
    sizes: tuple[Size, ...]
    arrays: tuple[Array, ...]
    body: tuple[Statement, ...]
    returns: Expression | None = None
    by_value: frozenset[str] = frozenset()
    assumptions: tuple[str, ...] = ()
    constraints: Guard = ALWAYS
    span: Span = NO_SPAN
    globals: frozenset[str] = frozenset()

    def array(self, name: str) -> Array:
        """The array of that name; KeyError where there is none."""
        for array in self.arrays:
            if array.name == name:
                return array
        raise KeyError(name)
