"""Which sizes and iterations a region is observed at: one place to search in, others as witnesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from exalift.affine import Affine, Constraint, Expression, Guard, GuardValue, Reduce, Region, Size, nodes
from exalift.base import UsageError

from .environment import choose_sizes
from .splits import IterationRange

_WITNESSES = 4
"""How many witnesses there are at least."""

_ORDERED = 2
"""How many witnesses have sizes in order: rising, then falling."""

_IN_LOOPS = 10
"""How many there are at least inside of loops: at many iterations a mask is all true or all false, and
says nothing."""

_MOST = 20
"""How many there are where conditions on iterations ask for more."""

_RUNS = 4
"""How many iterations a loop has at least in most places: one that does not run shows nothing."""

_DRAWS = 200

_MOST_AXES = 2
"""A constraint on more axes than this is not asked at their ends."""

_DOUBLINGS = 2
"""How often the number of witnesses is doubled at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Values for sizes and induction variables, and a seed for contents."""

    values: Mapping[str, int]
    seed: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the places of a region must satisfy: its loops, what holds for the sizes, and its `conditions`
    on sizes and induction variables. `refuted` are sizes at which a whole program went wrong before."""

    sizes: Sequence[Size]
    loops: Sequence[IterationRange]
    context: Guard
    conditions: Sequence[Constraint]
    refuted: Sequence[Mapping[str, int]] = ()


def places(around: Surroundings, number: int, seed: int) -> list[Place]:
    """The place to search in, then the witnesses; `number` chooses among series of places.

    Witnesses are drawn at random until every combination of truth values of the conditions that came up
    in many draws has one, within a limit. Inside of loops the first are at the loops' ends. Each refuted
    program doubles the number of witnesses, half of which then have the sizes that refuted.
    """
    sizes, loops, conditions = around.sizes, around.loops, around.conditions
    contexts = (_running(around), around.context)
    names = [size.name for size in sizes]
    more = 1 << min(len(around.refuted), _DOUBLINGS)
    enough = more * (_IN_LOOPS if loops else _WITNESSES)
    found: list[Place] = []
    patterns: set[tuple[bool, ...]] = set()
    for draw in range(_DRAWS if conditions else 1 + enough):
        generator = np.random.default_rng([seed, number, draw])
        # Every fourth place may have loops that do not run.
        context = contexts[draw % 4 == 3]
        least = {s.name: context.least(s.name, s.minimum) for s in sizes}
        values = _drawn_sizes(least, context, draw, generator) if draw else None
        if draw > _ORDERED and draw % 2 and around.refuted:
            values = dict(around.refuted[draw // 2 % len(around.refuted)])
        if values is None:
            minimum = {n: max(least[n], 4 + (3 * rank + 2 * number) % 5) for rank, n in enumerate(names)}
            values = choose_sizes(names, (), context, minimum)
        values |= _iterations(loops, values, generator, draw)
        pattern = tuple(Guard.of(condition).at(values) for condition in conditions)
        if len(found) <= enough or pattern not in patterns:
            found.append(Place(values, seed + 1000 * number + 50 * draw))
            patterns.add(pattern)
        if len(found) > more * _MOST:
            break
    return found


def _running(around: Surroundings) -> Guard:
    """What holds for the sizes where every loop has a few iterations, or just the context where that
    cannot be. Of outer loops the iteration that leaves an inner one most room is taken."""
    known = {size.name for size in around.sizes}
    rows: list[Constraint] = []
    for loop in around.loops:
        for low, high in product(loop.lower, loop.upper):
            room = high - low
            for outer in reversed(around.loops):
                coefficient = room.coefficient(outer.iv)
                if coefficient:
                    end = outer.lower[0] if coefficient < 0 else outer.upper[0] - 1
                    room = room.substitute({outer.iv: end})
            if room.names and room.names <= known:
                rows.append(Constraint(room - _RUNS))
    running = around.context & Guard.of(*dict.fromkeys(rows))
    try:
        choose_sizes([size.name for size in around.sizes], (), running)
    except UsageError:
        return around.context
    return running


def _drawn_sizes(
    least: Mapping[str, int], context: Guard, draw: int, generator: np.random.Generator
) -> dict[str, int] | None:
    """Random small sizes that satisfy the context; None where a few tries find none.

    The first are all rising and all falling, so that each two sizes are in either order; then some are at
    their least in every other draw, where loops are empty and conditions fail.
    """
    count = len(least)
    for spread in (8, 8, 8, 8, 12, 12, 12, 12, 16, 16, 16, 16):
        values = {name: max(low, 2) + int(generator.integers(spread)) for name, low in least.items()}
        if draw <= _ORDERED:
            steps = [1 + 2 * rank + int(generator.integers(2)) for rank in range(count)]
            ordered = steps if draw == 1 else reversed(steps)
            values = {n: max(low, 2) + step for (n, low), step in zip(least.items(), ordered, strict=True)}
        elif draw % 2:
            values |= {name: low for name, low in least.items() if generator.random() < 0.5}
        if context.at(values):
            return values
    return None


def _iterations(
    loops: Sequence[IterationRange],
    sizes: Mapping[str, int],
    generator: np.random.Generator,
    draw: int,
) -> dict[str, int]:
    """An iteration of every loop, in its bounds where these are not empty: not at the ends for the search
    (draw 0), at the ends for the first witnesses, anywhere for the others."""
    values = dict(sizes)
    for loop in loops:
        first = max(bound.at(values) for bound in loop.lower)
        last = max(first, min(bound.at(values) for bound in loop.upper) - 1)
        if draw == 0:
            margin = min(1, (last - first) // 2)
            first, last = first + margin, last - margin
        elif draw in (1, 2):
            last = min(last, first + draw - 1)
            first = last
        elif draw == 3:
            first = last
        elif generator.random() < 0.5:
            # Early iterations, where the boxes that they cut are neither whole nor empty.
            last = min(last, first + 3)
        values[loop.iv] = int(generator.integers(first, last + 1))
    return {loop.iv: values[loop.iv] for loop in loops}


def conditions_on_iterations(
    region: Region, sizes: Sequence[Size], loops: Sequence[IterationRange]
) -> tuple[Constraint, ...]:
    """The constraints in a region that hold or fail for a whole iteration of the loops around.

    One that also uses axes is asked at their ends: there it begins and ceases to cut the region.
    """
    known = {size.name for size in sizes} | {loop.iv for loop in loops}
    ivs = {loop.iv for loop in loops}
    guards = [region.guard]
    axes = list(region.axes)
    for node in nodes(region.value):
        guards += _guards(node)
        axes += node.axes if isinstance(node, Reduce) else ()
    extents = {axis.name: axis.extent for axis in axes}
    found: dict[Constraint, None] = {}
    for constraint in dict.fromkeys(c for guard in guards for d in guard.disjuncts for c in d):
        names = constraint.expression.names
        used = sorted(names & extents.keys())
        if not used and names <= known:
            found[constraint] = None
        elif names & ivs and len(used) <= _MOST_AXES:
            for ends in product(*((Affine(), extents[name] - 1) for name in used)):
                at_ends = constraint.expression.substitute(dict(zip(used, ends, strict=True)))
                if at_ends.names <= known:
                    found[Constraint(at_ends, constraint.equality)] = None
    return tuple(found)


def _guards(node: Expression) -> list[Guard]:
    match node:
        case GuardValue(guard=guard) | Reduce(guard=guard):
            return [guard]
        case _:
            return []
