"""The candidates that one search combines: rows of the bank, by type and by the level they came at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from exalift.dialects import TensorType

from .bank import Bank, Entry
from .equivalence import Kept
from .table import Rows, State

_NONE = np.empty(0, dtype=np.int64)


class Pool:
    """Rows by type and level. A level is a number of ops; the frontier is level 0."""

    def __init__(self, bank: Bank, frontier: Iterable[Entry]) -> None:
        self._bank = bank
        self._rows: dict[TensorType, dict[int, list[Rows]]] = {}
        self._at: dict[int, dict[TensorType, None]] = {}
        self._states: dict[TensorType, State] = {}
        for entry in frontier:
            state = self.state(entry.type)
            if not state[entry.row]:
                state[entry.row] = 1
                self._put(entry.type, 0, np.asarray([entry.row], dtype=np.int64))

    @property
    def types(self) -> tuple[TensorType, ...]:
        """Types that have rows, in order of arrival."""
        return tuple(self._rows)

    def types_at(self, level: int) -> tuple[TensorType, ...]:
        """Types that have rows of a level, in order of arrival."""
        return tuple(self._at.get(level, {}))

    def rows(self, type: TensorType, level: int) -> Rows:
        """The rows that came at a level."""
        parts = self._rows.get(type, {}).get(level)
        if not parts:
            return _NONE
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]

    def count(self, type: TensorType, level: int) -> int:
        return sum(len(part) for part in self._rows.get(type, {}).get(level, ()))

    def state(self, type: TensorType) -> State:
        """One flag a row of the type's table: whether the pool has it. The array is the pool's own."""
        count = self._bank.table(type).count
        state = self._states.get(type, np.zeros(0, dtype=np.uint8))
        if len(state) < count or type not in self._states:
            state = np.pad(state, (0, max(2 * count, 64) - len(state)))
            self._states[type] = state
        return state

    def has(self, type: TensorType, rows: Rows) -> State:
        """The flags of some rows."""
        return self.state(type)[rows]

    def take(self, type: TensorType, level: int, kept: Kept) -> None:
        """Rows that were found at a level."""
        if len(kept.fresh):
            self.state(type)[kept.fresh] = 1
            self._put(type, level, kept.fresh)
        if len(kept.taken):
            self._put(type, level, kept.taken)

    def _put(self, type: TensorType, level: int, rows: Rows) -> None:
        self._rows.setdefault(type, {}).setdefault(level, []).append(rows)
        self._at.setdefault(level, {})[type] = None
