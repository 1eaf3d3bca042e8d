"""The decision about a module, which has fixed sizes.

It is refuted by running, or an instance of a program with symbolic sizes that is proved, or decided at
its own sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exalift.affine import Program, fix_sizes, merge_sizes
from exalift.base import RefusedError
from exalift.dialects import TensorProgram
from exalift.dialects.stablehlo import IMPORTED
from exalift.proof import (
    Level,
    Status,
    prove,
)

from .cases import Case, read_case
from .decision import Decision, parameters
from .generalising import SMALL
from .judgement import Judgement, shown
from .ports import ModulePort


class ModuleDecision(Decision):
    """One decision about a module."""

    def of_module(self, port: ModulePort) -> Judgement:
        found = port.match(self.source, self.options.sizes)
        sizes = self.complete({**self.options.defaults, **found.sizes})
        match = port.match(self.source, {n: v for n, v in sizes.items() if n in parameters(self.source)})
        name = port.signature().name
        try:
            case = read_case(port, name, match, self.abstracted, sizes)
        except RefusedError as refusal:
            return self.by_running(port, name, match, sizes, refusal)
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

        Where sizes have one value, a module does not tell them apart; then they are taken as one, too. Nor
        does it tell sizes of 1 or 2 from numbers that are always so; then they stay what they are.
        """
        yield from ((self.abstracted, general) for general in self.generals([case]))
        small = {name: value for name, value in case.sizes.items() if value < SMALL}
        if small and len(small) < len(case.sizes):
            fixed = fix_sizes(self.abstracted, small)
            yield from ((fixed, general) for general in self.generals([case], fixed))
        merged = merge_sizes(self.abstracted, case.sizes)
        if len(merged.sizes) < len(self.abstracted.sizes):
            yield from ((merged, general) for general in self.generals([case], merged))

    def where_equal(self, source: Program, case: Case) -> str:
        """Which sizes a family takes as one, or leaves as they are, in words."""
        kept = {size.name for size in source.sizes}
        gone = [s.name for s in self.abstracted.sizes if s.name not in kept]
        like = {n: [m for m in kept if case.sizes[n] == case.sizes[m]] for n in gone}
        pairs = [f"{n} = {m}" for n, names in like.items() for m in names or [case.sizes[n]]]
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
        return self.by_running(case.port, case.function, case.match, case.sizes, refusal, verdict.reason)
