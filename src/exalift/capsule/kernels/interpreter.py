"""Kernels run on NumPy arrays, all work-items of a nest at once: the meaning that devices are held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

from .frames import POINT_DONE, Frame, PlacedNest, points_of
from .index import Index, Quotient
from .ir import (
    Apply,
    Assign,
    Constraint,
    Convert,
    Declare,
    Expression,
    For,
    Holds,
    If,
    IndexValue,
    Literal,
    Load,
    Register,
    Statement,
    Store,
    Yield,
    children,
)
from .numbers import Values, apply, convert, native
from .schedule import Launch

Array = NDArray[np.generic]
_Grid = int | NDArray[np.int64]
_Mask = NDArray[np.bool_]


class _Stopped(Exception):
    """The work-items have come to the yield at which they stop."""


def run_launch(placed: PlacedNest, launch: Launch, arrays: Mapping[str, Array]) -> None:
    """Run one launch; `arrays` are the buffers by name, those of frames too, and are changed in place."""
    items = launch.items
    places = np.unravel_index(np.arange(items), launch.extents) if launch.extents else ()
    frame = placed.frame
    numbers = np.zeros(items, np.int64)
    if frame is not None and frame.extents:
        numbers = np.ravel_multi_index(places, frame.extents)
    groups = [np.arange(items)]
    if frame is not None and not launch.fresh:
        groups = _groups(frame, numbers, arrays)
    for group in groups:
        grids: dict[str, _Grid] = dict(launch.variables)
        for axis, origin, place in zip(placed.nest.axes, launch.origin, places, strict=True):
            grids[axis.name] = np.asarray(place[group], np.int64) + origin
        run = _Run(arrays, grids, len(group), frame, numbers[group], launch.stop)
        run.start(placed.nest.body, launch.fresh)


def _groups(frame: Frame, numbers: NDArray[np.int64], arrays: Mapping[str, Array]) -> list[NDArray[np.int64]]:
    """The unfinished work-items, those that stand at one point of one iteration together."""
    loops = [saved.buffer for saved in frame.saved if saved.loop]
    keys = np.stack([arrays[b.name][numbers].astype(np.int64) for b in (frame.point, frame.passed, *loops)])
    _, inverse = np.unique(keys, axis=1, return_inverse=True)
    found = [np.flatnonzero(inverse.ravel() == which) for which in range(int(inverse.max(initial=-1)) + 1)]
    return [group for group in found if keys[0, group[0]] != POINT_DONE]


@dataclass(slots=True)
class _Run:
    """Some work-items that pass the same yield points."""

    arrays: Mapping[str, Array]
    grids: dict[str, _Grid]
    items: int
    frame: Frame | None
    numbers: NDArray[np.int64]
    stop: int
    point: int = 0
    passed: int = 0

    def start(self, body: tuple[Statement, ...], fresh: bool) -> None:
        registers: dict[str, Values] = {}
        frame = self.frame
        if frame is not None and not fresh:
            first = self.numbers[0]
            self.point = int(self.arrays[frame.point.name][first])
            self.passed = int(self.arrays[frame.passed.name][first])
            if self.passed >= self.stop:
                return
            for saved in frame.saved:
                if saved.loop:
                    self.grids[saved.name] = int(self.arrays[saved.buffer.name][first])
                else:
                    registers[saved.name] = self.arrays[saved.buffer.name][self.numbers]
        try:
            self.block(body, registers, None, 0)
        except _Stopped:
            self._save(registers)
            return
        if frame is not None:
            self.arrays[frame.point.name][self.numbers] = POINT_DONE

    def _save(self, registers: Mapping[str, Values]) -> None:
        frame = self.frame
        assert frame is not None
        self.arrays[frame.point.name][self.numbers] = self.point
        self.arrays[frame.passed.name][self.numbers] = self.passed
        for saved in frame.saved:
            value = self.grids.get(saved.name, 0) if saved.loop else registers.get(saved.name, 0)
            self.arrays[saved.buffer.name][self.numbers] = value

    def block(
        self, body: tuple[Statement, ...], registers: dict[str, Values], mask: _Mask | None, before: int
    ) -> None:
        """Run statements where `mask` holds. `before`: yields in front of them. Until the yield is found at
        which the work-items stand (`point`), everything is skipped. The recursion is over the nesting."""
        for statement in body:
            inside = points_of((statement,))
            if self.point and not before < self.point <= before + inside:
                before += inside
                continue
            match statement:
                case Declare(name, dtype, value):
                    fresh = np.empty(self.items, native(dtype))
                    fresh[...] = self.value(value, registers, mask)
                    registers[name] = fresh
                case Assign(name, value):
                    made = self.value(value, registers, mask)
                    kept = made if mask is None else np.where(mask, made, registers[name])
                    registers[name] = np.broadcast_to(kept, (self.items,))
                case Store(buffer, indices, value):
                    self._store(self.arrays[buffer], indices, self.value(value, registers, mask), mask)
                case If(constraints, inner):
                    holds = np.broadcast_to(self._holds(constraints), (self.items,))
                    holds = holds if mask is None else holds & mask
                    if holds.any():
                        self.block(inner, registers, None if holds.all() else holds, before)
                case Yield():
                    self._yield(before + 1)
                case For():
                    self._loop(statement, registers, mask, before)
                case _:
                    assert_never(statement)
            before += inside

    def _yield(self, number: int) -> None:
        if self.point:
            self.point = 0
            return
        self.passed += 1
        if self.passed >= self.stop:
            self.point = number
            raise _Stopped

    def _loop(self, loop: For, registers: dict[str, Values], mask: _Mask | None, before: int) -> None:
        name = loop.range.name
        lows = [np.asarray(self.at(bound)) for bound in loop.range.lower]
        highs = [np.asarray(self.at(bound)) for bound in loop.range.upper]
        low, high = _fold(np.maximum, lows), _fold(np.minimum, highs)
        if not self.items:
            return
        first = int(self.grids[name]) if self.point else int(low.min())  # type: ignore[arg-type]
        uniform = low.ndim == 0 and high.ndim == 0
        for value in range(first, int(high.max())):
            self.grids[name] = value
            inside = mask
            if not uniform:
                here = np.broadcast_to((low <= value) & (value < high), (self.items,))
                inside = here if mask is None else here & mask
                if not inside.any():
                    continue
                inside = None if inside.all() else inside
            self.block(loop.body, registers, inside, before)

    def at(self, index: Index) -> _Grid:
        result: _Grid = index.constant
        for atom, coefficient in index.terms:
            match atom:
                case str():
                    piece = self.grids[atom]
                case Quotient(numerator, denominator):
                    piece = self.at(numerator) // denominator
            result = result + piece * coefficient
        return result

    def _holds(self, constraints: tuple[Constraint, ...]) -> _Mask:
        result: _Mask = np.asarray(True)
        for constraint in constraints:
            value = self.at(constraint.index)
            result = result & (np.equal(value, 0) if constraint.equality else np.greater_equal(value, 0))
        return np.asarray(result)

    def _store(self, array: Array, indices: tuple[Index, ...], value: Values, mask: _Mask | None) -> None:
        places = [np.broadcast_to(np.asarray(self.at(index)), (self.items,)) for index in indices]
        values = np.broadcast_to(value, (self.items,))
        if mask is not None:
            places, values = [place[mask] for place in places], values[mask]
        if not places:
            # Of several work-items that write a scalar there is one only, or none.
            if len(values):
                array[()] = values[-1]
        else:
            array[tuple(places)] = values

    def value(self, root: Expression, registers: Mapping[str, Values], mask: _Mask | None) -> Values:
        """An expression for all work-items; iterative."""
        values: dict[int, Values] = {}
        stack: list[tuple[Expression, bool]] = [(root, False)]
        while stack:
            here, expanded = stack.pop()
            below = children(here)
            if below and not expanded:
                stack.append((here, True))
                stack += [(child, False) for child in below]
            else:
                values[id(here)] = self._one(here, [values[id(child)] for child in below], registers, mask)
        return values[id(root)]

    def _one(
        self,
        expression: Expression,
        below: list[Values],
        registers: Mapping[str, Values],
        mask: _Mask | None,
    ) -> Values:
        match expression:
            case Literal(value, dtype):
                return np.asarray(value).astype(native(dtype))
            case Register(name):
                return registers[name]
            case IndexValue(index, dtype):
                return np.asarray(self.at(index), np.int64).astype(native(dtype))
            case Holds(constraints):
                return self._holds(constraints)
            case Load():
                return self._load(expression, mask)
            case Convert(_, dtype):
                return convert(below[0], dtype)
            case Apply(function):
                return apply(function, below)
            case _:
                assert_never(expression)

    def _load(self, load: Load, mask: _Mask | None) -> Values:
        array = self.arrays[load.buffer]
        if not load.indices:
            return array
        places = [np.asarray(self.at(index)) for index in load.indices]
        if not load.checked and mask is None:
            return np.asarray(array[tuple(places)])
        inside: _Mask = np.asarray(True)
        for position, (place, extent) in enumerate(zip(places, array.shape, strict=True)):
            inside = inside & (place >= 0) & (place < extent)
            places[position] = place.clip(0, max(0, extent - 1))
        if not array.size:
            return np.zeros((), native(load.dtype))
        return np.where(inside, array[tuple(places)], np.zeros((), native(load.dtype)))


def _fold(function: np.ufunc, values: list[NDArray[np.generic]]) -> NDArray[np.int64]:
    result = values[0]
    for value in values[1:]:
        result = np.asarray(function(result, value))
    return np.asarray(result, np.int64)


def zeros(dtype: DType, shape: tuple[int, ...]) -> Array:
    """What an array of a kernel starts as."""
    return np.zeros(shape, native(dtype))
