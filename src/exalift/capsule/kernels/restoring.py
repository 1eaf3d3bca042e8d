"""Frames that come from strangers, checked before any device goes on from them.

A frame says at which yield point each work-item stands and what its loop variables were. These end up in
subscripts that were proved to be within bounds for values that a run can have; so no others may come in.
What registers hold is data, and may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from exalift.base import UsageError

from .frames import POINT_DONE, Frame
from .index import Index
from .ir import For, Kernel, Range, Statement, Yield, has_yield
from .schedule import Position, Schedule

Array = NDArray[np.generic]
_Numbers = NDArray[np.int64]


def check_stopped(
    kernel: Kernel, parameters: Mapping[str, int], position: Position, scratch: Mapping[str, Array]
) -> None:
    """Raise UsageError for a position and scratch (by the buffers' names) that no run can have left.

    Work-items that a run has not started are not told from others: a frame's places are all checked.
    """
    schedule = Schedule(kernel, parameters)
    schedule.check(position)
    placed = schedule.nest_at(position)
    if placed is None or placed.frame is None or not position.passed:
        return
    frame = placed.frame
    point = scratch[frame.point.name].astype(np.int64)
    passed = scratch[frame.passed.name].astype(np.int64)
    if ((point < POINT_DONE) | (point > frame.points)).any() or (passed < 0).any():
        raise UsageError(f"{kernel.name}: a work-item stands at a yield point that there is not")
    values = schedule.values_at(position)
    for number, loops in enumerate(_loops_around_yields(placed.nest.body), 1):
        _check_variables(kernel, frame, loops, values, point == number, scratch)


def _check_variables(
    kernel: Kernel,
    frame: Frame,
    loops: tuple[Range, ...],
    outside: Mapping[str, int],
    here: NDArray[np.bool_],
    scratch: Mapping[str, Array],
) -> None:
    values: dict[str, _Numbers] = {name: np.asarray(value, np.int64) for name, value in outside.items()}
    names = {saved.name: saved.buffer.name for saved in frame.saved if saved.loop}
    for range in loops:
        mine = scratch[names[range.name]][here].astype(np.int64)
        for bound in range.lower:
            if (mine < _at(bound, values)).any():
                raise UsageError(f"{kernel.name}: a work-item has {range.name} below its loop's range")
        for bound in range.upper:
            if (mine >= _at(bound, values)).any():
                raise UsageError(f"{kernel.name}: a work-item has {range.name} above its loop's range")
        values[range.name] = mine


def _at(index: Index, values: Mapping[str, _Numbers]) -> _Numbers:
    """The expression for all work-items; the recursion is over the nesting of quotients."""
    result = np.asarray(index.constant, np.int64)
    for atom, coefficient in index.terms:
        piece = values[atom] if isinstance(atom, str) else _at(atom.numerator, values) // atom.denominator
        result = result + piece * coefficient
    return result


def _loops_around_yields(body: tuple[Statement, ...]) -> list[tuple[Range, ...]]:
    """For each yield, in the order of the text, the loops of the nest around it; no yield is in an `if`. The
    recursion is over the nesting of loops."""
    found: list[tuple[Range, ...]] = []

    def walk(statements: tuple[Statement, ...], around: tuple[Range, ...]) -> None:
        for statement in statements:
            if isinstance(statement, Yield):
                found.append(around)
            elif isinstance(statement, For) and has_yield(statement.body):
                walk(statement.body, (*around, statement.range))

    walk(body, ())
    return found
