"""What it takes to decide about a port, be it a module or a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import Program
from exalift.base import RefusedError, UsageError
from exalift.dialects import TensorProgram
from exalift.dialects.stablehlo import IMPORTED
from exalift.proof import (
    Level,
    Status,
    Verdict,
    assumptions_of,
    prove,
    prove_all_sizes,
)
from exalift.reference import NativeFunction

from .cases import Case
from .generalising import NotGeneral, generalise
from .instances import is_instance
from .judgement import Judgement, Refutation, Sizes, shown
from .ports import ModulePort, Port, listed
from .refuting import refutation_of
from .running import Runner, TooLarge
from .signatures import Match

_TEST_SHARE = 0.2
_OWN_SHARE = 0.6
_GENERAL_S = 10.0


# How the numbers of one module alone are taken for sizes, one way after the other: whether data may be
# sizes, and how far from a size a number may be.
_GUESSES = ((False, 2), (False, 0), (True, 2))


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to decide.

    sizes: a value for every size parameter that is fixed by the caller. defaults: values for the others, at
    which a function is looked at where nothing else tells them (it then is looked at elsewhere too).
    budget_s: seconds for everything. native: compiles the source, for runs at large sizes.
    """

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    defaults: Mapping[str, int] = field(default_factory=dict[str, int])
    budget_s: float = 30.0
    seed: int = 0
    native: Callable[[], NativeFunction] | None = None


def parameters(source: Program) -> frozenset[str]:
    """The sizes of a source that are its parameters or fixed in it."""
    return frozenset(size.name for size in source.sizes)


