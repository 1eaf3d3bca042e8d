"""The candidates of one type, as arrays: values, fingerprints, costs and how each was made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exalift.affine.algebra.protocol import Values
from exalift.dialects import TensorType

from .fingerprints import Fingerprints

LEAF = -1


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
        self._values: Values = np.zeros((16, self.elements), dtype=storage)
        self._fingerprints: Fingerprints = np.zeros(16, dtype=np.int64)
        self._costs: NDArray[np.float64] = np.zeros(16)
        self._recipes: NDArray[np.int32] = np.full((16, 3), LEAF, dtype=np.int32)
        self._rows: dict[int, int] = {}

    @property
    def values(self) -> Values:
        return self._values[: self.count]

    @property
    def fingerprints(self) -> Fingerprints:
        return self._fingerprints[: self.count]

    @property
    def costs(self) -> NDArray[np.float64]:
        return self._costs[: self.count]

    @property
    def recipes(self) -> NDArray[np.int32]:
        return self._recipes[: self.count]

    def find(self, fingerprint: int) -> int:
        """The row of a fingerprint, or -1."""
        return self._rows.get(fingerprint, -1)

    def append(self, values: Values, fingerprint: int, cost: float, recipe: tuple[int, ...]) -> int:
        """A new row; the fingerprint must not be in the table."""
        row = self.count
        self._reserve(row + 1, len(recipe))
        self._values[row] = values.reshape(-1)
        self._fingerprints[row] = fingerprint
        self._rows[fingerprint] = row
        self.count = row + 1
        self.overwrite(row, cost, recipe)
        return row

    def overwrite(self, row: int, cost: float, recipe: tuple[int, ...]) -> None:
        """Another way to make the same value."""
        self._reserve(self.count, len(recipe))
        self._costs[row] = cost
        self._recipes[row] = LEAF
        self._recipes[row, : len(recipe)] = recipe

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
