"""How far a job is: its plan's iterations behind its cursor, against all of them.

An iteration of a sweep and a call count alike, whatever they cost. Loops with bounds that follow the loops
around are summed by Simpson's rule, so the numbers of such plans are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exalift.capsule import Call, Capsule, Cursor, Loop, Step, Sweep

_SIMPSON_DEPTH = 3
"""Loops nested deeper than this are taken at their middle iteration, so that no plan takes long to sum."""

_MANY_STEPS = 256
_RATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Level:
    """A loop that the cursor is inside: its counter (a sweep's routine), and where it stands."""

    name: str
    value: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Progress:
    """done and total: iterations, or estimates of their number. rate: of them a second, lately.

    step: the plan's step that comes next, of `steps`. levels: the loops around, outermost first.
    """

    done: float
    total: float
    rate: float
    step: int
    steps: int
    levels: tuple[Level, ...] = ()

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


def work(steps: Sequence[Step], counters: Mapping[str, int], depth: int = 0) -> float:
    """The iterations of steps, at the counters of the loops around. Recurses into loops, whose depth
    `check_capsule` bounds."""
    return sum(_work_of(step, counters, depth) for step in steps)


def _work_of(step: Step, counters: Mapping[str, int], depth: int) -> float:
    if isinstance(step, Call):
        return 1.0
    first, end = step.bounds.at(counters)
    if isinstance(step, Sweep):
        return float(max(0, end - first))
    return _work_between(step, counters, first, end, depth)


def _work_between(loop: Loop, counters: Mapping[str, int], first: int, end: int, depth: int) -> float:
    """The iterations inside those of a loop from `first` to `end`, exclusive."""
    if end <= first:
        return 0.0
    # Both sides of the middle, which keeps sums of what is linear in the counter exact.
    low, high = (first + end - 1) // 2, (first + end) // 2
    points = (first, low, low, high, high, end - 1) if depth < _SIMPSON_DEPTH else (low,)
    values = {at: work(loop.body, {**counters, loop.counter: at}, depth + 1) for at in set(points)}
    return (end - first) * sum(values[at] for at in points) / len(points)


def _start_depth(plan: Sequence[Step]) -> int:
    """Where the depth of loops is counted from: long plans are summed at middle iterations alone."""
    count, pending = 0, list(plan)
    while pending and count <= _MANY_STEPS:
        step = pending.pop()
        count += 1
        if isinstance(step, Loop):
            pending.extend(step.body)
    return _SIMPSON_DEPTH if count > _MANY_STEPS else 0


def total_work(capsule: Capsule) -> float:
    """The iterations of the whole plan, or an estimate of their number."""
    return work(capsule.plan, {}, _start_depth(capsule.plan))


def locate(capsule: Capsule, cursor: Cursor, total: float) -> Progress:
    """Where a cursor of a capsule is, `total` being the work of its whole plan."""
    steps: Sequence[Step] = capsule.plan
    counters: dict[str, int] = {}
    done, levels = 0.0, list[Level]()
    for depth, position in enumerate(cursor.positions, _start_depth(capsule.plan)):
        done += work(steps[:position], counters, depth)
        if len(levels) >= len(cursor.counters) or position >= len(steps):
            break
        step, value = steps[position], cursor.counters[len(levels)]
        if isinstance(step, Call):
            break
        first, end = step.bounds.at(counters)
        if isinstance(step, Sweep):
            levels.append(Level(step.routine, value, first, end))
            done += value - first
            break
        levels.append(Level(step.counter, value, first, end))
        done += _work_between(step, counters, first, value, depth)
        counters[step.counter] = value
        steps = step.body
    return Progress(min(done, total), total, 0.0, cursor.positions[0], len(capsule.plan), tuple(levels))


@dataclass(slots=True)
class Meter:
    """The progress of one job, from the cursors that its workers tell; its rate is a mean that forgets."""

    capsule: Capsule
    total: float
    place: Progress | None = None
    time: float = 0.0
    rate: float = 0.0

    @staticmethod
    def of(capsule: Capsule) -> Meter:
        return Meter(capsule, total_work(capsule))

    def note(self, cursor: Cursor, now: float) -> None:
        """A worker said at `now`, in seconds, that the job is at a cursor."""
        place = locate(self.capsule, cursor, self.total)
        if self.place is not None and now > self.time:
            passed = now - self.time
            newest = max(0.0, place.done - self.place.done) / passed
            kept = 2.0 ** (-passed / _RATE_SECONDS) if self.rate else 0.0
            self.rate = kept * self.rate + (1.0 - kept) * newest
        self.place, self.time = place, now

    def at_end(self) -> Progress:
        """The progress of a job that is done."""
        return Progress(self.total, self.total, 0.0, len(self.capsule.plan), len(self.capsule.plan))

    def progress(self, *, moving: bool) -> Progress:
        """What is known now; no rate where the job does not run."""
        place = self.place or Progress(0.0, self.total, 0.0, 0, len(self.capsule.plan))
        rate = self.rate if moving else 0.0
        return Progress(place.done, place.total, rate, place.step, place.steps, place.levels)
