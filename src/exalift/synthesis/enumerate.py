"""Step 3 of the search: candidates as boxes of a Cartesian product of operands.

Level n draws every candidate of n ops: an op whose operands' levels add up to n - 1. Boxes of a level
are disjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod

from exalift.affine import Affine
from exalift.dialects import TensorType

from .blocks import Box
from .grammar import Grammar, Likely, is_commutative
from .pool import Pool
from .statistics import Statistics


def boxes(
    grammar: Grammar,
    pool: Pool,
    level: int,
    likely: Likely | None,
    statistics: Statistics,
    tick: Callable[[], None] | None = None,
) -> list[Box]:
    """The boxes of a level, small ones first; `likely` leaves signatures out for this time.

    `tick` is called now and then; what it raises ends the enumeration.
    """
    found: list[Box] = []
    for arity in grammar.arities:
        if arity == 0:
            if level == 1:
                found += [Box(s, ()) for s in grammar.over((), likely).signatures]
            continue
        for levels in compositions(level - 1, arity):
            for operands in operand_types([pool.types_at(n) for n in levels]):
                if tick is not None:
                    tick()
                drawn = grammar.over(operands, likely)
                counts = [pool.count(type, n) for type, n in zip(operands, levels, strict=True)]
                refused = drawn.refused * prod(counts)
                statistics.enumerated += refused
                statistics.static += refused
                for signature in drawn.signatures:
                    if levels[0] <= levels[-1] or not is_commutative(signature):
                        rows = [pool.rows(type, n) for type, n in zip(operands, levels, strict=True)]
                        found.append(Box(signature, tuple(rows)))
    found.sort(key=lambda box: box.candidates)
    return found


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All tuples of `parts` natural numbers that add up to `total`."""
    for lead in product(range(total + 1), repeat=parts - 1):
        if sum(lead) <= total:
            yield (*lead, total - sum(lead))


def operand_types(choices: Sequence[Sequence[TensorType]]) -> Iterator[tuple[TensorType, ...]]:
    """Tuples of operand types, one from each list.

    Three and more operands have one shape, but for those of rank 0: that is how ops of that many
    operands are, and all tuples would be too many.
    """
    if len(choices) <= 2:
        yield from product(*choices)
        return
    groups: list[dict[tuple[Affine, ...], list[TensorType]]] = []
    for types in choices:
        group: dict[tuple[Affine, ...], list[TensorType]] = {}
        for type in types:
            group.setdefault(type.shape, []).append(type)
        groups.append(group)
    for shape in dict.fromkeys(shape for group in groups for shape in group):
        here = [(*g.get(shape, ()), *(g.get((), ()) if shape else ())) for g in groups]
        for operands in product(*here):
            if not shape or any(operand.rank for operand in operands):
                yield operands
