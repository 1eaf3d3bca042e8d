"""Equality of a source and a lifted program for all sizes: step by step, loops by induction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from exalift.affine import (
    Affine,
    Condition,
    Constraint,
    DomainError,
    Guard,
    Program,
    Region,
    RegionProgram,
    RegionStep,
    Role,
    SequentialLoop,
    limited,
    split_into_regions,
)
from exalift.base import ExaliftError
from exalift.dialects import Dialect, Step, TensorLoop, TensorProgram, TensorType, Update

from .formula_values import Evaluator, Stored, axes_guard, inside, symbolic
from .opaque import Registry
from .sums import Sum, UndecidedError, Work, difference_is_zero, restricted

_ISL_OPERATIONS = 20_000_000

ASSUMPTIONS = (
    "sums and products may be reassociated, and sums of products distributed",
    "no value is infinite or NaN",
    "sizes, indices, and index arithmetic fit their integer types",
)
"""What `all-sizes` relies on beyond the assumptions of every proof."""


@dataclass(frozen=True, slots=True)
class AllSizes:
    """The outcome: whether equality is proved for all sizes; if not, why it is unknown."""

    proved: bool
    reason: str
    seconds: float
    steps: int = 0


def prove_all_sizes(
    source: Program, lifted: TensorProgram, dialect: Dialect, *, budget_s: float = 2.0
) -> AllSizes:
    """Try to prove a lifted program equal to its source for all sizes that the source admits.

    Equal means: over the reals, and over the integers modulo 2^n, for all contents of the parameters,
    with `ASSUMPTIONS`. Never refutes. See docs/proof.md for what is trusted and what is not handled.
    The budget is looked at between isl operations, whose number is bounded too.
    """
    start = time.monotonic()
    work = Work(start + budget_s)
    steps = 0
    try:
        with limited(_ISL_OPERATIONS):
            comparison = _Comparison(_regions(source), lifted, dialect, work)
            comparison.run()
            steps = comparison.steps
    except (UndecidedError, DomainError, ExaliftError) as error:
        return AllSizes(False, str(error), time.monotonic() - start)
    except RecursionError:
        return AllSizes(False, "the programs are nested too deeply", time.monotonic() - start)
    return AllSizes(True, "equal for all values at all sizes", time.monotonic() - start, steps)


@lru_cache(maxsize=4)
def _regions(source: Program) -> RegionProgram:
    """The split takes most of the time, and one source is compared with several programs."""
    return split_into_regions(source)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a step stands: what is known of `symbols`, which are sizes and the variables of loops around.

    The variables have names of their own here; `source` and `target` say what the programs call them.
    """

    known: Condition
    symbols: frozenset[str]
    source: Mapping[str, Affine]
    target: Mapping[str, Affine]


