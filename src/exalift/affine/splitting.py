"""From a program to regions: the whole pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .absorption import Absorption
from .cases import Cases
from .composition import Composition
from .domains import DomainError, limited, nominal, size_context
from .expansion import Expanded, Expansion, expand, find_expansions
from .index_splitting import Split, deepest, find_splits, split
from .ir import Array, Assign, Program, Role
from .naming import assigns, fresh_name, plain_names, renamed_arrays, with_unique_ivs
from .planning import Planned, plan, plan_in_source_order
from .region_building import RegionBuilder
from .region_facts import RegionFacts
from .regions import RegionProgram, RegionStep

LARGEST_EXPANSION = 4
"""How many times larger than the source's largest array an expanded array may be that stays."""
MOST_STATEMENTS = 64
"""A program of more statements than this has no loop cut in two any more."""


def split_into_regions(program: Program, *, ordered: bool = False) -> RegionProgram:
    """Distribute a program into regions inside the sequential loops that dependences force.

    Scalars and arrays whose storage alone keeps a loop sequential are expanded; what is written only
    to be read once is merged into its reader; an expanded array that stays is at most
    `LARGEST_EXPANSION` times as large as the source's largest array, with all sizes alike. Every
    affine program splits: at worst all loops stay, around regions of single points.

    Where `ordered` is set, the order of every floating-point operation is kept: what adds up or multiplies
    floating-point numbers, or finds the largest, is no reduction but a sequential loop.
    """
    return _split(program, _Splitting.run, ordered)


def split_in_source_order(program: Program) -> RegionProgram:
    """The program with every loop kept as the source has it, around regions of single points.

    Nothing is reordered, expanded or merged: what is right for every program, and the last resort where
    what `split_into_regions` gives cannot be confirmed.
    """
    return _split(program, _Splitting.in_source_order, ordered=True)


def _split(program: Program, run: Callable[[_Splitting], _Split], ordered: bool) -> RegionProgram:
    prepared, returned = _with_returned_array(program)
    results = tuple(
        (array.name, array.name)
        for array in program.arrays
        if array.role is Role.PARAMETER
        and array.name not in program.by_value
        and _is_written(prepared, array)
    )
    kept = frozenset(name for name, _ in results)
    if returned is not None:
        kept |= {returned}
    made = run(_Splitting(prepared, kept, ordered))
    # Expansion in several steps left names behind that nobody needs to see.
    taken = {size.name for size in program.sizes} | {
        a.name for a in made.arrays if a.name not in made.origins
    }
    names = {
        array.name: fresh_name(f"{made.origins[array.name]}_expanded", taken)
        for array in made.arrays
        if array.name in made.origins
    }
    arrays = tuple(replace(array, name=names.get(array.name, array.name)) for array in made.arrays)
    body = plain_names(renamed_arrays(made.steps, names), made.originals, frozenset(taken))
    return RegionProgram(program, arrays, body, results, returned)


def _is_written(program: Program, array: Array) -> bool:
    return array.name in {assign.array for assign in assigns(program.body)}


def _with_returned_array(program: Program) -> tuple[Program, str | None]:
    """The program with its returned value, if any, assigned to a local of rank 0 at the end."""
    if program.returns is None:
        return program, None
    taken = {array.name for array in program.arrays} | {size.name for size in program.sizes}
    name = "returned"
    while name in taken:
        name += "_"
    local = Array(name, program.returns.dtype, (), Role.LOCAL, program.span)
    assign = Assign(name, (), program.returns, program.span)
    made = replace(program, arrays=(*program.arrays, local), body=(*program.body, assign), returns=None)
    return made, name


