"""The candidates of one type, as arrays: values, fingerprints, costs and how each was made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exalift.affine.algebra.protocol import Values
from exalift.dialects import TensorType

from . import compiled
from .fingerprints import Fingerprints

LEAF = -1

Rows = NDArray[np.int64]
Costs = NDArray[np.float64]
State = NDArray[np.uint8]


class MarkSet:
    """An open-addressing hash table from fingerprints to rows, at most half full."""

    def __init__(self) -> None:
        self._count = 0
        self.keys: Fingerprints = np.full(64, compiled.EMPTY, dtype=np.int64)
        self.rows: Rows = np.zeros(64, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def reserve(self, more: int) -> None:
        """Room for so many more."""
        needed = 2 * (self._count + more)
        if needed <= len(self.keys):
            return
        kept = self.keys != compiled.EMPTY
        marks, rows = self.keys[kept], self.rows[kept]
        capacity = 1 << int(needed - 1).bit_length()
        self.keys = np.full(capacity, compiled.EMPTY, dtype=np.int64)
        self.rows = np.zeros(capacity, dtype=np.int64)
        order = np.argsort(rows, kind="stable")
        self._place(marks[order], rows[order])

    def add(self, marks: Fingerprints, first_row: int) -> None:
        """Marks that are not in the set, as consecutive rows."""
        self.reserve(len(marks))
        compiled.place(marks, first_row, self.keys, self.rows)
        self._count += len(marks)

    def counted(self, more: int) -> None:
        """So many were put in from outside."""
        self._count += more

    def find(self, marks: Fingerprints) -> Rows:
        """The rows of marks, -1 where there is none."""
        found = np.empty(len(marks), dtype=np.int64)
        compiled.find(np.ascontiguousarray(marks), self.keys, self.rows, found)
        return found

    def _place(self, marks: Fingerprints, rows: Rows) -> None:
        # Rows are consecutive from the first: a set of all rows of a table.
        if len(rows):
            compiled.place(marks, int(rows[0]), self.keys, self.rows)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of a block of candidates, by their places in it.

    fresh, fresh_costs: places and costs of new values, which become the next rows of the table.
    cheaper: (place, row) of cheaper recipes of known values, the last one of a row being the cheapest.
    taken: known rows that the search did not have.
    """

    fresh: Rows
    fresh_costs: Costs
    cheaper: Rows
    taken: Rows


class CandidateTable:
    """Candidates of one type in the order of their arrival; a candidate is a row.

    values: (rows, elements) at the environment's sizes, in the algebra's storage.
    fingerprints, costs: (rows,).
    recipes: (rows, 1 + arity): the number of the signature (LEAF for seeds), then the operands' rows.

    A row may be overwritten by a cheaper recipe of the same value. Since a candidate costs more than
    each operand, and costs only fall, recipes never form a cycle.
    """

    def __init__(self, type: TensorType, shape: tuple[int, ...], storage: np.dtype[np.generic]) -> None:
        self.type = type
        self.shape = shape
        self.elements = int(np.prod(shape, dtype=np.int64))
        self.count = 0
        self.marks = MarkSet()
        self._values: Values = np.zeros((16, self.elements), dtype=storage)
        self._fingerprints: Fingerprints = np.zeros(16, dtype=np.int64)
        self._costs: Costs = np.zeros(16)
        self._recipes: NDArray[np.int32] = np.full((16, 3), LEAF, dtype=np.int32)

    @property
    def values(self) -> Values:
        return self._values[: self.count]

    @property
    def fingerprints(self) -> Fingerprints:
        return self._fingerprints[: self.count]

    @property
    def costs(self) -> Costs:
        return self._costs[: self.count]

    @property
    def recipes(self) -> NDArray[np.int32]:
        return self._recipes[: self.count]

    @property
    def bytes(self) -> int:
        """Memory that the rows take, about."""
        return self.count * (self.elements * self._values.dtype.itemsize + 64)

    def find(self, fingerprint: int) -> int:
        """The row of a fingerprint, or -1."""
        return int(self.marks.find(np.asarray([fingerprint], dtype=np.int64))[0])

    def append(self, values: Values, fingerprint: int, cost: float, recipe: tuple[int, ...]) -> int:
        """A new row; the fingerprint must not be in the table."""
        row = self.count
        self._reserve(row + 1, len(recipe))
        self._values[row] = values.reshape(-1)
        self._fingerprints[row] = fingerprint
        self.marks.add(self._fingerprints[row : row + 1], row)
        self.count = row + 1
        self.overwrite(row, cost, recipe)
        return row

    def overwrite(self, row: int, cost: float, recipe: tuple[int, ...]) -> None:
        """Another way to make the same value."""
        self._reserve(self.count, len(recipe))
        self._costs[row] = cost
        self._recipes[row] = LEAF
        self._recipes[row, : len(recipe)] = recipe

    def sift(self, marks: Fingerprints, lead: Costs, last: Costs, state: State) -> Sifted:
        """Decide candidates by fingerprint; candidate n costs lead[n // len(last)] + last[n % len(last)].

        New ones are in the hash set at once: `extend` must follow with their values. `state` has one flag
        a row, whether the search has it, and is updated.
        """
        total = len(marks)
        self.marks.reserve(total)
        fresh = np.empty(total, dtype=np.int64)
        fresh_costs = np.empty(total, dtype=np.float64)
        cheaper = np.empty((total, 2), dtype=np.int64)
        taken = np.empty(total, dtype=np.int64)
        a, b, c = compiled.sift(
            marks,
            lead,
            last,
            self.marks.keys,
            self.marks.rows,
            self.costs,
            state,
            fresh,
            fresh_costs,
            cheaper,
            taken,
        )
        self.marks.counted(a)
        return Sifted(fresh[:a], fresh_costs[:a], cheaper[:b], taken[:c])

    def extend(self, values: Values, marks: Fingerprints, costs: Costs, recipes: NDArray[np.int64]) -> Rows:
        """The rows that `sift` found to be new; recipes (rows, 1 + arity)."""
        start, stop = self.count, self.count + len(marks)
        self._reserve(stop, recipes.shape[1])
        self._values[start:stop] = values
        self._fingerprints[start:stop] = marks
        self._costs[start:stop] = costs
        self._recipes[start:stop] = LEAF
        self._recipes[start:stop, : recipes.shape[1]] = recipes
        self.count = stop
        return np.arange(start, stop)

    def replace(self, rows: Rows, recipes: NDArray[np.int64]) -> None:
        """Recipes (rows, 1 + arity) that `sift` found to be cheaper, in its order."""
        self._reserve(self.count, recipes.shape[1])
        self._recipes[rows] = LEAF
        self._recipes[rows, : recipes.shape[1]] = recipes

    def _reserve(self, rows: int, width: int) -> None:
        if width > self._recipes.shape[1]:
            missing = width - self._recipes.shape[1]
            self._recipes = np.pad(self._recipes, ((0, 0), (0, missing)), constant_values=LEAF)
        capacity = len(self._fingerprints)
        if rows > capacity:
            more = max(rows, 2 * capacity) - capacity
            self._values = np.pad(self._values, ((0, more), (0, 0)))
            self._fingerprints = np.pad(self._fingerprints, (0, more))
            self._costs = np.pad(self._costs, (0, more))
            self._recipes = np.pad(self._recipes, ((0, more), (0, 0)), constant_values=LEAF)
