"""Running a kernel in slices: what all devices that run kernels share.

A device's own part is a `Launcher`: it runs launches in order. The rest, which is the same everywhere, is
here: which launches a slice is made of, the cursor, and the arrays that a kernel needs for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from exalift.base import DeviceError, RefusedError, TensorShape, UsageError
from exalift.capsule import Routine
from exalift.capsule.kernels import (
    POINT_DONE,
    Buffer,
    Kernel,
    Launch,
    Position,
    Schedule,
    parse_module,
    scratch_of,
    verify_module,
)

from .protocol import KernelCursor

Array = NDArray[np.generic]


class Placed(Protocol):
    """An array on a device."""

    @property
    def type(self) -> TensorShape: ...


B = TypeVar("B", bound=Placed)
B_contra = TypeVar("B_contra", bound=Placed, contravariant=True)


class Launcher(Protocol[B_contra]):
    """A kernel compiled for a device."""

    def launch(self, launches: Sequence[Launch], arrays: Mapping[str, B_contra]) -> None:
        """Run launches one after another, to their ends. `arrays` are all of the kernel's, by name.

        Where `interrupt` was called meanwhile, the work-items of a nest with yields may stop at their next
        yield points; what comes after such a nest is then never in the same call.
        """
        ...

    def interrupt(self) -> None:
        """Ask the launch in progress to stop at its next yield points; from any thread.

        A device that cannot be asked finishes what it was given.
        """
        ...

    def begin(self) -> None:
        """Forget interrupts from before."""
        ...

    @property
    def is_interruptible(self) -> bool: ...


def read_kernel(routine: Routine) -> Kernel:
    """The one kernel of a routine's text, verified. Raises DeviceError where it is missing or wrong."""
    if routine.kernel is None:
        raise DeviceError(f"{routine.name} has no kernel")
    try:
        module = parse_module(routine.kernel, f"<{routine.name}>")
        verify_module(module)
    except RefusedError as error:
        raise DeviceError(f"the kernel of {routine.name} is not valid: {error}") from error
    if len(module.kernels) != 1:
        raise DeviceError(f"{routine.name} must have one kernel, has {len(module.kernels)}")
    return module.kernels[0]


def same(first: Sequence[object], second: Sequence[object]) -> bool:
    """Whether two sequences hold the very same objects."""
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def shape_of(buffer: Buffer) -> TensorShape:
    return TensorShape(buffer.shape, buffer.dtype)


