"""The proof of one pair of programs: tests first, which refute cheaply, then all sizes, then small ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from exalift.affine import Program, Role
from exalift.base import NO_ALIAS, NO_OVERFLOW, UsageError
from exalift.dialects import Dialect, TensorProgram

from .all_sizes import ASSUMPTIONS, STRICT_ASSUMPTIONS, AllSizes, prove_all_sizes
from .bounded import BoundedOutcome, prove_bounded
from .runs import Pair
from .sizes import SizeSpace, SmallSizes, sizes_for_tests, small_sizes
from .tested import TestOutcome, run_tests
from .verdict import Counterexample, Level, Sizes, Status, Verdict

# Every size takes its lowest values, as many as this; then more, if time allows, for a moment.
_WIDTH = 3
_WIDER = 5
_WIDER_S = 1.0
# The part of the budget that tests may take where a proof is asked for.
_TEST_SHARE = 0.3
# What the attempt at all sizes may take: a share of the budget, and seconds of the processor; most that
# succeed take a tenth of one.
_ALL_SIZES_SHARE = 0.5
_ALL_SIZES_S = 6.0
# The part after which sizes that add no new pair are left out.
_ENOUGH_SHARE = 0.4

_REALS = "floating-point numbers are exact reals: rounding, overflow, NaN and divisions by zero are left out"

LevelName = Literal["tested", "bounded"]


def prove(
    source: Program,
    lifted: TensorProgram,
    dialect: Dialect,
    *,
    level: LevelName = "bounded",
    budget_s: float = 10.0,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
    all_sizes: bool = True,
    strict_fp: bool = False,
) -> Verdict:
    """Decide, as far as the budget goes, whether a lifted program is its source's.

    `level` is what is asked for; the verdict says which level was reached. `sizes` pins sizes to
    values. All other sizes, those that the source fixes and a pass made symbolic included, take
    small values that `source.constraints` and the minima allow.

    PROVED at `all-sizes`, which is tried where `bounded` is asked for and `all_sizes` is set: for
    every value of the sizes, all results are equal for all inputs (see `prove_all_sizes`); `sizes` of
    the verdict are then those of the tests that came before.
    PROVED at `bounded`: for every tuple of sizes in the verdict, all elements of all results are
    equal for all inputs. Where there are too many tuples for the budget, these are at least so many
    that any two sizes take every pair of their values; the reason says so.
    PROVED where `strict_fp` is set: every result is the same bit for bit, at every size, since the lifted
    program does the same floating-point operations in the same order. There is no weaker level of that:
    otherwise it is UNKNOWN.
    REFUTED: there is a counterexample, confirmed by running both programs, or the lifted program has
    no meaning at sizes that the source admits. UNKNOWN: neither.

    Not handled: rounding (an exact equality that loses all digits is an equality), sizes beyond the
    small ones, ops without a formula (UNKNOWN), aliasing parameters.
    Raises UsageError where arguments, results or sizes do not fit the source. Time: the budget, and
    what the last step takes beyond it, a solver query of some seconds at most.
    """
    start = time.monotonic()
    pair = Pair(source, lifted, dialect)
    pair.check()
    space = SizeSpace.of(source, _known(source, sizes or {}))
    asked = Level(level)
    deadline = start + budget_s
    tests_until = deadline if asked is Level.TESTED else start + budget_s * _TEST_SHARE
    report = _Report(pair, asked, start)
    try:
        tests = run_tests(pair, sizes_for_tests(space), seed, tests_until)
        refuted = report.refutation(tests.counterexample, tests.ill_formed)
        if refuted is not None:
            return refuted
        if asked is Level.TESTED:
            return report.of_tests(tests)
        if strict_fp:
            left = max(_ALL_SIZES_S, deadline - time.monotonic())
            kept = prove_all_sizes(source, lifted, dialect, budget_s=left, strict_fp=True)
            return report.of_order(tests, kept)
        if all_sizes and tests.sizes:
            seconds = budget_s * _ALL_SIZES_SHARE
            for_all = prove_all_sizes(source, lifted, dialect, budget_s=seconds, computing_s=_ALL_SIZES_S)
            if for_all.proved:
                return report.of_all_sizes(tests, for_all)
        small = small_sizes(space, _WIDTH)
        outcome = prove_bounded(pair, small, deadline, start + budget_s * _ENOUGH_SHARE)
        if outcome.finished and not outcome.undecided and small.complete:
            small = _widen(pair, space, small, outcome, deadline)
    except UsageError as error:
        return report.verdict(Status.UNKNOWN, None, (), str(error))
    refuted = report.refutation(outcome.counterexample, outcome.ill_formed)
    return refuted if refuted is not None else report.of_proof(tests, small, outcome)


def _widen(
    pair: Pair, space: SizeSpace, small: SmallSizes, outcome: BoundedOutcome, deadline: float
) -> SmallSizes:
    """Go on to larger sizes for a moment; what stays undecided there is left out.

    Gives the sizes that were all decided: larger ones where time sufficed, `small` otherwise.
    """
    until = min(deadline, time.monotonic() + _WIDER_S)
    done = {tuple(sizes.values()) for sizes in outcome.sizes}
    wider = small_sizes(space, _WIDER)
    rest = [sizes for sizes in wider.tuples if tuple(sizes.values()) not in done]
    more = prove_bounded(pair, SmallSizes(tuple(rest), 0, wider.bounds, wider.complete), until)
    outcome.sizes += more.sizes
    outcome.by_normal_form += more.by_normal_form
    outcome.by_solver += more.by_solver
    outcome.inadmissible += more.inadmissible
    outcome.counterexample, outcome.ill_formed = more.counterexample, more.ill_formed
    return wider if more.finished and wider.complete and not more.undecided else small


def _known(source: Program, sizes: Mapping[str, int]) -> Mapping[str, int]:
    names = {size.name for size in source.sizes}
    for name in sizes:
        if name not in names:
            raise UsageError(f"{source.name} has no size {name!r}")
    return sizes


def _extent(small: SmallSizes, outcome: BoundedOutcome) -> str:
    """For which sizes it is proved, in words."""
    if not small.bounds:
        return "equal for all values"
    count = len(outcome.sizes)
    ranges = ", ".join(f"{name} {low}..{high}" for name, (low, high) in small.bounds.items())
    if not outcome.finished or not small.complete:
        return f"equal for all values at {count} tuples of sizes, which cover all pairs with {ranges}"
    more = count + outcome.inadmissible - len(small.tuples)
    beyond = f", and {more} beyond these" if more > 0 else ""
    return f"equal for all values at {count} tuples of sizes: all with {ranges}{beyond}"


def assumptions_of(source: Program, level: Level | None = None) -> tuple[str, ...]:
    """What a verdict on a source relies on; at `all-sizes`, more than at the other levels."""
    found = list(source.assumptions)
    dtypes = {array.dtype for array in source.arrays}
    if any(dtype.is_float for dtype in dtypes):
        found.append(_REALS)
    if any(dtype.is_integer and dtype.is_signed for dtype in dtypes):
        found.append(NO_OVERFLOW)
    parameters = [array for array in source.arrays if array.role is Role.PARAMETER]
    if sum(bool(array.shape) for array in parameters) > 1:
        found.append(NO_ALIAS)
    if level is Level.ALL_SIZES:
        found += ASSUMPTIONS
    return tuple(dict.fromkeys(found))


class _Report:
    """Verdicts of one call, with its assumptions and its time."""

    def __init__(self, pair: Pair, asked: Level, start: float) -> None:
        self.pair = pair
        self.asked = asked
        self.start = start

    def verdict(
        self,
        status: Status,
        level: Level | None,
        sizes: tuple[Sizes, ...],
        reason: str,
        counterexample: Counterexample | None = None,
        witness: Mapping[str, int] | None = None,
    ) -> Verdict:
        seconds = time.monotonic() - self.start
        assumptions = assumptions_of(self.pair.source) if status is not Status.REFUTED else ()
        return Verdict(
            status, level, sizes, assumptions, counterexample, reason, seconds, dict(witness or {})
        )

    def refutation(self, counterexample: Counterexample | None, ill_formed: str) -> Verdict | None:
        if counterexample is not None:
            return self.verdict(Status.REFUTED, None, (), str(counterexample), counterexample)
        if ill_formed:
            reason = f"the lifted program has no meaning where the source has: {ill_formed}"
            return self.verdict(Status.REFUTED, None, (), reason)
        return None

    def of_tests(self, tests: TestOutcome) -> Verdict:
        if not tests.sizes:
            reason = tests.inadmissible or "no run was finished within the budget"
            return self.verdict(Status.UNKNOWN, None, (), reason)
        reason = f"equal in {tests.runs} runs at {len(tests.sizes)} tuples of sizes"
        witness = {"runs": tests.runs}
        return self.verdict(Status.PROVED, Level.TESTED, tuple(tests.sizes), reason, witness=witness)

    def of_all_sizes(self, tests: TestOutcome, outcome: AllSizes) -> Verdict:
        sizes = tuple(tests.sizes)
        witness = {"runs": tests.runs, "steps": outcome.steps}
        found = self.verdict(Status.PROVED, Level.ALL_SIZES, sizes, outcome.reason, witness=witness)
        return replace(found, assumptions=(*found.assumptions, *ASSUMPTIONS))

    def of_order(self, tests: TestOutcome, outcome: AllSizes) -> Verdict:
        """The verdict on whether every floating-point operation is kept, in its order."""
        known = self.of_tests(tests)
        if outcome.proved:
            reason = "the same floating-point operations in the same order, at all sizes"
            witness = {"runs": tests.runs, "steps": outcome.steps}
            found = self.verdict(Status.PROVED, Level.ALL_SIZES, tuple(tests.sizes), reason, witness=witness)
            assumed = [sentence for sentence in found.assumptions if sentence != _REALS]
            return replace(found, assumptions=(*assumed, *STRICT_ASSUMPTIONS))
        reason = f"the order of floating-point operations is not seen to be kept: {outcome.reason}"
        return self.verdict(Status.UNKNOWN, known.level, known.sizes, reason, witness=known.witness)

    def of_proof(self, tests: TestOutcome, small: SmallSizes, outcome: BoundedOutcome) -> Verdict:
        if outcome.undecided or not outcome.sizes or not outcome.covered or not small.reaching:
            known = self.of_tests(tests)
            why = outcome.undecided[0] if outcome.undecided else "the budget is spent"
            if not small.reaching:
                why = "at small sizes the source does not do all that it can"
            if not small.tuples:
                why = "no small sizes satisfy the constraints"
            reason = f"not decided for all values: {why}"
            return self.verdict(Status.UNKNOWN, known.level, known.sizes, reason, witness=known.witness)
        reason = _extent(small, outcome)
        witness = {
            "runs": tests.runs,
            "elements_by_normal_form": outcome.by_normal_form,
            "elements_by_solver": outcome.by_solver,
        }
        return self.verdict(Status.PROVED, Level.BOUNDED, tuple(outcome.sizes), reason, witness=witness)