class _Comparison:
    """One comparison. `equal` are the names of arrays that hold the same on both sides at this point."""

    def __init__(self, regions: RegionProgram, lifted: TensorProgram, dialect: Dialect, work: Work) -> None:
        self.regions = regions
        self.lifted = lifted
        self.dialect = dialect
        self.work = work
        self.steps = 0
        self.called = _called(regions, lifted)
        self.types = {
            self.called[array.name]: TensorType(array.shape, array.dtype) for array in regions.arrays
        }
        given = [*lifted.arguments, *lifted.locals]
        self.target_types = {item.name: item.type for item in given}
        if len(self.target_types) != len(given):
            raise UndecidedError("two arrays of the lifted program have one name")
        names = [*self.called, *self.target_types, *(size.name for size in regions.source.sizes)]
        if any("%" in name or "@" in name for name in names):
            raise UndecidedError("a name that the normal form uses itself")
        self.equal = self._equal_at_start()

    def _equal_at_start(self) -> frozenset[str]:
        """Parameters that are arguments; and locals of both, whose contents the source cannot depend on."""
        parameters = {a.name for a in self.regions.source.arrays if a.role is Role.PARAMETER}
        arguments = {argument.name for argument in self.lifted.arguments}
        return frozenset(
            called
            for name, called in self.called.items()
            if self.types[called] == self.target_types.get(called)
            and (name in parameters) == (called in arguments)
            and (name == called or name not in parameters)
        )

    def run(self) -> None:
        """Raises UndecidedError where equality is not proved."""
        source = self.regions.source
        scope = _Scope(Condition.on_sizes(source), frozenset(size.name for size in source.sizes), {}, {})
        self._steps(self.regions.body, self.lifted.body, scope)
        results = {result.name: result.array for result in self.lifted.results}
        homes = dict(self.regions.results)
        if self.regions.returned is not None:
            self._result("return", self.regions.returned, results.get("return"))
        for array in source.arrays:
            if array.role is not Role.PARAMETER:
                continue
            name = array.name
            if name in results or (name in homes and name not in source.by_value):
                self._result(name, homes.get(name, name), results.get(name))

    def _result(self, name: str, here: str, there: str | None) -> None:
        if self.called[here] != there or there not in self.equal:
            raise UndecidedError(f"{name!r} is not seen to end up equal")

    def _steps(self, source: Sequence[RegionStep], target: Sequence[Step], scope: _Scope) -> None:
        """Go over both lists, segment by segment; afterwards `equal` is what holds after them."""
        at, to = 0, 0
        while at < len(source) or to < len(target):
            regions = _until_loop(source, at)
            updates = _until_update_ends(target, to)
            at, to = at + len(regions), to + len(updates)
            self._segment(regions, updates, scope)
            if at < len(source) and to < len(target):
                left, right = source[at], target[to]
                assert isinstance(left, SequentialLoop) and isinstance(right, TensorLoop)
                self._loop(left, right, scope)
                at, to = at + 1, to + 1
            elif at < len(source) or to < len(target):
                raise UndecidedError("only one of the programs has a loop")

    def _loop(self, source: SequentialLoop, target: TensorLoop, scope: _Scope) -> None:
        """By induction: arrays that are equal before are equal after, if the body keeps them equal."""
        iv = f"%i{len(scope.symbols)}"
        known = scope.known & _iterations(iv, source.lower, source.upper, scope.source)
        if not known.equals(scope.known & _iterations(iv, target.lower, target.upper, scope.target)):
            raise UndecidedError("two loops do not run over the same range")
        symbol = Affine.symbol(iv)
        here, there = {**scope.source, source.iv: symbol}, {**scope.target, target.iv: symbol}
        inner = _Scope(known, scope.symbols | {iv}, here, there)
        while True:
            before = self.equal
            self._steps(source.body, target.body, inner)
            after = self.equal
            if before <= after:
                self.equal = before
                return
            self.equal = before & after

    def _segment(self, regions: list[Region], updates: list[Update], scope: _Scope) -> None:
        """Straight-line steps: one by one where both write the same arrays in one order, else as a whole."""
        if [self.called[region.array] for region in regions] == [update.array for update in updates]:
            before = self.equal
            for region, update in zip(regions, updates, strict=True):
                if not self._one_step(region, update, scope):
                    break
            else:
                return
            self.equal = before
        if len(regions) + len(updates) > 0:
            self._straight(regions, updates, scope)

    def _one_step(self, region: Region, update: Update, scope: _Scope) -> bool:
        try:
            return self._straight([region], [update], scope)
        except UndecidedError:
            self.work.check()
            return False

    def _straight(self, regions: list[Region], updates: list[Update], scope: _Scope) -> bool:
        """Compose both sides and compare what they write; afterwards `equal` is right. Whether all agree."""
        registry = Registry(self.work, scope.symbols)
        evaluator = Evaluator(self.dialect, registry, self.work, scope.known, scope.target)
        names = [(array.name, self.called[array.name]) for array in self.regions.arrays]
        left = {name: self._at_entry(called, self.types[called], "source") for name, called in names}
        right = {name: self._at_entry(name, type, "target") for name, type in self.target_types.items()}
        for region in regions:
            left = {**left, region.array: _after_region(region, scope.source, left, evaluator)}
        for update in updates:
            if self.target_types.get(update.array) != update.value.type:
                raise UndecidedError(f"{update.array!r} is given a value of another type")
            right = {**right, update.array: evaluator.node(update.value, right)}
        sources = {called: left[name] for name, called in names}
        written = dict.fromkeys([self.called[r.array] for r in regions] + [u.array for u in updates])
        agreed: set[str] = set()
        for name in written:
            alike = name in sources and self.types[name] == self.target_types.get(name)
            if alike and self._same(sources[name], right[name], evaluator):
                agreed.add(name)
        self.equal = (self.equal - written.keys()) | agreed
        return len(agreed) == len(written)

    def _at_entry(self, name: str, type: TensorType, side: str) -> Stored:
        return symbolic(name if name in self.equal else f"{name}@{side}", type.shape)

    def _same(self, left: Stored, right: Stored, evaluator: Evaluator) -> bool:
        self.steps += 1
        at = tuple(Affine.symbol(f"%t{k}") for k in range(len(left.shape)))
        where = evaluator.everywhere & Condition.of(inside(at, left.shape))
        return difference_is_zero(left.contents(at, where), right.contents(at, where), where, self.work)


