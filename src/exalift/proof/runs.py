"""Running source and lifted program side by side, and finding where they differ."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Array, Assign, If, Loop, Program, Role, Statement, interpret
from exalift.affine.algebra import Algebra, Machine, OtherDivision, Rational, Truth, Values, Wrapper
from exalift.base import DType, UsageError, VerificationError
from exalift.dialects import Dialect, TensorProgram, evaluate_program

from .samples import as_machine, as_rational
from .verdict import Counterexample, Number

# Arrays with more elements than this are not interpreted; it would take minutes.
_MOST_ELEMENTS = 1_000_000
# A machine result this far off, in relation to the largest, is no rounding.
_CLEAR_DIFFERENCE = 1e-6


class OutOfTime(Exception):
    """The deadline of a run has passed."""


class IllFormed(Exception):
    """The lifted program cannot run at these sizes, though the source can."""


class Inadmissible(Exception):
    """The source itself cannot run at these sizes."""


class TimedAlgebra(Wrapper):
    """Another algebra, with a look at the clock at every operation."""

    def __init__(self, algebra: Algebra, deadline: float) -> None:
        super().__init__(algebra)
        self.deadline = deadline

    def _look(self) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfTime

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        self._look()
        return super().apply(function, operands, operand_dtype, dtype)

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        self._look()
        return super().reduce(function, value, axes, dtype)


class WatchedRational(Rational):
    """Rationals that remember whether something was divided by 0, where their answer is a convention."""

    def __init__(self) -> None:
        self.divided_by_zero = False

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        if operand_dtype.is_float and function in ("divide", "remainder", "power"):
            self.divided_by_zero |= bool(np.any(np.equal(operands[1 if function != "power" else 0], 0)))
        return super().apply(function, operands, operand_dtype, dtype)


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a lifted program that is said to be the same.

    What is compared: the returned value, and the final contents of every array parameter that the
    source may write. An array that the lifted program does not give is taken to be unchanged.
    """

    source: Program
    lifted: TensorProgram
    dialect: Dialect

    @property
    def parameters(self) -> tuple[Array, ...]:
        return tuple(array for array in self.source.arrays if array.role is Role.PARAMETER)

    def observed(self) -> tuple[tuple[str, DType], ...]:
        """Names and element types of what is compared, the returned value first."""
        written = _written(self.source.body)
        found = [("return", self.source.returns.dtype)] if self.source.returns is not None else []
        given = {result.name for result in self.lifted.results}
        found += [
            (array.name, array.dtype)
            for array in self.parameters
            if (array.name in written and array.name not in self.source.by_value) or array.name in given
        ]
        return tuple(found)

    def check(self) -> None:
        """Raises UsageError where arguments or results do not fit the source."""
        names = {array.name for array in self.parameters}
        sizes = {size.name for size in self.source.sizes}
        given = {result.name for result in self.lifted.results}
        for argument in self.lifted.arguments:
            if argument.name not in names:
                raise UsageError(f"{self.lifted.name}: the source has no parameter {argument.name!r}")
        for size in self.lifted.sizes:
            if size not in sizes:
                raise UsageError(f"{self.lifted.name}: the source has no size {size!r}")
        for result in sorted(given - names - {"return"}):
            raise UsageError(f"{self.lifted.name}: the source has no result {result!r}")
        if ("return" in given) != (self.source.returns is not None):
            raise UsageError(f"{self.lifted.name}: only one of the two programs returns a value")

    def run_source(
        self, inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
    ) -> dict[str, Values]:
        """Raises Inadmissible for an access out of bounds."""
        elements = sum(array.size for array in inputs.values())
        if elements > _MOST_ELEMENTS:
            raise Inadmissible(f"{elements} elements are too many to interpret")
        try:
            results = interpret(self.source, inputs, sizes, algebra)
        except VerificationError as error:
            raise Inadmissible(str(error)) from error
        return {name: results[name] for name, _ in self.observed()}

    def run_lifted(
        self, inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
    ) -> dict[str, Values]:
        """Raises IllFormed where shapes do not fit, UsageError for an op without a formula."""
        try:
            results = evaluate_program(self.lifted, inputs, sizes, algebra, self.dialect)
        except (VerificationError, ValueError, KeyError, IndexError) as error:
            raise IllFormed(str(error)) from error
        return {name: results.get(name, inputs.get(name, _ABSENT)) for name, _ in self.observed()}

    def difference(
        self, inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra, deadline: float
    ) -> Counterexample | None:
        """The first element in which a run of both differs, in the algebra's own sense of equality.

        The lifted program is answered otherwise where it divides an integer by 0: it may do so only where the
        source does, and then all that the source makes of it does not count.
        """
        timed = TimedAlgebra(algebra, deadline)
        other = OtherDivision(timed)
        expected = self.run_source(inputs, sizes, timed)
        actual = self.run_lifted(inputs, sizes, other)
        again = self.run_source(inputs, sizes, OtherDivision(timed)) if other.asked else None
        for name, dtype in self.observed():
            left, right = expected[name], actual[name]
            if left.shape != right.shape:
                raise IllFormed(f"{name} has shape {right.shape}, expected {left.shape}")
            apart = ~algebra.equal(left, right, dtype)
            if again is not None:
                apart &= algebra.equal(left, again[name], dtype)
            differs = np.argwhere(apart)
            if len(differs):
                place = tuple(int(i) for i in differs[0])
                values = _number(left[place]), _number(right[place])
                return Counterexample(dict(sizes), dict(inputs), name, place, *values, algebra.name)
        return None

    def confirmed(
        self, inputs: Mapping[str, Values], sizes: Mapping[str, int], deadline: float, *, field_differs: bool
    ) -> Counterexample | None:
        """Whether the programs truly differ on machine inputs, and are not only rounded differently.

        Exact rationals decide where they can (no irrational function, no division by 0). Elsewhere a
        clear difference between machine results does, for floating point only together with a
        difference in the prime field, which does not round.
        """
        exact = WatchedRational()
        try:
            found = self.difference(as_rational(self.parameters, inputs), sizes, exact, deadline)
            if found is None or not exact.divided_by_zero:
                return found
        except (UsageError, OverflowError):
            pass
        found = self.difference(inputs, sizes, _Coarse(), deadline)
        if found is None or not (field_differs or self._exact_on_machines()):
            return None
        return found

    def _exact_on_machines(self) -> bool:
        return not any(array.dtype.is_float for array in self.source.arrays)

    def confirmed_exact(
        self, inputs: Mapping[str, Values], sizes: Mapping[str, int], deadline: float
    ) -> Counterexample | None:
        """As `confirmed`, for rational inputs."""
        exact = WatchedRational()
        try:
            found = self.difference(inputs, sizes, exact, deadline)
            if found is None or not exact.divided_by_zero:
                return found
        except UsageError:
            pass
        machine = as_machine(self.parameters, inputs)
        return self.difference(machine, sizes, _Coarse(), deadline)