@dataclass(eq=False)
class ScheduledKernel(Generic[B]):
    """A `KernelExecutable` on a launcher. `zeros` makes arrays; `get` copies one back.

    The arrays of a call are those that the kernel binds, in order, and, where they are to survive a yield
    outside of this object, its scratch (`scratch`), in order. Without them this object keeps scratch of its
    own, and a cursor is then of use here alone.
    """

    kernel: Kernel
    launcher: Launcher[B]
    zeros: Callable[[TensorShape], B]
    get: Callable[[B], Array]
    _schedules: dict[tuple[int, ...], Schedule] = field(default_factory=dict[tuple[int, ...], Schedule])
    _own: tuple[B, ...] | None = None
    _asked: threading.Event = field(default_factory=threading.Event)

    @property
    def scratch(self) -> tuple[TensorShape, ...]:
        """The types of the kernel's local buffers and frames. They matter between yields of one call."""
        return tuple(shape_of(buffer) for buffer in scratch_of(self.kernel))

    def run(
        self, operands: Sequence[B | int], cursor: KernelCursor = (), budget: int | None = None
    ) -> KernelCursor | None:
        """As `KernelExecutable.run`. An `interrupt` meanwhile ends it at the next yield point."""
        integers = tuple(operand for operand in operands if isinstance(operand, int))
        arrays = self._arrays([operand for operand in operands if not isinstance(operand, int)], cursor)
        schedule = self._schedule(integers)
        position = self._position(schedule, cursor)
        self._asked.clear()
        self.launcher.begin()
        left = budget
        while True:
            batch = schedule.batch(position, left, alone=self.launcher.is_interruptible)
            self.launcher.launch(batch.launches, arrays)
            position = batch.position
            if batch.finished and not self._asked.is_set():
                return None
            if batch.stopped:
                return cursor_of(position)
            if left is not None:
                left -= batch.passed
            if self._asked.is_set():
                stopped = self._where_stopped(schedule, batch.launches, batch.before, position, arrays)
                return None if schedule.is_finished(stopped) else cursor_of(stopped)

    def interrupt(self) -> None:
        """Ask the run in progress to stop soon, from another thread; a run not yet begun is not stopped."""
        self._asked.set()
        self.launcher.interrupt()

    def _arrays(self, given: list[B], cursor: KernelCursor) -> dict[str, B]:
        bound, scratch = self.kernel.bound, scratch_of(self.kernel)
        if len(given) == len(bound):
            if self._own is None:
                self._own = tuple(self.zeros(shape_of(buffer)) for buffer in scratch)
            given = [*given, *self._own]
        if len(given) != len(bound) + len(scratch):
            raise DeviceError(
                f"{self.kernel.name} takes {len(bound)} arrays, or {len(bound) + len(scratch)} with its "
                f"scratch, got {len(given)}"
            )
        for buffer, array in zip((*bound, *scratch), given, strict=True):
            if array.type != shape_of(buffer):
                raise DeviceError(
                    f"{self.kernel.name}: {buffer.name} must be {shape_of(buffer)}, got {array.type}"
                )
        if len({id(array) for array in given}) != len(given):
            raise DeviceError(f"{self.kernel.name}: one array is given twice")
        return {buffer.name: array for buffer, array in zip((*bound, *scratch), given, strict=True)}

    def _schedule(self, integers: tuple[int, ...]) -> Schedule:
        names = [parameter.name for parameter in self.kernel.parameters]
        if len(integers) != len(names):
            raise DeviceError(f"{self.kernel.name} takes {len(names)} integers, got {len(integers)}")
        try:
            # Kept, since a plan's loop calls with the same few integers again and again.
            if integers not in self._schedules:
                if len(self._schedules) > 256:
                    self._schedules.clear()
                self._schedules[integers] = Schedule(self.kernel, dict(zip(names, integers, strict=True)))
            return self._schedules[integers]
        except UsageError as error:
            raise DeviceError(str(error)) from error

    def _position(self, schedule: Schedule, cursor: KernelCursor) -> Position:
        if not cursor:
            return schedule.start
        try:
            position = position_of(cursor)
            schedule.check(position)
        except UsageError as error:
            raise DeviceError(f"{self.kernel.name}: {cursor} is no cursor of it") from error
        return position

    def _where_stopped(
        self,
        schedule: Schedule,
        launches: tuple[Launch, ...],
        before: Position,
        after: Position,
        arrays: Mapping[str, B],
    ) -> Position:
        """The position after an interrupt. The last launch may have stopped at some yield point: work-items
        may stand at different ones, and each goes on from its own."""
        frame = schedule.nests[launches[-1].nest].frame if launches else None
        if frame is None:
            return after
        point = self.get(arrays[frame.point.name])
        numbers = _box(launches[-1].extents, frame.extents)
        unfinished = point[numbers] != POINT_DONE
        if not unfinished.any():
            return after
        passed = int(self.get(arrays[frame.passed.name])[numbers][unfinished].min())
        return Position(before.instruction, before.counters, passed)


def _box(extents: tuple[int, ...], frame: tuple[int, ...]) -> NDArray[np.intp]:
    """The numbers, in a frame, of the work-items of a launch."""
    if not extents:
        return np.zeros(1, np.intp)
    places = np.indices(extents).reshape(len(extents), -1)
    return np.asarray(np.ravel_multi_index(tuple(places), frame), np.intp)


def cursor_of(position: Position) -> KernelCursor:
    """The position as integers; () is the beginning."""
    return (position.instruction, position.passed, *position.counters)


def position_of(cursor: KernelCursor) -> Position:
    """The reverse of `cursor_of`. Raises UsageError for integers that are none."""
    if len(cursor) < 2:
        raise UsageError(f"{cursor} is no cursor of a kernel")
    return Position(cursor[0], tuple(cursor[2:]), cursor[1])
