"""From a program to regions: the whole pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .composition import Composition, arrays_of
from .dependences import find_dependences
from .distribution import Plans, distribute
from .domains import size_context
from .ir import Array, Assign, Program, Role
from .naming import plain_names, with_unique_ivs
from .reasons import Reasons
from .region_building import RegionBuilder
from .regions import RegionProgram
from .statements import Leaf, find_leaves


@dataclass(frozen=True, slots=True)
class Distributed:
    """A program with the plan that distribution made for it."""

    program: Program
    leaves: tuple[Leaf, ...]
    plans: Plans
    reasons: Reasons

    @staticmethod
    def of(program: Program) -> Distributed:
        leaves = find_leaves(program, size_context(program))
        plans = distribute(leaves, find_dependences(leaves))
        return Distributed(program, leaves, plans, Reasons(leaves))


def split_into_regions(program: Program) -> RegionProgram:
    """Distribute a program into regions inside the sequential loops that dependences force.

    Every affine program splits: at worst all loops stay, around regions of single points.
    """
    prepared, returned = _with_returned_array(program)
    prepared, originals = with_unique_ivs(prepared)
    made = Distributed.of(prepared)
    arrays = {array.name: array for array in made.program.arrays}
    sizes = frozenset(size.name for size in program.sizes)
    builder = RegionBuilder(arrays, sizes, size_context(program), made.reasons)
    steps = builder.steps(made.plans)
    written = {leaf.assign.array for leaf in made.leaves}
    results = tuple(
        (array.name, array.name)
        for array in program.arrays
        if array.name in written and array.role is Role.PARAMETER and array.name not in program.by_value
    )
    kept = frozenset(name for name, _ in results)
    if returned is not None:
        kept |= {returned}
    steps = Composition(builder.known, kept).run(steps)
    body = plain_names(steps, originals, sizes | arrays.keys())
    used = arrays_of(body) | kept
    left = tuple(a for a in made.program.arrays if a.role is Role.PARAMETER or a.name in used)
    return RegionProgram(program, left, body, results, returned)


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
