"""From a difference to a counterexample that a person can run: small numbers, small sizes, the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from exalift.affine import Array, Program, Role, interpret
from exalift.affine.algebra import Machine, OtherDivision
from exalift.base import DType, ExaliftError, Span
from exalift.dialects import TensorProgram, evaluate_program
from exalift.dialects.stablehlo import IMPORTED
from exalift.proof import Counterexample

from .judgement import Contents, Number, Refutation, Sizes

_MACHINE = Machine()
_CLEAR = 1e-6
"""A difference this large, in relation to the larger of the two, is no rounding."""
_SINGLE = 1e-3
_DRAWS = 6


def refutation_of(
    source: Program, port: TensorProgram, found: Counterexample, sizes: Sizes
) -> Refutation | None:
    """A counterexample in machine numbers from one that a proof gave; source and port are at their sizes.

    Small whole numbers are tried first, since they are easier to follow. None where machine numbers show
    no clear difference.
    """
    for inputs in _candidates(source, found):
        refutation = difference(source, port, inputs, sizes)
        if refutation is not None:
            return refutation
    return None


def _candidates(source: Program, found: Counterexample) -> Iterator[dict[str, Contents]]:
    arrays = [array for array in source.arrays if array.role is Role.PARAMETER]
    for seed in range(_DRAWS):
        generator = np.random.default_rng(seed)
        yield {array.name: _small(array, generator, seed) for array in arrays}
    yield {array.name: _as_machine(array, found.inputs[array.name]) for array in arrays}


def _small(array: Array, generator: np.random.Generator, seed: int) -> Contents:
    """Small whole numbers: positive ones, then some of either sign."""
    shape = tuple(max(0, extent.constant) for extent in array.shape)
    low, high = (1, 5) if seed < _DRAWS // 2 or not array.dtype.is_signed else (-3, 4)
    if array.dtype is DType.I1:
        low, high = 0, 2
    return np.asarray(generator.integers(low, high, shape)).astype(_MACHINE.storage(array.dtype))


def _as_machine(array: Array, values: Contents) -> Contents:
    if not array.dtype.is_float:
        return values
    return np.asarray(values, dtype=np.float64).astype(_MACHINE.storage(array.dtype))


def difference(
    source: Program, port: TensorProgram, inputs: Mapping[str, Contents], sizes: Sizes
) -> Refutation | None:
    """The first element in which runs of both on these inputs clearly differ, and the line that wrote it."""
    last: dict[tuple[str, tuple[int, ...]], Span] = {}

    def observe(array: str, place: tuple[int, ...], span: Span) -> None:
        last[array, place] = span

    try:
        with np.errstate(all="ignore"):
            expected = interpret(source, inputs, {}, _MACHINE, observe)
            actual = evaluate_program(port, inputs, {}, _MACHINE, IMPORTED)
            again = evaluate_program(port, inputs, {}, OtherDivision(_MACHINE), IMPORTED)
    except (ExaliftError, ArithmeticError):
        return None
    types = {result.name: result.type.dtype for result in port.results}
    for name, value in actual.items():
        place = first_difference(expected[name], value, types[name])
        # What a division by 0 gives is the implementation's choice, and no difference.
        other = first_difference(expected[name], again[name], types[name])
        if place is not None and place == other:
            span = last.get((name, place))
            written = None if name == "return" else span is not None
            left, right = as_number(expected[name][place]), as_number(value[place])
            return Refutation(dict(sizes), dict(inputs), name, place, left, right, span, written)
    return None


def first_difference(expected: Contents, actual: Contents, dtype: DType) -> tuple[int, ...] | None:
    """The first place where two arrays of one shape differ by more than rounding explains.

    Only finite numbers count, and a number against a NaN or an infinity on the port's side.
    """
    if not dtype.is_float:
        apart = np.argwhere(np.asarray(expected != actual))
    else:
        left, right = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
        limit = _CLEAR if dtype is DType.F64 else _SINGLE if dtype is DType.F32 else 0.1
        largest = float(np.max(np.abs(left[np.isfinite(left)]), initial=0.0))
        with np.errstate(all="ignore"):
            far = np.abs(left - right) > limit * np.maximum(
                np.maximum(np.abs(left), np.abs(right)), 1e-3 * largest
            )
        apart = np.argwhere(np.isfinite(left) & (far | ~np.isfinite(right)))
    return tuple(int(i) for i in apart[0]) if len(apart) else None


def as_number(value: np.generic) -> Number:
    found = value.item()
    assert isinstance(found, int | float | bool)
    return found
