"""Steps 2 and 3 of the search: which operands, which attributes, as boxes of a Cartesian product.

A box is one signature and, for each operand, the rows of its type's table that may stand there.
Within one level boxes are disjoint, and each has an operand position that takes new rows only, so
that no candidate is drawn twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from exalift.dialects import Attributes, Hints, OpDefinition, TensorType

from .static_checks import Signature, StaticChecks
from .statistics import Statistics

Rows = NDArray[np.int64]


@dataclass(slots=True)
class Active:
    """The rows that a search combines, by type in order of arrival; the first `old` are of earlier levels."""

    rows: dict[TensorType, list[int]] = field(default_factory=lambda: {})
    old: dict[TensorType, int] = field(default_factory=lambda: {})
    _members: set[tuple[TensorType, int]] = field(default_factory=lambda: set())

    def add(self, type: TensorType, row: int) -> bool:
        """Take a row in; whether it is new to this search."""
        if (type, row) in self._members:
            return False
        self._members.add((type, row))
        self.rows.setdefault(type, []).append(row)
        return True

    def split(self, type: TensorType, end: int) -> tuple[Rows, Rows]:
        """The old rows and the new ones among the first `end`."""
        rows = np.asarray(self.rows[type][:end], dtype=np.int64)
        old = self.old.get(type, 0)
        return rows[:old], rows[old:]

    def counts(self) -> dict[TensorType, int]:
        return {type: len(rows) for type, rows in self.rows.items()}

    def close_level(self, counts: dict[TensorType, int]) -> None:
        """Everything up to `counts` is old from now on."""
        self.old = dict(counts)


@dataclass(frozen=True, slots=True)
class Box:
    """All tuples of the Cartesian product of `rows`, as operands of one signature."""

    signature: Signature
    rows: tuple[Rows, ...]

    @property
    def candidates(self) -> int:
        count = 1
        for rows in self.rows:
            count *= len(rows)
        return count


@dataclass
class Enumerator:
    """Draws boxes from a grammar, level by level."""

    definitions: Sequence[OpDefinition]
    checks: StaticChecks
    hints: Hints
    _attributes: dict[tuple[str, tuple[TensorType, ...]], tuple[Attributes, ...]] = field(
        default_factory=lambda: {}
    )

    def signatures(
        self, types: Sequence[TensorType], new: frozenset[TensorType], statistics: Statistics
    ) -> Iterator[Signature]:
        """Signatures over operand types of which at least one is in `new` (all where an op has none)."""
        for definition in self.definitions:
            for operands in product(types, repeat=definition.arity):
                if definition.arity and not any(type in new for type in operands):
                    continue
                for attributes in self._domain(definition, operands):
                    signature = self.checks.signature(definition, operands, attributes)
                    if signature is None:
                        statistics.enumerated += 1
                        statistics.static += 1
                    else:
                        yield signature

    def boxes(self, active: Active, statistics: Statistics, first: bool) -> Iterator[Box]:
        """The boxes of one level; `first` says that ops without operands are drawn too."""
        counts = active.counts()
        new = frozenset(type for type, count in counts.items() if count > active.old.get(type, 0))
        for signature in self.signatures(tuple(counts), new, statistics):
            if not signature.operands:
                if first:
                    yield Box(signature, ())
                continue
            yield from _split(signature, active, counts)

    def _domain(self, definition: OpDefinition, operands: tuple[TensorType, ...]) -> tuple[Attributes, ...]:
        key = (definition.name, operands)
        domain = self._attributes.get(key)
        if domain is None:
            domain = tuple(definition.attributes(operands, self.hints))
            self._attributes[key] = domain
        return domain


def _split(signature: Signature, active: Active, counts: dict[TensorType, int]) -> Iterator[Box]:
    """Disjoint boxes: the first new operand stands at each position in turn."""
    parts = [active.split(type, counts[type]) for type in signature.operands]
    for position, (_, fresh) in enumerate(parts):
        if not len(fresh):
            continue
        rows = [old for old, _ in parts[:position]]
        rows.append(fresh)
        rows += [np.concatenate(part) for part in parts[position + 1 :]]
        if all(len(part) for part in rows):
            yield Box(signature, tuple(rows))
