"""A job on one device: a coroutine over its plan, cut into bounded slices at the yield points."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from exalift.base import DeviceError
from exalift.capsule import (
    START,
    Array,
    Call,
    Capsule,
    Cursor,
    Leaf,
    Loop,
    Operand,
    Routine,
    Step,
    Sweep,
    Walk,
    bound_arrays,
    integers_of,
)
from exalift.devices import (
    Buffer,
    CodeStore,
    Compilation,
    Device,
    FunctionExecutable,
    KernelExecutable,
    Session,
)

from .state import State, checked_array, scratch_name, scratch_types, state_types, zeros

SLICE_SECONDS = 0.05
"""What one piece is aimed to take. A step that cannot be cut takes what it takes."""


_YIELD = re.compile(r"\byield\b")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A capsule's routines, compiled for one device: the form that the device runs of each."""

    functions: Mapping[str, FunctionExecutable]
    kernels: Mapping[str, KernelExecutable]


def compile_routines(
    capsule: Capsule, device: Device, session: Session, codes: CodeStore | None = None
) -> Compiled:
    """Compile all that the capsule calls, or find it in `codes`.

    Raises DeviceError where the device has no form of a routine, or cannot promise what the capsule asks for.
    """
    functions: dict[str, FunctionExecutable] = {}
    kernels: dict[str, KernelExecutable] = {}
    for routine in capsule.routines:
        how = Compilation(capsule.strict_fp, codes, integers_of(capsule, routine.name))
        compiled = compile_routine(routine, device, session, how)
        functions |= compiled.functions
        kernels |= compiled.kernels
    return Compiled(functions, kernels)


def compile_routine(routine: Routine, device: Device, session: Session, how: Compilation) -> Compiled:
    """One routine alone, in the form that the device runs. Raises DeviceError as `compile_routines` does."""
    if routine.function is not None and device.runs_functions:
        return Compiled({routine.name: session.compile_function(routine, how)}, {})
    if routine.kernel is not None and device.runs_kernels:
        return Compiled({}, {routine.name: session.compile_kernel(routine, how)})
    raise DeviceError(f"{device.name} cannot run {routine.name}: {_lacking(routine)}")


def _lacking(routine: Routine) -> str:
    form = "a tensor function" if routine.function is not None else "a kernel"
    return f"the capsule has it as {form} only"


@dataclass(slots=True)
class _Pace:
    """How many units (iterations, or yield points of a kernel) make one piece, learnt from the pieces before.

    cost: seconds a unit. The least of late counts, since a piece in which somebody else had the processor
    tells nothing of the work; it may grow by a quarter a piece, where the work grows.
    """

    units: int = 1
    cost: float = 0.0

    def learn(self, done: int, seconds: float, target: float) -> None:
        measured = max(seconds / done, 1e-9)
        self.cost = min(measured, 1.25 * self.cost) if self.cost else measured
        # At most twice as many as before: one lucky measurement must not make a slice without end.
        self.units = max(1, min(2 * max(done, self.units), int(target / self.cost)))


@dataclass(slots=True)
class Execution:
    """A job in progress.

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
    _scratch: dict[str, tuple[Buffer, ...]] = field(default_factory=dict[str, tuple[Buffer, ...]])
    _paces: dict[str, _Pace] = field(default_factory=dict[str, _Pace])
    _yields: dict[str, _Pace] = field(default_factory=dict[str, _Pace])

    @staticmethod
    def begin(
        capsule: Capsule,
        session: Session,
        compiled: Compiled,
        state: State,
        cursor: Cursor = START,
        slice_seconds: float = SLICE_SECONDS,
        *,
        shared: bool = False,
    ) -> Execution:
        """Put the state on the device, and stand at the cursor.

        `state` are the contents that are wanted there, by name, and, inside a kernel, its scratch. shared:
        their memory keeps its contents until the execution is dropped (see `Session.put`).
        """
        execution = Execution(capsule, session, compiled, Walk(capsule, cursor), slice_seconds)
        types = {array.name: array.type for array in capsule.state} | state_types(capsule, cursor)
        for name, value in state.items():
            execution.buffers[name] = session.put(checked_array(value, types[name], name), shared=shared)
        if cursor.kernel and (leaf := execution.walk.settle()) is not None:
            count = len(scratch_types(capsule.routine(leaf.step.routine)))
            given = tuple(execution.buffers.pop(scratch_name(n)) for n in range(count))
            execution._scratch[leaf.step.routine] = given
        return execution

    @property
    def cursor(self) -> Cursor:
        return self.walk.cursor

    @property
    def finished(self) -> bool:
        return self.walk.finished

    def state(self, *, shared: bool = False) -> State:
        """What any device needs to go on from the cursor, copied from this one.

        shared: it is read before the execution goes on or goes, and may be the device's own memory.
        """
        cursor = self.cursor
        leaf = self.walk.settle() if cursor.kernel else None
        scratch = self._scratch_of(leaf.step.routine) if leaf is not None else ()
        buffers = {scratch_name(n): buffer for n, buffer in enumerate(scratch)}
        return {
            name: self.session.get(buffers[name] if name in buffers else self._buffer(name), shared=shared)
            for name in state_types(self.capsule, cursor)
        }

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

    def _scratch_of(self, routine: str) -> tuple[Buffer, ...]:
        """What the routine's kernel keeps for itself, on the device."""
        if routine not in self._scratch:
            types = self.compiled.kernels[routine].scratch
            self._scratch[routine] = tuple(self.session.put(zeros(type)) for type in types)
        return self._scratch[routine]

    def _operand(self, operand: Operand, counters: Mapping[str, int]) -> Buffer | int:
        return self._buffer(operand.name) if isinstance(operand, Array) else operand.at(counters)

    def _run(self, leaf: Leaf) -> None:
        step = leaf.step
        if step.routine in self.compiled.kernels:
            self._run_kernel(leaf)
            return
        pace = self._paces.setdefault(step.routine, _Pace())
        limit = min(leaf.end, leaf.first + pace.units) if isinstance(step, Sweep) else 0
        begun = time.perf_counter()
        self._run_function(leaf, limit)
        self._past(leaf, limit, time.perf_counter() - begun)

    def _past(self, leaf: Leaf, limit: int, seconds: float) -> None:
        """Move on behind a step, or behind the piece of a sweep up to `limit`, which took so long."""
        if isinstance(leaf.step, Sweep):
            pace = self._paces.setdefault(leaf.step.routine, _Pace())
            pace.learn(limit - leaf.first, seconds, self.slice_seconds)
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
        for name, buffer in zip(step.results, results, strict=True):
            # Two names for one buffer would be two for one place in the memory that it was taken from.
            twice = any(buffer is operand for operand in operands)
            self.buffers[name] = self.session.put(self.session.get(buffer)) if twice else buffer

    def _run_kernel(self, leaf: Leaf) -> None:
        """Run a piece of a kernel: up to some yield point, or to the end of the step or sweep's piece."""
        step, before = leaf.step, self.cursor
        limit = before.limit
        if isinstance(step, Sweep) and not before.kernel:
            pace = self._paces.setdefault(step.routine, _Pace())
            limit = min(leaf.end, leaf.first + pace.units)
        operands: list[Buffer | int] = [leaf.first, limit] if isinstance(step, Sweep) else []
        operands += [operand.at(leaf.counters) for operand in step.operands if not isinstance(operand, Array)]
        operands += [self._buffer(name) for name in bound_arrays(step)]
        operands += self._scratch_of(step.routine)
        yields = self._yields.setdefault(step.routine, _Pace())
        begun = time.perf_counter()
        stopped = self.compiled.kernels[step.routine].run(operands, before.kernel, yields.units - 1)
        seconds = time.perf_counter() - begun
        if stopped is not None:
            yields.learn(yields.units, seconds, self.slice_seconds)
            self.walk.inside(stopped, leaf.first, limit)
        elif before.kernel:
            # How long the whole piece took is not known: it was cut.
            self.walk.past(limit if isinstance(step, Sweep) else None)
        else:
            self._past(leaf, limit, seconds)


