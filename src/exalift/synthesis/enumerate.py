"""Step 3 of the search: candidates as boxes of a Cartesian product of operands.

Level n draws every candidate of n ops: an op whose operands' levels add up to n - 1. Boxes of a level
are disjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from exalift.affine import Affine
from exalift.dialects import TensorType

from .blocks import Box
from .grammar import Drawn, Grammar, is_commutative
from .pool import Pool
from .static_checks import Signature
from .statistics import Statistics

Relevant = Callable[[Signature], bool]


def operand_types(types: Sequence[TensorType], arity: int) -> Iterator[tuple[TensorType, ...]]:
    """Tuples of operand types. Three and more operands have one shape, but for those of rank 0."""
    if arity <= 2:
        yield from product(types, repeat=arity)
        return
    groups: dict[tuple[Affine, ...], list[TensorType]] = {}
    for type in types:
        groups.setdefault(type.shape, []).append(type)
    scalars = groups.pop((), [])
    yield from product(scalars, repeat=arity)
    for group in groups.values():
        for operands in product((*group, *scalars), repeat=arity):
            if any(operand.rank for operand in operands):
                yield operands


def boxes(
    grammar: Grammar, pool: Pool, level: int, relevant: Relevant | None, statistics: Statistics
) -> list[Box]:
    """The boxes of a level, small ones first; `relevant` leaves signatures out for this time."""
    found: list[Box] = []
    types = pool.types
    for arity in grammar.arities:
        if arity == 0:
            if level == 1:
                found += [Box(s, ()) for s in _chosen(grammar.over(()), relevant)]
            continue
        for operands in operand_types(types, arity):
            splits = list(_level_splits(pool, operands, level - 1))
            if not splits:
                continue
            drawn = grammar.over(operands)
            if drawn.refused:
                refused = drawn.refused * sum(_count(pool, operands, split) for split in splits)
                statistics.enumerated += refused
                statistics.static += refused
            for signature in _chosen(drawn, relevant):
                ordered = is_commutative(signature)
                for split in splits:
                    if not ordered or split[0] <= split[1]:
                        rows = [pool.rows(t, n) for t, n in zip(operands, split, strict=True)]
                        found.append(Box(signature, tuple(rows)))
    found.sort(key=lambda box: box.candidates)
    return found


def _chosen(drawn: Drawn, relevant: Relevant | None) -> Iterator[Signature]:
    return (s for s in drawn.signatures if relevant is None or relevant(s))


def _level_splits(pool: Pool, operands: tuple[TensorType, ...], total: int) -> Iterator[tuple[int, ...]]:
    """Levels of the operands that add up to `total` and have rows."""
    choices = [pool.levels(type) for type in operands[:-1]]
    last = frozenset(pool.levels(operands[-1]))
    for lead in product(*choices):
        rest = total - sum(lead)
        if rest in last:
            yield (*lead, rest)


def _count(pool: Pool, operands: tuple[TensorType, ...], levels: tuple[int, ...]) -> int:
    count = 1
    for type, level in zip(operands, levels, strict=True):
        count *= pool.count(type, level)
    return count
