"""The decision whether a port computes what its source does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import Program, abstract_sizes, fold_constants, merge_sizes, verify_program
from exalift.base import RefusedError, UsageError
from exalift.dialects import TensorProgram
from exalift.dialects.stablehlo import IMPORTED
from exalift.proof import (
    Level,
    Status,
    Verdict,
    admissible_near,
    assumptions_of,
    prove,
    prove_all_sizes,
    size_tuples,
)
from exalift.reference import NativeFunction

from .cases import Case, read_case
from .generalising import NotGeneral, generalise
from .instances import is_instance
from .judgement import Judgement, Refutation, Sizes, shown
from .ports import FunctionPort, ModulePort, Port, listed
from .refuting import refutation_of
from .running import Runner, TooLarge
from .signatures import Match

_TEST_SHARE = 0.2
_OWN_SHARE = 0.6
_GENERAL_S = 10.0
_MOST_TRACES = 12
_MOST_SMALLER = 40
_PROBE = 5
_RUN_LIMIT = 3


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


def check_port(source: Program, port: Port, options: CheckOptions) -> Judgement:
    """Decide, as far as the budget goes, whether a port is its source.

    A module is decided at its own sizes: REFUTED with inputs on which both differ; `all-sizes` where the
    module is an instance of a program with symbolic sizes that is proved to be the source at all of them;
    `bounded` where it is proved for all inputs at the module's sizes; `tested` where both agree on random
    inputs. A function is traced at several small sizes, or at those given, and each trace is decided so.

    Raises UsageError where signatures or sizes do not fit or tracing fails, and RefusedError for a module
    that is not valid.
    """
    start = time.monotonic()
    source = fold_constants(source)
    values = {**options.defaults, **options.sizes}
    abstracted = abstract_sizes(source, {n: v for n, v in values.items() if n in _parameters(source)})
    verify_program(abstracted)
    decision = _Decision(source, abstracted, port, options, start)
    match port:
        case ModulePort():
            return decision.of_module(port)
        case FunctionPort():
            return decision.of_function(port)


def _parameters(source: Program) -> frozenset[str]:
    return frozenset(size.name for size in source.sizes)


class _Decision:
    """One decision."""

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

    # Modules.

    def of_module(self, port: ModulePort) -> Judgement:
        found = port.match(self.source, self.options.sizes)
        sizes = self.complete({**self.options.defaults, **found.sizes})
        match = port.match(self.source, {n: v for n, v in sizes.items() if n in _parameters(self.source)})
        name = port.signature().name
        try:
            case = read_case(port.text, port.filename, name, match, self.abstracted, sizes)
        except RefusedError as refusal:
            return self.by_running(port.text, name, match, sizes, refusal)
        refuted = self.tested(case)
        if refuted is not None:
            return self.refuted(refuted)
        families = list(self.families(case))
        for source, general in families:
            if self.is_source(general, source):
                claim = (
                    f"{port.label} at {shown(sizes)} is an instance of a program that equals "
                    f"{self.source.name} for all inputs at all sizes{self.where_equal(source, case)}"
                )
                return self.proved(Level.ALL_SIZES, claim, [case])
        judged = self.at_its_sizes(case)
        if judged.level is not Level.TESTED:
            return judged
        return self.of_small_family(families, case) or judged

    def families(self, case: Case) -> Iterator[tuple[Program, TensorProgram]]:
        """Programs with symbolic sizes that a module is an instance of, each with the source beside it.

        Where sizes have one value, a module does not tell them apart; then they are taken as one, too.
        """
        yield from ((self.abstracted, general) for general in self.generals([case]))
        merged = merge_sizes(self.abstracted, case.sizes)
        if len(merged.sizes) < len(self.abstracted.sizes):
            yield from ((merged, general) for general in self.generals([case], merged))

    def where_equal(self, source: Program, case: Case) -> str:
        """Which sizes a family takes as one, in words."""
        kept = {size.name for size in source.sizes}
        gone = [s.name for s in self.abstracted.sizes if s.name not in kept]
        pairs = [f"{n} = {m}" for n in gone for m in kept if case.sizes[n] == case.sizes[m]]
        return f" with {', '.join(pairs)}" if pairs else ""

    def of_small_family(
        self, families: Sequence[tuple[Program, TensorProgram]], case: Case
    ) -> Judgement | None:
        """A module too large to be decided at its sizes: its family at small ones, tests at its own."""
        for source, general in families:
            verdict = prove(source, general, IMPORTED, budget_s=self.left(), all_sizes=False)
            if verdict.reaches(Level.BOUNDED):
                claim = (
                    f"{self.port.label} at {shown(case.sizes)} is an instance of a program that equals "
                    f"{self.source.name} for all inputs at small sizes only ({verdict.reason}); at its own "
                    "sizes both agree on random inputs"
                )
                return self.judged(Status.PROVED, Level.BOUNDED, claim, verdict.sizes, "", [case])
        return None

    def at_its_sizes(self, case: Case) -> Judgement:
        """A module that is not seen to be one of a family: for all inputs at its sizes, or tests."""
        verdict = self.decided(case)
        claim = f"{self.port.label} equals {self.source.name} for all inputs at {shown(case.sizes)}"
        if verdict.status is Status.REFUTED:
            return self.refuted(self.counterexample(case, verdict), verdict.reason)
        if verdict.reaches(Level.BOUNDED):
            return self.proved(Level.BOUNDED, claim, [case])
        if verdict.level is Level.TESTED:
            return self.only_tested([case], verdict.reason)
        refusal = RefusedError(())
        return self.by_running(case.text, case.function, case.match, case.sizes, refusal, verdict.reason)

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

    # Functions.

    def of_function(self, port: FunctionPort) -> Judgement:
        given = self.given_whole()
        tuples = [given] if given is not None else list(self.test_sizes())
        first = self.traced(port, tuples[0])
        if isinstance(first, Judgement):
            return first
        refuted = self.tested(first)
        if refuted is not None and given is None:
            refuted = self.smaller(port, first) or refuted
            fixed = self.at_fixed_sizes(port)
            if fixed is not None and (fixed.status is not Status.REFUTED or not self.fits_source(refuted)):
                return fixed
        if refuted is not None:
            return self.refuted(refuted)
        cases = [first]
        for sizes in tuples[1:]:
            try:
                case = self.traced(port, sizes)
            except UsageError as error:
                # Ports may not take the smallest sizes, where JAX's functions drop dimensions.
                self.notes.append(f"left out {shown(sizes)}: {error}")
                continue
            if isinstance(case, Judgement):
                return case
            cases.append(case)
        general = self.family(port)
        if general is not None:
            judged = self.of_family(general, cases)
            if judged is not None:
                return judged
        return self.one_by_one(cases)

    def at_fixed_sizes(self, port: FunctionPort) -> Judgement | None:
        """Where the source fixes sizes: what holds there. A difference at others alone refutes nothing."""
        fixed = {s.name: s.value for s in self.abstracted.sizes if s.value is not None}
        if not fixed:
            return None
        shown_sizes = ", ".join(f"{name} = {value}" for name, value in fixed.items())
        case = self.traced(port, self.complete({**self.options.defaults, **self.options.sizes}))
        judged = case if isinstance(case, Judgement) else self.one_by_one([case])
        if judged.status is Status.REFUTED:
            self.notes.append(f"the source fixes {shown_sizes}; both differ there too")
        else:
            self.notes.append(
                f"only looked at where the source fixes {shown_sizes}; both differ at other sizes"
            )
        return judged

    def fits_source(self, found: Refutation) -> bool:
        """Whether sizes that are one constant in the source are one in the counterexample too."""
        values: dict[int, set[int]] = {}
        for size in self.abstracted.sizes:
            if size.value is not None:
                values.setdefault(size.value, set()).add(found.sizes[size.name])
        return all(len(chosen) == 1 for chosen in values.values())

    def of_family(self, general: TensorProgram, cases: Sequence[Case]) -> Judgement | None:
        """All sizes, where the family is the source and every trace is of the family, or proved by itself.

        Tiny sizes are often not of the family: JAX drops what does nothing there.
        """
        if not self.is_source(general):
            return None
        inside = [case for case in cases if is_instance(general, case.sizes, case.imported.program)]
        outside = [case for case in cases if case not in inside]
        at = [case.sizes for case in inside] or self.family_sizes
        for case in outside:
            if not self.decided(case).reaches(Level.BOUNDED):
                self.notes.append(f"the trace at {shown(case.sizes)} is not an instance, and not proved")
                return None
        claim = (
            f"the traces of {self.port.label} at {listed(at)} are instances of a program that equals "
            f"{self.source.name} for all inputs at all sizes"
        )
        if outside:
            claim += f"; those at {listed([case.sizes for case in outside])} equal it for all inputs"
        return self.proved(Level.ALL_SIZES, claim, cases)

    def given_whole(self) -> dict[str, int] | None:
        """The sizes at hand, if the caller gave all that the source leaves open."""
        open_sizes = [s.name for s in self.source.sizes if s.value is None]
        if open_sizes and not all(name in self.options.sizes for name in open_sizes):
            return None
        if not self.options.sizes:
            return None
        return self.complete(dict(self.options.sizes))

    def test_sizes(self) -> Iterator[dict[str, int]]:
        """A few small tuples; at least one."""
        tuples = size_tuples(self.abstracted, self.pinned())[:_RUN_LIMIT]
        if not tuples:
            raise UsageError(f"no small sizes of {self.source.name} were found; give some with --size")
        yield from tuples

    def pinned(self) -> dict[str, int]:
        known = {size.name for size in self.abstracted.sizes}
        return {name: value for name, value in self.options.sizes.items() if name in known}

    def traced(self, port: FunctionPort, sizes: Sizes) -> Case | Judgement:
        """The function at some sizes; a judgement by running where it cannot be read."""
        module = port.trace(self.abstracted, sizes)
        signature = module.signature()
        match = module.match(self.abstracted, sizes)
        try:
            return read_case(module.text, module.filename, signature.name, match, self.abstracted, sizes)
        except RefusedError as refusal:
            return self.by_running(module.text, signature.name, match, sizes, refusal)

    def family(self, port: FunctionPort) -> TensorProgram | None:
        """A program with symbolic sizes that traces at generic sizes are instances of, one more included."""
        cases: list[Case] = []
        try:
            for sizes in self.generic_sizes():
                case = self.traced(port, sizes)
                if isinstance(case, Judgement):
                    return None
                cases.append(case)
            *used, kept = cases if len(cases) > 1 else (*cases, *cases)
            for general in self.generals(used):
                if is_instance(general, kept.sizes, kept.imported.program):
                    self.family_sizes = [case.sizes for case in cases]
                    return general
        except UsageError as error:
            self.notes.append(str(error))
        return None

    def generic_sizes(self) -> list[dict[str, int]]:
        """A tuple of distinct sizes, one more for every size that differs in it alone, and one more."""
        names = [size.name for size in self.abstracted.sizes]
        base = self.base_sizes()
        wanted = [base, *({**base, name: base[name] + 1} for name in names[: _MOST_TRACES - 2])]
        wanted.append({name: value + 3 - k % 2 for k, (name, value) in enumerate(base.items())})
        return admissible_near(self.abstracted, wanted)

    def base_sizes(self) -> dict[str, int]:
        """Distinct sizes, so far apart that constraints between them leave room for one more of each."""
        sizes = self.abstracted.sizes
        ranks = (range(len(sizes)), range(len(sizes) - 1, -1, -1))
        wanted = [
            {s.name: max(s.minimum, _PROBE + 3 * k) for s, k in zip(sizes, order, strict=True)}
            for order in ranks
        ]
        near = [admissible_near(self.abstracted, [one]) for one in wanted]
        exact = [one for one, found in zip(wanted, near, strict=True) if found == [one]]
        return exact[0] if exact else wanted[0]

    def one_by_one(self, cases: Sequence[Case]) -> Judgement:
        """Every trace at its own sizes; the weakest level counts."""
        levels: list[Level] = []
        reason = ""
        for case in cases:
            verdict = self.decided(case)
            if verdict.status is Status.REFUTED:
                return self.refuted(self.counterexample(case, verdict), verdict.reason)
            if verdict.level is None:
                refusal = RefusedError(())
                return self.by_running(
                    case.text, case.function, case.match, case.sizes, refusal, verdict.reason
                )
            levels.append(verdict.level)
            if not verdict.level.reaches(Level.BOUNDED):
                reason = reason or verdict.reason
        if all(level.reaches(Level.BOUNDED) for level in levels):
            claim = (
                f"the traces of {self.port.label} at {listed([case.sizes for case in cases])} equal "
                f"{self.source.name} for all inputs"
            )
            return self.proved(Level.BOUNDED, claim, cases)
        return self.only_tested(cases, reason)

    # What both have in common.

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

    def smaller(self, port: FunctionPort, first: Case) -> Refutation | None:
        """A counterexample at sizes as small as possible."""
        limit = sum(first.sizes.values())
        until = min(self.deadline, time.monotonic() + self.options.budget_s * _TEST_SHARE)
        for sizes in size_tuples(self.abstracted, self.pinned(), smallest=True)[:_MOST_SMALLER]:
            if sum(sizes.values()) >= limit or time.monotonic() > until:
                break
            try:
                case = self.traced(port, sizes)
                found = None if isinstance(case, Judgement) else self.tested(case)
            except UsageError:
                # The port may not take sizes this small; that is not what it is refuted for.
                continue
            if found is not None:
                return found
        return None

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
        self, text: str, function: str, match: Match, sizes: Sizes, refusal: RefusedError, why: str = ""
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
            outcome = runner.compare(text, function, match, sizes, arrays)
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
