"""Where a job stands in its plan, and how it goes on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exalift.base import UsageError

from .model import Capsule
from .plan import Call, Loop, Step, Sweep

_MOST_KERNEL_NUMBERS = 64
# Loops without iterations are walked through in portions, so that no plan can hold a worker up.
_PORTION = 10_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A yield point, the same on every device.

    positions: of the step in the plan, then in the body of the loop that it is, and so on inwards.
    counters: of the loops around, outermost first; and, if the step is a sweep that has begun, the
    iteration that comes next. limit and kernel: where a kernel stopped in the middle of a step, its own
    cursor, and (for a sweep) the end of the piece that it was given.
    """

    positions: tuple[int, ...] = (0,)
    counters: tuple[int, ...] = ()
    limit: int = 0
    kernel: tuple[int, ...] = ()


START = Cursor()


@dataclass(frozen=True, slots=True)
class Leaf:
    """The step that comes next. For a sweep, the iterations that are left: `first` to `end`, exclusive."""

    step: Call | Sweep
    counters: Mapping[str, int]
    first: int = 0
    end: int = 0


@dataclass(slots=True)
class _Frame:
    """Steps that are being run: of the plan, or of a loop's body at one iteration."""

    steps: Sequence[Step]
    position: int
    counter: str = ""
    value: int = 0
    end: int = 0


class Walk:
    """A walk over a plan: it knows the step that comes next, and moves past it when told.

    Raises UsageError for a cursor that is no place in the plan, since cursors come from files.
    """

    def __init__(self, capsule: Capsule, cursor: Cursor = START) -> None:
        self._frames = [_Frame(capsule.plan, 0)]
        self._sweep: int | None = None
        self._limit, self._kernel = cursor.limit, cursor.kernel
        self._restore(cursor)

    def _restore(self, cursor: Cursor) -> None:
        if not cursor.positions or len(cursor.counters) > len(cursor.positions):
            raise UsageError("the cursor is no place in the plan")
        for depth, position in enumerate(cursor.positions):
            frame = self._frames[-1]
            if not 0 <= position <= len(frame.steps):
                raise UsageError(f"the cursor names step {position} of {len(frame.steps)}")
            frame.position = position
            if depth + 1 < len(cursor.positions):
                self._enter(frame, cursor, depth)
        if len(cursor.counters) == len(cursor.positions):
            self._sweep = self._checked_sweep(cursor.counters[-1])
        elif len(cursor.counters) != len(cursor.positions) - 1:
            raise UsageError("the cursor does not have one counter for each loop")
        self._check_kernel(cursor)

    def _enter(self, frame: _Frame, cursor: Cursor, depth: int) -> None:
        step = frame.steps[frame.position] if frame.position < len(frame.steps) else None
        if not isinstance(step, Loop) or depth >= len(cursor.counters):
            raise UsageError(f"the cursor enters step {frame.position}, which is not a loop")
        first, end = step.bounds.at(self._counters())
        value = cursor.counters[depth]
        if not first <= value < end:
            raise UsageError(f"the cursor has {step.counter} = {value}, outside {first} to {end}")
        self._frames.append(_Frame(step.body, 0, step.counter, value, end))

    def _checked_sweep(self, value: int) -> int:
        frame = self._frames[-1]
        step = frame.steps[frame.position] if frame.position < len(frame.steps) else None
        if not isinstance(step, Sweep):
            raise UsageError(f"the cursor is inside step {frame.position}, which is not a sweep")
        first, end = step.bounds.at(self._counters())
        if not first <= value < end:
            raise UsageError(f"the cursor is at iteration {value}, outside {first} to {end}")
        return value

    def _check_kernel(self, cursor: Cursor) -> None:
        if not cursor.kernel:
            if cursor.limit:
                raise UsageError("the cursor has the end of a piece, and no kernel's cursor")
            return
        frame = self._frames[-1]
        step = frame.steps[frame.position] if frame.position < len(frame.steps) else None
        if not isinstance(step, Call | Sweep) or len(cursor.kernel) > _MOST_KERNEL_NUMBERS:
            raise UsageError("the cursor is inside a kernel where the plan has none")
        if isinstance(step, Sweep):
            _, end = step.bounds.at(self._counters())
            if self._sweep is None or not self._sweep < cursor.limit <= end:
                raise UsageError(f"the cursor has a piece that ends at {cursor.limit}, after {end}")

    def _counters(self) -> dict[str, int]:
        return {frame.counter: frame.value for frame in self._frames[1:]}

    @property
    def cursor(self) -> Cursor:
        """The place now. At the end it is the position after the last step."""
        counters = [frame.value for frame in self._frames[1:]]
        if self._sweep is not None:
            counters.append(self._sweep)
        return Cursor(
            tuple(frame.position for frame in self._frames), tuple(counters), self._limit, self._kernel
        )

    @property
    def finished(self) -> bool:
        return len(self._frames) == 1 and self._frames[0].position == len(self._frames[0].steps)

    def settle(self) -> Leaf | None:
        """Walk to the next step that computes. None at the end, or when a portion of steps without work is
        through, so a walk that is not `finished` is settled again after a yield."""
        for _ in range(_PORTION):
            frame = self._frames[-1]
            if frame.position == len(frame.steps):
                if len(self._frames) == 1:
                    return None
                self._next_iteration()
                continue
            step = frame.steps[frame.position]
            if isinstance(step, Call):
                return Leaf(step, self._counters())
            first, end = step.bounds.at(self._counters())
            if first >= end:
                frame.position += 1
            elif isinstance(step, Sweep):
                return Leaf(step, self._counters(), first if self._sweep is None else self._sweep, end)
            else:
                self._frames.append(_Frame(step.body, 0, step.counter, first, end))
        return None

    def _next_iteration(self) -> None:
        frame = self._frames[-1]
        frame.position, frame.value = 0, frame.value + 1
        if frame.value == frame.end:
            self._frames.pop()
            self._frames[-1].position += 1

    def past(self, reached: int | None = None) -> None:
        """Move past the step; or, for a sweep, on to the iteration `reached`."""
        frame = self._frames[-1]
        step = frame.steps[frame.position]
        self._limit, self._kernel, self._sweep = 0, (), None
        if isinstance(step, Sweep) and reached is not None:
            _, end = step.bounds.at(self._counters())
            if reached < end:
                self._sweep = reached
                return
        frame.position += 1

    def inside(self, kernel: tuple[int, ...], first: int = 0, limit: int = 0) -> None:
        """Stay at the step, inside its kernel; for a sweep, in the piece from `first` to `limit`."""
        frame = self._frames[-1]
        self._kernel = kernel
        if isinstance(frame.steps[frame.position], Sweep):
            self._sweep, self._limit = first, limit
