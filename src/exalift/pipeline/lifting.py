"""The whole way: source in, lifted program out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from exalift.affine import (
    Program,
    Region,
    RegionProgram,
    RegionStep,
    abstract_sizes,
    initial_contents_needed,
    split_in_source_order,
    split_into_regions,
    verify_program,
)
from exalift.base import NO_SPAN, Diagnostic, RefusedError, UnconfirmedError, UsageError, VerificationError
from exalift.dialects import Dialect, TensorProgram, ill_formed
from exalift.dialects.stablehlo import STABLEHLO, simplify
from exalift.proof import Status, Verdict, prove
from exalift.synthesis import LiftedRegions, LiftOptions, RegionProgress, lift_regions

from .budget import GRACE_SECONDS, Budget
from .contract import conform
from .lifted import Counters, Lifted, LiftedRegion, level_name
from .sizes import ChosenSize, Origin, Sizes, choose_sizes
from .source import Language, Source, read_source
from .strict import one_operation_regions, without_steps

Level = Literal["bounded", "tested"]

DIALECTS: Mapping[str, Dialect] = {"stablehlo": STABLEHLO}

# A program that the proof refutes was found in unlucky environments; the search is begun anew elsewhere,
# and after so many times not at all.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How to lift. budget_s: wall-clock seconds for search and proof together; when they are spent, loops
    stay. level: of proof to try for.

    strict_fp: only a program that keeps the order of every floating-point operation will do.
    """

    target: str = "stablehlo"
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    budget_s: float = 60.0
    level: Level = "bounded"
    seed: int = 0
    progress: Callable[[RegionProgress], None] | None = None
    strict_fp: bool = False

    @property
    def dialect(self) -> Dialect:
        """Raises UsageError for a dialect that there is not."""
        if self.target not in DIALECTS:
            raise UsageError(f"no dialect {self.target!r}; dialects: {', '.join(DIALECTS)}")
        return DIALECTS[self.target]


def lift(
    path_or_text: str | Path,
    function: str | None = None,
    target: str = "stablehlo",
    sizes: Mapping[str, int] | None = None,
    *,
    language: Language | None = None,
    include_directories: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
    budget_s: float = 60.0,
    level: Level = "bounded",
    progress: Callable[[RegionProgress], None] | None = None,
    seed: int = 0,
    strict_fp: bool = False,
) -> Lifted:
    """Lift one function of a C file, an affine MLIR file, or a text of either, to a tensor program.

    `path_or_text` is a text where it has a line break or a brace. `function` may be left out where the
    source has one function. `sizes` are values of size parameters; without one, the program is printed for
    a default, and calls infer it from their arrays. `strict_fp` asks for a program that keeps the order of
    every floating-point operation, bit for bit; what is added up then stays a loop. Where `budget_s` seconds
    do not suffice, loops stay that a longer search might lift; what is found is still tested, which ends
    `GRACE_SECONDS` later at the latest.

    Raises RefusedError for a source outside what is accepted (its diagnostics say where and why) and where
    nothing is found that `strict_fp` admits,
    UsageError for a wrong call, and VerificationError where the lifted program could not be confirmed: no
    program is given that was seen to be wrong.
    """
    options = Options(target, dict(sizes or {}), budget_s, level, seed, progress, strict_fp)
    source = read_source(path_or_text, language, include_directories, defines)
    return lift_program(source, source.parse_only(function), options)


def lift_program(source: Source, program: Program, options: Options) -> Lifted:
    """Lift one parsed function. Raises UsageError and VerificationError as `lift` does."""
    budget = Budget.start(options.budget_s)
    sizes = choose_sizes(program, options.sizes)
    abstracted = abstract_sizes(program, sizes.values)
    verify_program(abstracted)
    sizes = _with_abstracted(sizes, abstracted)
    notes: list[Diagnostic] = [_size_note(program, size.name, size.value) for size in sizes.assumed]
    lifting = _Lifting(source, program, abstracted, sizes, options, budget)
    if options.strict_fp:
        return _lift_strictly(lifting, notes)
    regions = split_into_regions(abstracted)
    refuted: list[Mapping[str, int]] = []
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            found, lifted, verdict = lifting.attempt(regions, attempt, refuted)
        except VerificationError as error:
            reason = str(error)
            break
        wrong_at = lifting.ill_formed_at(lifted, verdict)
        if verdict.status is not Status.REFUTED and wrong_at is None:
            return lifting.result(regions, found, lifted, verdict, notes)
        reason = f"{program.name}: every program found was refuted: {verdict.reason}"
        if verdict.counterexample is not None:
            wrong_at = verdict.counterexample.sizes
        refuted += [wrong_at] if wrong_at is not None else []
        if budget.is_spent:
            break
    # The last resort searches for nothing: the source's own loops, around its single elements.
    regions = split_in_source_order(abstracted)
    found, lifted, verdict = lifting.attempt(regions, _ATTEMPTS, (), direct=True)
    if verdict.status is Status.REFUTED:
        raise VerificationError(reason)
    return lifting.result(regions, found, lifted, verdict, [*notes, _unconfirmed_note(program, reason)])


