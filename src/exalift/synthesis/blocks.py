"""Boxes of candidates, cut into blocks whose fingerprints fit into the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .bank import Bank
from .fingerprints import Fingerprints
from .static_checks import Signature
from .table import Costs, Rows

_PREPARED = 1 << 13


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


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a box, and the fingerprint of each candidate, the last operand running fastest."""

    signature: Signature
    rows: tuple[Rows, ...]
    marks: Fingerprints

    def operands(self, places: Rows) -> tuple[Rows, ...]:
        """The rows of the operands of the candidates at some places: one array an operand."""
        found: list[Rows] = []
        rest = places
        for rows in reversed(self.rows):
            found.append(rows[rest % len(rows)])
            rest = rest // len(rows)
        return tuple(reversed(found))

    def costs(self, bank: Bank) -> tuple[Costs, Costs]:
        """Two arrays, of which candidate n costs lead[n // len(last)] + last[n % len(last)]."""
        lead = np.asarray([self.signature.cost])
        if not self.rows:
            return lead, np.zeros(1)
        parts = [
            bank.table(type).costs[rows]
            for type, rows in zip(self.signature.operands, self.rows, strict=True)
        ]
        for part in parts[:-1]:
            lead = (lead[:, None] + part[None, :]).reshape(-1)
        return np.ascontiguousarray(lead), np.ascontiguousarray(parts[-1])


def blocks(bank: Bank, box: Box) -> Iterator[Block]:
    """The blocks of a box, in order; each is computed when it is asked for."""
    signature = box.signature
    kernel = bank.kernel(signature)
    if not box.rows:
        yield Block(signature, (), kernel.marks(()))
        return
    for large in product(*(_pieces(rows, _PREPARED) for rows in box.rows)):
        prepared = [
            kernel.prepare(place, bank.table(type).values[rows])
            for place, (type, rows) in enumerate(zip(signature.operands, large, strict=True))
        ]
        lengths = _lengths([len(rows) for rows in large], kernel.limit)
        steps = [range(0, len(rows), length) for rows, length in zip(large, lengths, strict=True)]
        for starts in product(*steps):
            ends = [start + length for start, length in zip(starts, lengths, strict=True)]
            cut = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
            marks = kernel.marks([part[c] for part, c in zip(prepared, cut, strict=True)])
            yield Block(signature, tuple(rows[c] for rows, c in zip(large, cut, strict=True)), marks)


def _pieces(rows: Rows, length: int) -> Sequence[Rows]:
    return [rows[start : start + length] for start in range(0, len(rows), length)]


def _lengths(counts: Sequence[int], limit: int) -> list[int]:
    """How many rows of each operand stand in one block, the last operand's first."""
    lengths: list[int] = []
    for count in reversed(counts):
        length = max(1, min(count, limit))
        lengths.append(length)
        limit //= length
    return lengths[::-1]
