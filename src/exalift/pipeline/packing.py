"""Lifted programs as capsules: which loops a job can yield in, and which stay inside a tensor function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import Affine
from exalift.base import TensorShape, UsageError
from exalift.capsule import (
    Array,
    Bounds,
    Call,
    Capsule,
    Index,
    Loop,
    Operand,
    Origin,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    Step,
    Sweep,
)
from exalift.capsule.stablehlo_artifact import serialize_portable
from exalift.dialects import Step as TensorStep
from exalift.dialects import TensorLoop, TensorProgram
from exalift.dialects.stablehlo import (
    STABLEHLO,
    Part,
    live_between,
    live_in_body,
    print_steps,
    print_sweep,
    written,
)
from exalift.proof import Status, certificate_text, certify, digest
from exalift.reference.buffers import parameter_arrays

from .kernels import kernel_text
from .lifted import Lifted, certified, level_name

LEAST_WORK = 1 << 16
"""Elements that a loop writes, all iterations together, below which a yield in it is worth nothing."""

_FEW_TRIPS = 8


def pack(lifted: Lifted, sizes: Mapping[str, int] | None = None, *, least_work: int = LEAST_WORK) -> Capsule:
    """A capsule of the program at the given sizes (those left out are as in `lifted.sizes`).

    Loops that stay become steps of the plan, where a job can yield, unless they write fewer than
    `least_work` elements. Raises UsageError as `Lifted.text` does, and for a dialect other than StableHLO.
    """
    if lifted.target != "stablehlo":
        raise UsageError(f"capsules hold StableHLO, not {lifted.target}")
    values = lifted.resolve(sizes or {})
    program = lifted.program
    text = lifted.text(values)
    packer = _Packer(program, {name: values[name] for name in program.sizes}, least_work)
    plan = packer.steps(program.body, frozenset(result.array for result in program.results), ())
    used = packer.used | {result.array for result in program.results}
    places = {array.name: place for place, array in enumerate(parameter_arrays(lifted.original))}
    state = [
        StateArray(name, packer.shapes[name], role, places.get(name, 0) if role is Role.ARGUMENT else 0)
        for role, arrays in ((Role.ARGUMENT, program.arguments), (Role.LOCAL, program.locals))
        for name in (array.name for array in arrays)
        if role is Role.ARGUMENT or name in used
    ]
    certificate = b""
    if lifted.verdict.level is not None and lifted.verdict.status is not Status.REFUTED:
        certificate = certificate_text(
            certify(program.name, certified(lifted), text, lifted.verdict)
        ).encode()
    return Capsule(
        program.name,
        tuple(sorted((name, values[name]) for name in program.sizes)),
        tuple(state),
        tuple(packer.routines),
        plan,
        tuple(Result(result.name, result.array) for result in program.results),
        Origin(digest(lifted.source.text), level_name(lifted.verdict), certificate),
        lifted.strict_fp,
    )


@dataclass(slots=True)
class _Packer:
    program: TensorProgram
    sizes: Mapping[str, int]
    least_work: int
    routines: list[Routine] = field(default_factory=list[Routine])
    used: set[str] = field(default_factory=set[str])

    @property
    def shapes(self) -> dict[str, TensorShape]:
        arrays = (*self.program.arguments, *self.program.locals)
        return {a.name: TensorShape(a.type.at(self.sizes), a.type.dtype) for a in arrays}

    def steps(
        self, steps: Sequence[TensorStep], live: frozenset[str], around: tuple[TensorLoop, ...]
    ) -> tuple[Step, ...]:
        """Steps of a plan for steps of the program; runs of steps that need no yield become one call.

        Recurses into loops that become loops of the plan, whose depth the source bounds.
        """
        wanted = live_between(steps, live)
        found: list[Step] = []
        begun = 0
        for position, step in enumerate(steps):
            if isinstance(step, TensorLoop) and self._yields(step, around):
                found += self._call(steps[begun:position], wanted[position], around)
                found += self._loop(step, wanted[position + 1], around)
                begun = position + 1
        found += self._call(steps[begun:], live, around)
        return tuple(found)

    def _call(
        self, steps: Sequence[TensorStep], live: frozenset[str], around: tuple[TensorLoop, ...]
    ) -> list[Step]:
        if not steps:
            return []
        part = print_steps(self.program, steps, around, live, self.sizes)
        if not part.writes:
            return []
        routine = self._routine(part, steps, None, around)
        return [Call(routine.name, self._operands(part), part.writes)]

    def _loop(self, loop: TensorLoop, live: frozenset[str], around: tuple[TensorLoop, ...]) -> list[Step]:
        bounds = Bounds(self._indices(loop.lower), self._indices(loop.upper))
        inner = (*around, loop)
        if self._trips(loop, around) < _FEW_TRIPS and any(
            isinstance(step, TensorLoop) and self._yields(step, inner) for step in loop.body
        ):
            body = self.steps(loop.body, live_in_body(loop, live), inner)
            return [Loop(loop.iv, bounds, body)] if body else []
        part = print_sweep(self.program, loop, around, live, self.sizes)
        if not part.writes:
            return []
        routine = self._routine(part, (loop,), loop, around)
        return [Sweep(bounds, routine.name, self._operands(part), part.writes)]

    def _operands(self, part: Part) -> tuple[Operand, ...]:
        self.used |= {*part.reads, *part.writes}
        counters = [Index(0, ((name, 1),)) for name in part.counters]
        return (*counters, *(Array(name) for name in part.reads))

    def _routine(
        self,
        part: Part,
        steps: Sequence[TensorStep],
        sweep: TensorLoop | None,
        around: tuple[TensorLoop, ...],
    ) -> Routine:
        name = f"{self.program.name}.{len(self.routines)}"
        bound = tuple(dict.fromkeys((*part.reads, *part.writes)))
        routine = Routine(
            Signature(name, part.arguments, part.results),
            serialize_portable(part.text),
            kernel_text(self.program, steps, sweep, around, bound, STABLEHLO, dict(self.sizes)),
        )
        self.routines.append(routine)
        return routine

    def _yields(self, loop: TensorLoop, around: tuple[TensorLoop, ...]) -> bool:
        """Whether a job should be able to yield in a loop; its bounds must be such as plans have."""
        if not all(self._fixed(bound).is_linear for bound in (*loop.lower, *loop.upper)):
            return False
        trips = self._trips(loop, around)
        elements = sum(self._elements(name) for name in written((loop,)))
        return trips > 1 and trips * elements >= self.least_work

    def _elements(self, name: str) -> int:
        shape = self.shapes[name]
        return max(1, shape.bytes // shape.dtype.bytes)

    def _trips(self, loop: TensorLoop, around: tuple[TensorLoop, ...]) -> int:
        """Iterations, where the loops around are in the middle of their own."""
        middle: dict[str, int] = {}
        for outer in around:
            low, high = self._range(outer, middle)
            middle[outer.iv] = (low + high) // 2
        low, high = self._range(loop, middle)
        return max(0, high - low)

    def _range(self, loop: TensorLoop, counters: Mapping[str, int]) -> tuple[int, int]:
        values = {**self.sizes, **counters}
        return max(bound.at(values) for bound in loop.lower), min(bound.at(values) for bound in loop.upper)

    def _fixed(self, bound: Affine) -> Affine:
        return bound.substitute({n: Affine.of(self.sizes[n]) for n in bound.names & set(self.sizes)})

    def _indices(self, bounds: Sequence[Affine]) -> tuple[Index, ...]:
        found: list[Index] = []
        for bound in bounds:
            fixed = self._fixed(bound)
            terms = tuple((atom, factor) for atom, factor in fixed.terms if isinstance(atom, str))
            found.append(Index(fixed.constant, terms))
        return tuple(found)
