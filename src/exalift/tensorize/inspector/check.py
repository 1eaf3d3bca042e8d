"""Is a sum, as an instruction will compute it, the sum that was written?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from exalift.affine import Affine, Axis, Formula, evaluate, substitute
from exalift.affine.algebra import PrimeField

from .read import ONES, Reading

_WINDOW = 3
_LARGEST = 1 << 25


def check_reading(reading: Reading, seed: int = 0) -> bool | None:
    """Compare both formulas exactly, in a prime field, on random operands at the reading's own sizes.

    The result is compared whole where it is small, else on windows of at most three elements an axis: at its
    first corner, at its last one, and at a random place. Sums are always whole. Unequal polynomials agree on
    one element with probability below 2^-20. None where the operands are too large to make (over 2^25
    elements), which is no confirmation.
    """
    contraction = reading.contraction
    if max(math.prod(access.shape) for access in (contraction.lhs, contraction.rhs)) > _LARGEST:
        return None
    field, generator = PrimeField(), np.random.default_rng(seed)
    arrays = {
        reading.lhs: field.random(generator, contraction.lhs.shape, contraction.lhs.dtype),
        reading.rhs: field.random(generator, contraction.rhs.shape, contraction.rhs.dtype),
    }
    arrays[ONES] = field.constant(1, contraction.rhs.dtype)
    operands = contraction.epilogue.operands if contraction.epilogue else ()
    for name, (_, access) in zip(reading.extra, operands, strict=True):
        if name not in arrays:
            arrays[name] = field.random(generator, access.shape, access.dtype)
    both = {**arrays, "lhs": arrays[reading.lhs], "rhs": arrays[reading.rhs]}
    for start in _starts(reading.before, generator):
        before = evaluate(_window(reading.before, start), arrays, {}, field)
        after = evaluate(_window(reading.after, start), both, {}, field)
        if not np.all(field.equal(before, after, reading.before.body.dtype)):
            return False
    return True


def _starts(formula: Formula, generator: np.random.Generator) -> Iterator[dict[str, int]]:
    """Where windows begin: once at every axis's start, once at its end, once anywhere."""
    room = {axis.name: max(0, axis.extent.constant - _WINDOW) for axis in formula.axes}
    yield dict.fromkeys(room, 0)
    if any(room.values()):
        yield room
        yield {name: int(generator.integers(0, most, endpoint=True)) for name, most in room.items()}


def _window(formula: Formula, start: dict[str, int]) -> Formula:
    """The formula on a window of its axes, in counters of the window's own."""
    moved = {axis.name: Affine.symbol(f"{axis.name}'") + start[axis.name] for axis in formula.axes}
    axes = tuple(
        Axis(f"{axis.name}'", Affine.of(min(_WINDOW, axis.extent.constant))) for axis in formula.axes
    )
    return Formula(axes, substitute(formula.body, moved))