def warm_up(capsule: Capsule, session: Session, compiled: Compiled) -> None:
    """Have the device do now what it does at a routine's first run only.

    A sweep's function runs no iteration, a kernel goes to its first yield point, both on zeros and where
    all loops are in their first iteration. What cannot be cut, a call of a function or of a kernel without
    yields, is left out: it would take as long as ever. Raises DeviceError where the device fails.
    """
    pending: list[tuple[Step, Mapping[str, int]]] = [(step, {}) for step in reversed(capsule.plan)]
    seen: set[str] = set()
    while pending:
        step, counters = pending.pop()
        if isinstance(step, Loop):
            first, end = step.bounds.at(counters)
            inner = {**counters, step.counter: first}
            pending.extend((below, inner) for below in reversed(step.body) if first < end)
        elif step.routine not in seen:
            seen.add(step.routine)
            kernel = compiled.kernels.get(step.routine)
            if kernel is None and isinstance(step, Sweep):
                routine, function = capsule.routine(step.routine), compiled.functions[step.routine]
                _warm_function(routine, session, function, step, counters)
            elif kernel is not None and _YIELD.search(capsule.routine(step.routine).kernel or ""):
                _warm_kernel(capsule, session, kernel, step)


def _warm_function(
    routine: Routine,
    session: Session,
    function: FunctionExecutable,
    step: Sweep,
    counters: Mapping[str, int],
) -> None:
    first, end = step.bounds.at(counters)
    if first > end:
        return
    given = zip(step.operands, routine.signature.arguments[2:], strict=True)
    operands = [session.put(zeros(type)) if isinstance(o, Array) else o.at(counters) for o, type in given]
    for buffer in function.run([first, first, *operands]):
        session.get(buffer)


def _warm_kernel(capsule: Capsule, session: Session, kernel: KernelExecutable, step: Call | Sweep) -> None:
    # Integers that an execution would give: the first ones, where every counter is at its loop's beginning.
    execution = Execution(capsule, session, Compiled({}, {step.routine: kernel}), Walk(capsule))
    leaf = execution.walk.settle()
    if leaf is None or leaf.step is not step:
        return
    operands: list[Buffer | int] = [leaf.first, leaf.first + 1] if isinstance(step, Sweep) else []
    operands += [operand.at(leaf.counters) for operand in step.operands if not isinstance(operand, Array)]
    types = [capsule.array(name).type for name in bound_arrays(step)] + list(kernel.scratch)
    buffers = [session.put(zeros(type)) for type in types]
    kernel.run([*operands, *buffers], (), 0)
    session.get(buffers[0])


def run_to_end(
    capsule: Capsule,
    device: Device,
    state: State,
    slice_seconds: float = SLICE_SECONDS,
    codes: CodeStore | None = None,
) -> State:
    """Run a job on one device, without anybody beside it; the final state. Raises as `Execution` does."""
    session = device.open()
    try:
        compiled = compile_routines(capsule, device, session, codes)
        execution = Execution.begin(capsule, session, compiled, state, slice_seconds=slice_seconds)
        for _ in execution.pieces():
            pass
        return execution.state()
    finally:
        session.close()