def _lift_strictly(lifting: _Lifting, notes: Sequence[Diagnostic]) -> Lifted:
    """The first of three programs that keeps the order: as searched, operation by operation, loop by loop."""
    source = lifting.abstracted
    ordered = split_into_regions(source, ordered=True)
    ways = (ordered, one_operation_regions(ordered), split_in_source_order(source))
    reason = ""
    for number, regions in enumerate(ways):
        try:
            found, lifted, verdict = lifting.attempt(regions, number, (), direct=number == len(ways) - 1)
        except VerificationError as error:
            reason = str(error)
            continue
        if verdict.status is Status.PROVED and lifting.ill_formed_at(lifted, verdict) is None:
            return lifting.result(regions, found, lifted, verdict, notes)
        reason = verdict.reason
    hint = "without --strict-fp, sums may be reassociated"
    message = f"no program was found that keeps the order of floating-point operations: {reason}"
    raise RefusedError((Diagnostic(message, lifting.program.span, hint),))


@dataclass(frozen=True, slots=True)
class _Lifting:
    """One function on its way."""

    source: Source
    program: Program
    abstracted: Program
    sizes: Sizes
    options: Options
    budget: Budget

    def attempt(
        self,
        regions: RegionProgram,
        number: int,
        refuted: Sequence[Mapping[str, int]],
        direct: bool = False,
    ) -> tuple[LiftedRegions, TensorProgram, Verdict]:
        """Search, clean up and prove once. VerificationError where nothing is found or confirmed."""
        search = LiftOptions(
            budget_s=self.budget.for_search,
            attempt=number,
            refuted=tuple(refuted),
            seed=self.options.seed,
            sizes=self.sizes.values,
            direct=direct,
            progress=self.options.progress,
        )
        found = lift_regions(regions, self.options.dialect, search)
        needed = initial_contents_needed(self.abstracted)
        lifted = simplify(found.program)
        if self.options.strict_fp:
            lifted = without_steps(lifted, self.options.dialect)
        lifted = conform(lifted, self.abstracted, needed)
        return found, lifted, self.prove(lifted, last=direct)

    def prove(self, lifted: TensorProgram, last: bool) -> Verdict:
        """The verdict at the level asked for, or at the level of tests, below which nothing is given out.

        Raises UnconfirmedError where the program is not confirmed. `last`: there is none to try after it.
        """
        source, options = self.abstracted, self.options
        try:
            verdict = prove(
                source,
                lifted,
                options.dialect,
                level=options.level,
                budget_s=self.budget.for_proof,
                seed=options.seed,
                strict_fp=options.strict_fp,
            )
            # Small sizes may be none that the source admits: it may leave its arrays under conditions on
            # data. At those that it fixes it does not.
            fixed = {size.name: size.value for size in source.sizes if size.value is not None}
            for pinned in ({}, fixed):
                if verdict.level is None and verdict.status is not Status.REFUTED:
                    verdict = prove(
                        source,
                        lifted,
                        options.dialect,
                        level="tested",
                        budget_s=self.budget.for_tests(last),
                        seed=options.seed,
                        sizes=pinned,
                    )
        except UsageError as error:
            raise VerificationError(
                f"{source.name}: the program found does not fit its source: {error}"
            ) from error
        if verdict.level is None and verdict.status is not Status.REFUTED:
            raise UnconfirmedError(
                f"{source.name}: the program found was not confirmed in {options.budget_s:g} s and"
                f" {GRACE_SECONDS:g} s of grace: {verdict.reason}"
            )
        return verdict

    def ill_formed_at(self, lifted: TensorProgram, verdict: Verdict) -> Mapping[str, int] | None:
        """The first sizes, of those tested and those at hand, at which an op does not take its operands."""
        for sizes in (self.sizes.values, *verdict.sizes):
            if ill_formed(lifted, sizes, self.options.dialect):
                return sizes
        return None

    def result(
        self,
        regions: RegionProgram,
        found: LiftedRegions,
        lifted: TensorProgram,
        verdict: Verdict,
        notes: Sequence[Diagnostic],
    ) -> Lifted:
        rows = _regions(regions, found, verdict)
        if found.cut_short:
            notes = [*notes, _spent_note(self.program, self.options.budget_s)]
        seconds = self.budget.spent
        return Lifted(
            self.source,
            self.program,
            self.abstracted,
            lifted,
            self.sizes,
            rows,
            verdict,
            tuple(notes),
            seconds,
            self.options.strict_fp,
        )