def _called(regions: RegionProgram, lifted: TensorProgram) -> dict[str, str]:
    """What the arrays of the source are called in the lifted program: mostly the same."""
    called = {array.name: array.name for array in regions.arrays}
    homes = dict(regions.results)
    if regions.returned is not None:
        homes["return"] = regions.returned
    there = {item.name for item in (*lifted.arguments, *lifted.locals)}
    for result in lifted.results:
        home = homes.get(result.name)
        if home is not None and home not in there and result.array not in called.values():
            called[home] = result.array
    return called


def _until_loop(steps: Sequence[RegionStep], start: int) -> list[Region]:
    found: list[Region] = []
    for step in steps[start:]:
        if not isinstance(step, Region):
            break
        found.append(step)
    return found


def _until_update_ends(steps: Sequence[Step], start: int) -> list[Update]:
    found: list[Update] = []
    for step in steps[start:]:
        if not isinstance(step, Update):
            break
        found.append(step)
    return found


def _iterations(
    iv: str, lower: Sequence[Affine], upper: Sequence[Affine], renamed: Mapping[str, Affine]
) -> Condition:
    at = Affine.symbol(iv)
    rows = [Constraint(at - bound.substitute(renamed)) for bound in lower]
    rows += [Constraint(bound.substitute(renamed) - at - 1) for bound in upper]
    return Condition.of(Guard.of(*rows))


def _after_region(
    region: Region, variables: Mapping[str, Affine], arrays: Mapping[str, Stored], evaluator: Evaluator
) -> Stored:
    """What the array of a region holds after it: the sum of the values written, and the old one elsewhere.

    No two iterations write one element, so the sum has at most one term. Axes that the subscripts
    tell are replaced, the others stay bound.
    """
    before = arrays[region.array]

    def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
        fresh = {axis.name: evaluator.work.fresh() for axis in region.axes}
        names = {**variables, **{name: Affine.symbol(new) for name, new in fresh.items()}}
        told = _told(region, variables, indices)
        names.update(told)
        bound = tuple(new for name, new in fresh.items() if name not in told)
        here = axes_guard(region.axes, names) & region.guard.substitute(names)
        rows = [
            Constraint(at - index.substitute(names), True)
            for at, index in zip(indices, region.indices, strict=True)
        ]
        writes = Condition.of(here & Guard.of(*(row for row in rows if row.expression != Affine())))
        there = where & writes
        value = evaluator.value(region.value, names, there, arrays) if not there.is_empty else ()
        written = tuple(replace(t, bound=t.bound + bound) for t in restricted(value, there))
        rest = where - there.exists(bound)
        return written if rest.is_empty else written + restricted(before.contents(indices, rest), rest)

    return Stored(before.shape, contents)


def _told(region: Region, variables: Mapping[str, Affine], indices: tuple[Affine, ...]) -> dict[str, Affine]:
    """Axes as functions of the element that is written, where a subscript tells."""
    names = {axis.name for axis in region.axes}
    outside = {name: value for name, value in variables.items() if name not in names}
    told: dict[str, Affine] = {}
    progress = True
    while progress:
        progress = False
        for at, index in zip(indices, region.indices, strict=True):
            open_axes = (index.names & names) - told.keys()
            if len(open_axes) != 1:
                continue
            axis = next(iter(open_axes))
            coefficient = index.coefficient(axis)
            rest = index - Affine.symbol(axis) * coefficient
            if abs(coefficient) == 1 and axis not in rest.names:
                told[axis] = (at - rest.substitute({**outside, **told})) * coefficient
                progress = True
    return told