class _Coarse(Machine):
    """Machine numbers whose equality overlooks whatever rounding may have done."""

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        if not dtype.is_float:
            return super().equal(left, right, dtype)
        with np.errstate(all="ignore"):
            first, second = left.astype(np.float64), right.astype(np.float64)
            scale = _largest(first, second)
            close = np.abs(first - second) <= max(_CLEAR_DIFFERENCE, float(np.finfo(np.float32).eps)) * scale
            same = (first == second) | (np.isnan(first) & np.isnan(second))
            return np.asarray(same | (np.isfinite(first) & np.isfinite(second) & close))


def _largest(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    both = np.concatenate([first.ravel(), second.ravel()])
    return float(np.max(np.abs(both[np.isfinite(both)]), initial=0.0))


_ABSENT: Values = np.zeros((0, 0, 0))


def _number(value: object) -> Number:
    """An element as a Python number."""
    match value:
        case Fraction() | bool() | int() | float():
            return value
        case np.bool_():
            return bool(value)
        case np.integer():
            return int(value)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return float(value)  # pyright: ignore[reportArgumentType]


def _written(body: Sequence[Statement]) -> frozenset[str]:
    found: set[str] = set()
    pending = list(body)
    while pending:
        match pending.pop():
            case Assign(array):
                found.add(array)
            case Loop(body=inner):
                pending += inner
            case If(then=then, otherwise=otherwise):
                pending += then + otherwise
    return frozenset(found)