class Decision:
    """What deciding a module and deciding a function have in common: one source, one port, one budget."""

    def __init__(
        self, source: Program, abstracted: Program, port: Port, options: CheckOptions, start: float
    ) -> None:
        self.source = source
        self.abstracted = abstracted
        self.port = port
        self.options = options
        self.start = start
        self.deadline = start + options.budget_s
        self.notes: list[str] = []
        self.family_sizes: list[Sizes] = []

    def left(self) -> float:
        return max(0.5, self.deadline - time.monotonic())

    def decided(self, case: Case) -> Verdict:
        """A verdict on one case; at large sizes symbolically or not at all."""
        program = case.imported.program
        if case.is_small:
            budget = self.left() * _OWN_SHARE
            return prove(case.source, program, IMPORTED, budget_s=budget, seed=self.options.seed)
        outcome = prove_all_sizes(case.source, program, IMPORTED, budget_s=min(_GENERAL_S, self.left()))
        level = Level.BOUNDED if outcome.proved else None
        status = Status.PROVED if outcome.proved else Status.UNKNOWN
        return Verdict(status, level, ({},), (), None, outcome.reason, outcome.seconds)

    def complete(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """A value for every size of the abstracted source. Raises UsageError for one that is not known."""
        values: dict[str, int] = {}
        for size in self.abstracted.sizes:
            value = sizes.get(size.name, size.value)
            if value is None:
                raise UsageError(
                    f"the shapes of {self.port.label} do not tell the size {size.name}; "
                    f"pass --size {size.name}=..."
                )
            values[size.name] = value
        return values

    def tested(self, case: Case) -> Refutation | None:
        """A difference on random inputs."""
        if not case.is_small:
            return None
        budget = min(self.left(), self.options.budget_s * _TEST_SHARE)
        seed = self.options.seed
        verdict = prove(
            case.source, case.imported.program, IMPORTED, level="tested", budget_s=budget, seed=seed
        )
        return self.counterexample(case, verdict) if verdict.status is Status.REFUTED else None

    def counterexample(self, case: Case, verdict: Verdict) -> Refutation | None:
        found = verdict.counterexample
        if found is None:
            raise UsageError(f"{self.port.label} at {shown(case.sizes)}: {verdict.reason}")
        return refutation_of(case.source, case.imported.program, found, case.sizes)

    def generals(self, cases: Sequence[Case], source: Program | None = None) -> Iterator[TensorProgram]:
        """Programs with symbolic sizes that all cases are instances of, likely ones first."""
        source = source or self.abstracted
        names = [size.name for size in source.sizes]
        shapes = {array.name: array.shape for array in source.arrays}
        for data, near in _GUESSES if len(cases) == 1 else _GUESSES[-1:]:
            try:
                general = generalise([c.instance for c in cases], names, shapes, data=data, near=near)
            except NotGeneral as error:
                self.notes.append(f"not generalised: {error}")
                continue
            if all(is_instance(general, case.sizes, case.imported.program) for case in cases):
                yield general

    def is_source(self, general: TensorProgram, source: Program | None = None) -> bool:
        """Whether a program with symbolic sizes is the source at all of them."""
        budget = min(_GENERAL_S, self.left() / 2)
        outcome = prove_all_sizes(source or self.abstracted, general, IMPORTED, budget_s=budget)
        if not outcome.proved:
            self.notes.append(f"not seen for all sizes: {outcome.reason}")
        return outcome.proved

    def by_running(
        self,
        port: ModulePort,
        function: str,
        match: Match,
        sizes: Sizes,
        refusal: RefusedError,
        why: str = "",
    ) -> Judgement:
        """Both run on random inputs, where the module cannot be read or is too large."""
        reason = "; ".join(d.message for d in refusal.diagnostics) or why
        fixed = all(s.value is None or sizes[s.name] == s.value for s in self.abstracted.sizes)
        native = self.options.native if fixed else None
        runner = Runner(self.source if native is not None else self.abstracted, native)
        arrays = {array.name: array.dtype for array in self.source.arrays}
        if self.source.returns is not None:
            arrays["return"] = self.source.returns.dtype
        try:
            outcome = runner.compare(port, function, match, sizes, arrays)
        except TooLarge as error:
            return self.judged(Status.UNKNOWN, None, "nothing is known", [sizes], f"{reason}; {error}")
        if outcome.refutation is not None:
            return self.refuted(outcome.refutation)
        if not outcome.agreed:
            return self.judged(
                Status.UNKNOWN, None, "nothing is known", [sizes], f"{reason}; {outcome.problem}"
            )
        both = f"{self.port.label} and {self.source.name}"
        claim = f"{both} agree on {outcome.agreed} random inputs at {shown(sizes)}"
        return self.judged(Status.PROVED, Level.TESTED, claim, [sizes], reason)

    def proved(self, level: Level, claim: str, cases: Sequence[Case]) -> Judgement:
        return self.judged(Status.PROVED, level, claim, [case.sizes for case in cases], "", cases)

    def only_tested(self, cases: Sequence[Case], reason: str) -> Judgement:
        tuples = [case.sizes for case in cases]
        claim = f"{self.port.label} and {self.source.name} agree on random inputs at {listed(tuples)}"
        return self.judged(Status.PROVED, Level.TESTED, claim, tuples, reason, cases)

    def refuted(self, found: Refutation | None, reason: str = "") -> Judgement:
        if found is None:
            claim = f"{self.port.label} differs from {self.source.name} in exact numbers: {reason}"
            return self.judged(Status.REFUTED, None, claim, [], reason)
        claim = f"{self.port.label} is not {self.source.name}: {found}"
        return self.judged(Status.REFUTED, None, claim, [found.sizes], "", (), found)

    def judged(
        self,
        status: Status,
        level: Level | None,
        claim: str,
        sizes: Sequence[Sizes],
        reason: str,
        cases: Sequence[Case] = (),
        refutation: Refutation | None = None,
    ) -> Judgement:
        assumptions = () if status is Status.REFUTED else self.assumptions(level, cases)
        seconds = time.monotonic() - self.start
        notes = tuple(dict.fromkeys(self.notes))
        return Judgement(status, level, claim, tuple(sizes), assumptions, refutation, reason, seconds, notes)

    def assumptions(self, level: Level | None, cases: Sequence[Case]) -> tuple[str, ...]:
        found = list(self.source.assumptions)
        if level is not None and level.reaches(Level.BOUNDED):
            found += assumptions_of(self.abstracted, Level.ALL_SIZES)
        found += [a for case in cases for a in case.imported.assumptions]
        return tuple(dict.fromkeys(found))
