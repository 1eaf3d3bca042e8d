"""The decision about a function, which can be traced at any sizes and may do something else at each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from exalift.base import RefusedError, UsageError
from exalift.dialects import TensorProgram
from exalift.proof import (
    Level,
    Status,
    admissible_near,
    size_tuples,
)

from .cases import Case, read_case
from .decision import Decision
from .instances import is_instance
from .judgement import Judgement, Refutation, Sizes, shown
from .ports import FunctionPort, listed

_TEST_SHARE = 0.2
_MOST_TRACES = 12
_MOST_SMALLER = 40
_PROBE = 5
_RUN_LIMIT = 3


class FunctionDecision(Decision):
    """One decision about a function."""

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
            return read_case(module, signature.name, match, self.abstracted, sizes)
        except RefusedError as refusal:
            return self.by_running(module, signature.name, match, sizes, refusal)

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
                    case.port, case.function, case.match, case.sizes, refusal, verdict.reason
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