@dataclass(frozen=True, slots=True)
class _Split:
    """Steps with unique induction variables, of which `originals` names those of the source, and
    `origins` the arrays of the source that expanded ones stand for."""

    steps: tuple[RegionStep, ...]
    arrays: tuple[Array, ...]
    originals: Mapping[str, str]
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A program on its way: expanded and cut so far, and planned."""

    expanded: Expanded
    planned: Planned
    originals: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Splitting:
    """The search for expansions and cuts around distribution."""

    program: Program
    kept: frozenset[str]
    ordered: bool = False

    def run(self) -> _Split:
        try:
            with limited(0):
                return self.best()
        except DomainError:
            with limited(0):
                return self.in_source_order()

    def in_source_order(self) -> _Split:
        """What is always there: all loops, around single points."""
        program, originals = with_unique_ivs(self.program)
        planned = plan_in_source_order(program, self.ordered)
        steps = self.built(planned)
        arrays = tuple(a for a in program.arrays if a.role is Role.PARAMETER or a.name in self.used(steps))
        return _Split(steps, arrays, originals, {})

    def built(self, planned: Planned) -> tuple[RegionStep, ...]:
        """The plan's regions as they are."""
        arrays = {array.name: array for array in planned.program.arrays}
        sizes = frozenset(size.name for size in planned.program.sizes)
        known = size_context(planned.program)
        return RegionBuilder(arrays, sizes, known, planned.reasons).steps(planned.plans)

    def used(self, steps: tuple[RegionStep, ...]) -> frozenset[str]:
        return RegionFacts().arrays_of(steps) | self.kept

    def best(self) -> _Split:
        rejected: set[Expansion] = set()
        while True:
            found = self.searched(rejected)
            made = self.composed(found, frozenset())
            large = self.too_large(made, found.expanded)
            if large:
                made = self.composed(found, frozenset(large))
                large = self.too_large(made, found.expanded)
            if not large:
                return made
            more = {found.expanded.history[name] for name in large} - rejected
            if not more:
                return self.composed(self.start(), frozenset())
            rejected |= more

    def start(self) -> _Candidate:
        program, originals = with_unique_ivs(self.program)
        return _Candidate(Expanded(program, {}, {}, {}), plan(program, self.ordered), originals)

    def searched(self, rejected: set[Expansion]) -> _Candidate:
        """Expand and cut as long as that takes statements out of loops."""
        current = self.start()
        refused = set(rejected)
        refused_cuts: set[Split] = set()
        while True:
            better = self.with_expansion(current, refused) or self.with_cut(current, refused_cuts)
            if better is None:
                return current
            current = better

    def with_expansion(self, current: _Candidate, refused: set[Expansion]) -> _Candidate | None:
        for expansion in find_expansions(current.planned):
            if refused & set(expansion.single()):
                continue
            expanded = expand(current.expanded, current.planned, expansion)
            if expanded is not None:
                planned = plan(expanded.program, self.ordered)
                if planned.cost < current.planned.cost:
                    return replace(current, expanded=expanded, planned=planned)
            refused |= set(expansion.single())
        return None

    def with_cut(self, current: _Candidate, refused: set[Split]) -> _Candidate | None:
        for cut in find_splits(current.planned):
            if cut in refused or len(current.planned.leaves) > MOST_STATEMENTS:
                continue
            program, names = with_unique_ivs(split(current.expanded.program, cut))
            planned = plan(program, self.ordered)
            twice = {name for name, original in names.items() if original == cut.iv}
            if deepest(planned, twice) < deepest(current.planned, {cut.iv}):
                originals = {name: current.originals.get(old, old) for name, old in names.items()}
                return _Candidate(replace(current.expanded, program=program), planned, originals)
            refused.add(cut)
        return None

    def composed(self, found: _Candidate, inlined: frozenset[str]) -> _Split:
        planned = found.planned
        sizes = frozenset(size.name for size in planned.program.sizes)
        known = size_context(planned.program)
        steps = self.built(planned)
        local = frozenset(a.name for a in planned.program.arrays if a.role is Role.LOCAL) - self.kept
        steps = Composition(known, self.kept, local, inlined).run(steps)
        facts = RegionFacts()
        steps = Absorption(sizes, facts).run(steps, known)
        steps = Cases(sizes, facts).run(steps, known)
        used = self.used(steps)
        left = tuple(a for a in planned.program.arrays if a.role is Role.PARAMETER or a.name in used)
        return _Split(steps, left, found.originals, found.expanded.origins)

    def too_large(self, made: _Split, expanded: Expanded) -> list[str]:
        largest = max((_nominal_points(array) for array in self.program.arrays), default=1)
        added = [array for array in made.arrays if array.name in expanded.history]
        return [array.name for array in added if _nominal_points(array) > LARGEST_EXPANSION * largest]


def _nominal_points(array: Array) -> int:
    return math.prod(max(1, nominal(extent)) for extent in array.shape)
