"""A job on one device: a coroutine over its plan, cut into bounded slices at the yield points."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from exalift.base import DeviceError
from exalift.capsule import (
    START,
    Array,
    Capsule,
    Cursor,
    Leaf,
    Operand,
    Routine,
    Sweep,
    Walk,
    bound_arrays,
    live_at,
)
from exalift.devices import Buffer, Device, FunctionExecutable, KernelExecutable, Session

from .state import State, checked_array, zeros

SLICE_SECONDS = 0.02
"""What one piece of a sweep is aimed to take. A step that cannot be cut takes what it takes."""

_KERNEL_YIELDS = 1 << 10


@dataclass(frozen=True, slots=True)
class Compiled:
    """A capsule's routines, compiled for one device: the form that the device runs of each."""

    functions: Mapping[str, FunctionExecutable]
    kernels: Mapping[str, KernelExecutable]


def compile_routines(capsule: Capsule, device: Device, session: Session) -> Compiled:
    """Compile all that the capsule calls. Raises DeviceError where the device has no form of a routine."""
    functions: dict[str, FunctionExecutable] = {}
    kernels: dict[str, KernelExecutable] = {}
    for routine in capsule.routines:
        if routine.function is not None and device.runs_functions:
            functions[routine.name] = session.compile_function(routine)
        elif routine.kernel is not None and device.runs_kernels:
            kernels[routine.name] = session.compile_kernel(routine)
        else:
            raise DeviceError(f"{device.name} cannot run {routine.name}: {_lacking(routine)}")
    return Compiled(functions, kernels)


def _lacking(routine: Routine) -> str:
    form = "a tensor function" if routine.function is not None else "a kernel"
    return f"the capsule has it as {form} only"


@dataclass(slots=True)
class _Pace:
    """How many iterations of a routine make one piece, learnt from the pieces before."""

    iterations: int = 1

    def learn(self, done: int, seconds: float, target: float) -> None:
        # At most twice as many as before: one lucky measurement must not make a slice without end.
        fitting = int(done * target / max(seconds, 1e-9))
        self.iterations = max(1, min(2 * max(done, self.iterations), fitting))


@dataclass(slots=True)
class Execution:
    """A job in progress. `state` are the contents that are wanted at `cursor`, by name.

    slice_seconds: the aim for one piece. Raises UsageError for a cursor that is no place in the plan, and
    for arrays of other types than the schema's; DeviceError where the device fails.
    """

    capsule: Capsule
    session: Session
    compiled: Compiled
    walk: Walk
    slice_seconds: float = SLICE_SECONDS
    steps: int = 0
    last_step: float = 0.0
    first_step: float = 0.0
    buffers: dict[str, Buffer] = field(default_factory=dict[str, Buffer])
    _paces: dict[str, _Pace] = field(default_factory=dict[str, _Pace])

    @staticmethod
    def begin(
        capsule: Capsule,
        session: Session,
        compiled: Compiled,
        state: State,
        cursor: Cursor = START,
        slice_seconds: float = SLICE_SECONDS,
    ) -> Execution:
        """Put the state on the device, and stand at the cursor."""
        execution = Execution(capsule, session, compiled, Walk(capsule, cursor), slice_seconds)
        for name, value in state.items():
            type = capsule.array(name).type
            execution.buffers[name] = session.put(checked_array(value, type, name))
        return execution

    @property
    def cursor(self) -> Cursor:
        return self.walk.cursor

    @property
    def finished(self) -> bool:
        return self.walk.finished

    def state(self) -> State:
        """What any device needs to go on from the cursor, copied from this one."""
        wanted = live_at(self.capsule, self.cursor.positions)
        return {name: self.session.get(self._buffer(name)) for name in sorted(wanted)}

    def pieces(self) -> Generator[Cursor]:
        """The coroutine: every resumption runs one piece, and yields where that has brought it."""
        while not self.finished:
            leaf = self.walk.settle()
            if leaf is not None:
                self._run(leaf)
                self.steps += 1
                self.last_step = time.monotonic()
                self.first_step = self.first_step or self.last_step
            yield self.cursor

    def _buffer(self, name: str) -> Buffer:
        if name not in self.buffers:
            self.buffers[name] = self.session.put(zeros(self.capsule.array(name).type))
        return self.buffers[name]

    def _operand(self, operand: Operand, counters: Mapping[str, int]) -> Buffer | int:
        return self._buffer(operand.name) if isinstance(operand, Array) else operand.at(counters)

    def _run(self, leaf: Leaf) -> None:
        step = leaf.step
        pace = self._paces.setdefault(step.routine, _Pace())
        limit = 0
        if isinstance(step, Sweep):
            limit = min(leaf.end, leaf.first + pace.iterations)
        begun = time.perf_counter()
        if step.routine in self.compiled.functions:
            self._run_function(leaf, limit)
        elif not self._run_kernel(leaf, limit):
            return
        if isinstance(step, Sweep):
            pace.learn(limit - leaf.first, time.perf_counter() - begun, self.slice_seconds)
            self.walk.past(limit)
        else:
            self.walk.past()

    def _run_function(self, leaf: Leaf, limit: int) -> None:
        step = leaf.step
        if self.cursor.kernel:
            raise DeviceError(
                f"the job is inside the kernel of {step.routine}, which this device does not run"
            )
        operands: list[Buffer | int] = [leaf.first, limit] if isinstance(step, Sweep) else []
        operands += [self._operand(operand, leaf.counters) for operand in step.operands]
        results = self.compiled.functions[step.routine].run(operands)
        self.buffers.update(zip(step.results, results, strict=True))

    def _run_kernel(self, leaf: Leaf, limit: int) -> bool:
        """Whether the kernel came to the end of the step or piece."""
        step = leaf.step
        before = self.cursor
        if before.kernel:
            limit = before.limit
        operands: list[Buffer | int] = [leaf.first, limit] if isinstance(step, Sweep) else []
        operands += [operand.at(leaf.counters) for operand in step.operands if not isinstance(operand, Array)]
        operands += [self._buffer(name) for name in bound_arrays(step)]
        executable = self.compiled.kernels[step.routine]
        # What a kernel keeps in arrays of its own is not in the state: such a one is not left in the middle.
        budget = None if executable.scratch else _KERNEL_YIELDS
        stopped = executable.run(operands, before.kernel, budget)
        if stopped is not None:
            self.walk.inside(stopped, leaf.first, limit)
        return stopped is None


def run_to_end(capsule: Capsule, device: Device, state: State, slice_seconds: float = SLICE_SECONDS) -> State:
    """Run a job on one device, without anybody beside it; the final state. Raises as `Execution` does."""
    session = device.open()
    try:
        compiled = compile_routines(capsule, device, session)
        execution = Execution.begin(capsule, session, compiled, state, slice_seconds=slice_seconds)
        for _ in execution.pieces():
            pass
        return execution.state()
    finally:
        session.close()