def _with_abstracted(sizes: Sizes, abstracted: Program) -> Sizes:
    """The sizes with those that were constants in the source."""
    known = sizes.values
    fixed = [
        ChosenSize(size.name, size.value, Origin.FIXED)
        for size in abstracted.sizes
        if size.name not in known and size.value is not None
    ]
    return Sizes((*sizes.chosen, *fixed))


def _unconfirmed_note(program: Program, reason: str) -> Diagnostic:
    return Diagnostic(f"no tensor program was confirmed, all loops stay ({reason})", program.span, "", "note")


def _spent_note(program: Program, seconds: float) -> Diagnostic:
    message = f"the budget of {seconds:g} s was spent; loops stay that a longer search might lift"
    return Diagnostic(message, program.span, "give it longer with --budget SECONDS", "note")


def _size_note(program: Program, name: str, value: int) -> Diagnostic:
    return Diagnostic(
        f"size {name} not given; printed for {name} = {value}",
        program.span if program.span is not NO_SPAN else NO_SPAN,
        f"pass --size {name}=...",
        "note",
    )


def _regions(regions: RegionProgram, found: LiftedRegions, verdict: Verdict) -> tuple[LiftedRegion, ...]:
    """A report for every region, in the order of the program."""
    rows: list[LiftedRegion] = []
    for (_, depth), report in zip(_in_order(regions), found.reports, strict=True):
        counted = report.statistics
        rows.append(
            LiftedRegion(
                report.array,
                report.lines,
                report.ops,
                level_name(verdict),
                depth + report.residual_loops,
                Counters(counted.enumerated, counted.static, counted.evaluated, counted.equivalent),
                counted.seconds,
            )
        )
    return tuple(rows)


def _in_order(program: RegionProgram) -> list[tuple[Region, int]]:
    """The regions in order, each with the number of sequential loops around it."""
    found: list[tuple[Region, int]] = []
    pending: list[tuple[RegionStep, int]] = [(step, 0) for step in reversed(program.body)]
    while pending:
        step, depth = pending.pop()
        if isinstance(step, Region):
            found.append((step, depth))
        else:
            pending += [(inner, depth + 1) for inner in reversed(step.body)]
    return found


def lift_all(source: Source, options: Options) -> tuple[tuple[Lifted, ...], tuple[Diagnostic, ...]]:
    """Lift every function of a source that is accepted; the diagnostics say why others are not.

    Given sizes go to the functions that have them. Raises UsageError for a size that no function has, and
    otherwise as `lift` does; RefusedError where the source as a whole is refused.
    """
    parsed = source.parse_all()
    if not parsed.programs and not parsed.diagnostics:
        raise UsageError(f"{source.filename} defines no function")
    if len(parsed.programs) == 1:
        return (lift_program(source, parsed.programs[0], options),), parsed.diagnostics
    known = {size.name for program in parsed.programs for size in program.sizes if size.is_parameter}
    unknown = [name for name in options.sizes if name not in known]
    if unknown and parsed.programs:
        raise UsageError(f"no function of {source.filename} has a size parameter {unknown[0]!r}")
    lifted: list[Lifted] = []
    for program in parsed.programs:
        own = {size.name for size in program.sizes}
        sizes = {name: value for name, value in options.sizes.items() if name in own}
        lifted.append(lift_program(source, program, replace(options, sizes=sizes)))
    return tuple(lifted), parsed.diagnostics
