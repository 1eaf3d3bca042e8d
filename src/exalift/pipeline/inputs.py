"""Random inputs for checks and measurements: ordinary ones, or such that a computation makes sense on them.

A Cholesky factor of a random matrix is NaN on every side and shows nothing; so a suite may ask for
definite matrices, and a check that sees the source itself overflow tries tamer inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Program, Role
from exalift.affine.algebra import Machine
from exalift.base import DType, UsageError

Contents = NDArray[np.generic]
_MACHINE = Machine()
_NO_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType({})


class Profile(Enum):
    """What arrays without a rule of their own hold, from rough to tame."""

    SIGNED = "floating point in [-1, 1), integers in [-8, 8)"
    POSITIVE = "floating point in [0.5, 1.5), integers in [1, 8)"
    DEFINITE = "square matrices symmetric and positive definite, the rest positive"


@dataclass(frozen=True, slots=True)
class InputRules:
    """What some inputs must be: the `inputs` table of a suite.

    definite: symmetric positive definite matrices. dominant: matrices with a large diagonal.
    zero: all zeros. ranges: uniform in [low, high); for integers low <= x < high.
    """

    definite: frozenset[str] = frozenset()
    dominant: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _NO_RANGES)

    @property
    def names(self) -> frozenset[str]:
        return self.definite | self.dominant | self.zero | frozenset(self.ranges)


@dataclass(frozen=True, slots=True)
class Variable:
    """A scalar (rank 0) or array that a program takes, at given sizes."""

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def is_scalar(self) -> bool:
        return not self.shape

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.bytes


def variables(program: Program, sizes: Mapping[str, int]) -> tuple[Variable, ...]:
    """The scalars and arrays that the source takes, in the order of its parameters."""
    arrays = {array.name: array for array in program.arrays if array.role is Role.PARAMETER}
    named = (arrays[name] for name in program.parameters if name in arrays)
    return tuple(Variable(a.name, a.dtype, tuple(e.at(sizes) for e in a.shape)) for a in named)


def random_inputs(
    wanted: Sequence[Variable],
    seed: int,
    rules: InputRules | None = None,
    profile: Profile = Profile.SIGNED,
) -> dict[str, Contents]:
    """Contents for every variable, by name; the same seed gives the same contents.

    Raises UsageError where a rule names no variable, or asks a matrix of something that is none.
    """
    rules = rules or InputRules()
    unknown = rules.names - {variable.name for variable in wanted}
    if unknown:
        raise UsageError(
            f"the input rules name {', '.join(sorted(unknown))}, which the function does not take"
        )
    generator = np.random.default_rng(seed)
    return {variable.name: _contents(generator, variable, rules, profile) for variable in wanted}


def _contents(
    generator: np.random.Generator, variable: Variable, rules: InputRules, profile: Profile
) -> Contents:
    name, dtype, shape = variable.name, variable.dtype, variable.shape
    kind = _MACHINE.storage(dtype)
    if name in rules.zero:
        return np.zeros(shape, kind)
    if name in rules.ranges:
        low, high = rules.ranges[name]
        return _uniform(generator, dtype, shape, low, high)
    square = len(shape) == 2 and shape[0] == shape[1] and dtype.is_float
    asks_matrix = name in rules.definite or name in rules.dominant
    if asks_matrix and not square:
        raise UsageError(f"the input rules want a square matrix, and {name} has shape {shape}")
    if name in rules.dominant:
        size = max(1, shape[0])
        matrix = generator.uniform(-1.0, 1.0, shape) / size + np.eye(shape[0]) * 2.0
        return matrix.astype(kind)
    if name in rules.definite or (square and profile is Profile.DEFINITE):
        factor = generator.uniform(-1.0, 1.0, shape)
        return (factor @ factor.T / max(1, shape[0]) + np.eye(shape[0])).astype(kind)
    if dtype.is_float:
        low, high = (-1.0, 1.0) if profile is Profile.SIGNED else (0.5, 1.5)
        return _uniform(generator, dtype, shape, low, high)
    return _uniform(generator, dtype, shape, -8 if profile is Profile.SIGNED else 1, 8)


def _uniform(
    generator: np.random.Generator, dtype: DType, shape: tuple[int, ...], low: float, high: float
) -> Contents:
    kind = _MACHINE.storage(dtype)
    if dtype is DType.I1:
        return generator.integers(0, 2, shape).astype(kind)
    if dtype.is_float:
        return generator.uniform(low, high, shape).astype(kind)
    if not dtype.is_signed:
        low = max(0, low)
    return generator.integers(int(low), max(int(high), int(low) + 1), shape).astype(kind)
