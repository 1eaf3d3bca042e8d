"""From a program to regions: the whole pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .absorption import Absorption
from .composition import Composition
from .domains import nominal, size_context
from .expansion import Expanded, Expansion, expand, find_expansions
from .ir import Array, Assign, Program, Role
from .naming import assigns, plain_names, with_unique_ivs
from .planning import Planned, plan
from .region_building import RegionBuilder
from .region_facts import RegionFacts
from .regions import RegionProgram, RegionStep

LARGEST_EXPANSION = 4
"""How many times larger than the source's largest array an expanded array may be that stays."""


def split_into_regions(program: Program) -> RegionProgram:
    """Distribute a program into regions inside the sequential loops that dependences force.

    Scalars and arrays whose storage alone keeps a loop sequential are expanded; what is written only
    to be read once is merged into its reader; an expanded array that stays is at most
    `LARGEST_EXPANSION` times as large as the source's largest array, with all sizes alike. Every
    affine program splits: at worst all loops stay, around regions of single points.
    """
    prepared, returned = _with_returned_array(program)
    prepared, originals = with_unique_ivs(prepared)
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
    made = _Splitting(prepared, kept).run()
    reserved = frozenset(size.name for size in program.sizes) | {array.name for array in made.arrays}
    body = plain_names(made.steps, originals, reserved)
    used = RegionFacts().arrays_of(body) | kept
    left = tuple(a for a in made.arrays if a.role is Role.PARAMETER or a.name in used)
    return RegionProgram(program, left, body, results, returned)


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
    steps: tuple[RegionStep, ...]
    arrays: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class _Splitting:
    """The search for expansions around distribution; `program` has unique induction variables."""

    program: Program
    kept: frozenset[str]

    def run(self) -> _Split:
        rejected: set[Expansion] = set()
        while True:
            expanded, planned = self.expanded(rejected)
            made = self.composed(planned, frozenset())
            large = self.too_large(made, expanded)
            if large:
                made = self.composed(planned, frozenset(large))
                large = self.too_large(made, expanded)
            if not large:
                return made
            rejected |= {expanded.history[name] for name in large}

    def expanded(self, rejected: set[Expansion]) -> tuple[Expanded, Planned]:
        """Expand as long as that takes statements out of loops."""
        current = Expanded(self.program, {}, {}, {})
        planned = plan(self.program)
        refused = set(rejected)
        progress = True
        while progress:
            progress = False
            for expansion in find_expansions(planned):
                if refused & set(expansion.single()):
                    continue
                trial = expand(current, planned, expansion)
                better = plan(trial.program) if trial is not None else planned
                if trial is not None and better.cost < planned.cost:
                    current, planned, progress = trial, better, True
                    break
                refused |= set(expansion.single())
        return current, planned

    def composed(self, planned: Planned, inlined: frozenset[str]) -> _Split:
        arrays = {array.name: array for array in planned.program.arrays}
        sizes = frozenset(size.name for size in planned.program.sizes)
        known = size_context(planned.program)
        steps = RegionBuilder(arrays, sizes, known, planned.reasons).steps(planned.plans)
        steps = Composition(known, self.kept, inlined).run(steps)
        return _Split(Absorption(sizes, RegionFacts()).run(steps, known), planned.program.arrays)

    def too_large(self, made: _Split, expanded: Expanded) -> list[str]:
        largest = max((_nominal_points(array) for array in self.program.arrays), default=1)
        used = RegionFacts().arrays_of(made.steps)
        return [
            array.name
            for array in made.arrays
            if array.name in expanded.history
            and array.name in used
            and _nominal_points(array) > LARGEST_EXPANSION * largest
        ]


def _nominal_points(array: Array) -> int:
    return math.prod(max(1, nominal(extent)) for extent in array.shape)
