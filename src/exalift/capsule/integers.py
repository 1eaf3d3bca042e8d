"""What a plan tells of the integers that it gives to a routine: the values that they can have.

A device that looks into loops needs it, since a place that is read or written is inside its array for those
values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.base import UsageError

from .model import Capsule
from .plan import Bounds, Call, Index, Loop, Step, Sweep


@dataclass(frozen=True, slots=True)
class Integer:
    """An i64 argument of a routine, by its place: `max(lower) <= value < min(upper)` in every call.

    Bounds name other integers of the routine as `integer_name` does, those before it in a list alone.
    """

    position: int
    lower: tuple[Index, ...]
    upper: tuple[Index, ...]


def integer_name(position: int) -> str:
    """What bounds call the argument at a place."""
    return f"arg{position}"


def integers_of(capsule: Capsule, routine: str) -> tuple[Integer, ...]:
    """The integers of a routine, each after those that its bounds name.

    Where several steps of the plan call it, the bounds are numbers that hold for all of them; where none
    does, there are no integers.
    """
    found = [_of_step(step, around) for step, around in _steps(capsule.plan) if step.routine == routine]
    if len(set(found)) <= 1:
        return found[0][0] if found else ()
    ranges = [dict(numbers) for _, numbers in found]
    # What one step gives as an integer and another one from an array is no integer.
    always = sorted(set(ranges[0]).intersection(*ranges))
    return tuple(
        _between(position, min(r[position][0] for r in ranges), max(r[position][1] for r in ranges))
        for position in always
    )


def check_integers(integers: Sequence[Integer], values: Sequence[int | None]) -> None:
    """Raise UsageError where `values`, by place (None for what is no integer), are outside their bounds."""
    known: dict[str, int] = {}
    for integer in integers:
        value = values[integer.position]
        if value is None:
            raise UsageError(f"argument {integer.position} must be an integer")
        low, high = Bounds(integer.lower, integer.upper).at(known)
        if not low <= value < high:
            raise UsageError(f"argument {integer.position} is {value}, outside {low} to {high}")
        known[integer_name(integer.position)] = value


_Range = tuple[int, int]
"""The least and the greatest value, both included."""


@dataclass(frozen=True, slots=True)
class _Around:
    """The loops around a step: counters, outermost first, with their bounds and the range of their values."""

    loops: tuple[tuple[str, Bounds], ...] = ()
    ranges: tuple[tuple[str, _Range], ...] = ()

    def inside(self, loop: Loop) -> _Around:
        known = dict(self.ranges)
        low, high = _widest(loop.bounds, known)
        return _Around(
            (*self.loops, (loop.counter, loop.bounds)), (*self.ranges, (loop.counter, (low, high - 1)))
        )


def _steps(plan: Sequence[Step]) -> list[tuple[Call | Sweep, _Around]]:
    found: list[tuple[Call | Sweep, _Around]] = []
    pending: list[tuple[Step, _Around]] = [(step, _Around()) for step in reversed(plan)]
    while pending:
        step, around = pending.pop()
        if isinstance(step, Loop):
            inner = around.inside(step)
            pending += [(below, inner) for below in reversed(step.body)]
        else:
            found.append((step, around))
    return found


def _of_step(
    step: Call | Sweep, around: _Around
) -> tuple[tuple[Integer, ...], tuple[tuple[int, _Range], ...]]:
    """The integers of one step, and the range of each."""
    shift = 2 if isinstance(step, Sweep) else 0
    ranges = dict(around.ranges)
    given = [(n + shift, o) for n, o in enumerate(step.operands) if isinstance(o, Index)]
    # The argument that is a counter as it is stands for it in bounds.
    named: dict[str, str] = {}
    places: dict[str, int] = {}
    for position, index in given:
        if index.constant == 0 and len(index.terms) == 1 and index.terms[0][1] == 1:
            counter = index.terms[0][0]
            if named.setdefault(counter, integer_name(position)) == integer_name(position):
                places[counter] = position
    integers: list[Integer] = []
    numbers: list[tuple[int, _Range]] = []
    for counter, bounds in around.loops:
        if counter in places:
            integers.append(_integer(places[counter], bounds, named, ranges))
            numbers.append((places[counter], ranges[counter]))
    for position, index in given:
        if position not in places.values():
            low, high = _range(index, ranges)
            integers.append(_between(position, low, high))
            numbers.append((position, (low, high)))
    if isinstance(step, Sweep):
        low, high = _widest(step.bounds, ranges)
        # Both are between the bounds, the end of the iterations included; the limit is behind the first.
        ends = Bounds(step.bounds.lower, tuple(Index(i.constant + 1, i.terms) for i in step.bounds.upper))
        first = _integer(0, ends, named, ranges)
        integers += [first, Integer(1, (Index(0, ((integer_name(0), 1),)),), first.upper)]
        numbers += [(0, (low, high)), (1, (low, high))]
    return tuple(integers), tuple(numbers)


def _integer(position: int, bounds: Bounds, named: dict[str, str], ranges: dict[str, _Range]) -> Integer:
    """Bounds in terms of the arguments; counters that are none of them at the value that widens most."""
    lower = tuple(_renamed(index, named, ranges, 0) for index in bounds.lower)
    return Integer(position, lower, tuple(_renamed(index, named, ranges, 1) for index in bounds.upper))


def _renamed(index: Index, named: dict[str, str], ranges: dict[str, _Range], end: int) -> Index:
    constant = index.constant
    terms: list[tuple[str, int]] = []
    for counter, factor in index.terms:
        if counter in named:
            terms.append((named[counter], factor))
        else:
            constant += factor * ranges[counter][end if factor > 0 else 1 - end]
    return Index(constant, tuple(terms))


def _between(position: int, low: int, high: int) -> Integer:
    return Integer(position, (Index(low),), (Index(high + 1),))


def _range(index: Index, ranges: dict[str, _Range]) -> _Range:
    low = high = index.constant
    for counter, factor in index.terms:
        ends = [factor * end for end in ranges[counter]]
        low, high = low + min(ends), high + max(ends)
    return low, high


def _widest(bounds: Bounds, ranges: dict[str, _Range]) -> _Range:
    """The least first iteration and the greatest end, which is not before it."""
    low = max(_range(index, ranges)[0] for index in bounds.lower)
    return low, max(low, min(_range(index, ranges)[1] for index in bounds.upper))
