"""The last levels, met in the middle: what must an operand be, so that an op gives the goal?

For add, subtract, multiply and divide the missing operand is computed from the goal and the other
operand; an op that moves data is undone where each of its operand's elements shows up in the goal. What
is computed is a target: a candidate with its fingerprint solves the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Load
from exalift.affine.algebra import PrimeField
from exalift.affine.algebra.protocol import Values
from exalift.dialects import Node, Operation, TensorType

from .bank import Bank, Entry
from .batched import Points
from .fingerprints import Fingerprints
from .grammar import Grammar, elementwise_function
from .pool import Pool
from .static_checks import Signature
from .table import Costs, MarkSet, Rows

_MOST = 1 << 17
"""Targets of one search; later ones are not made."""

# goal = x (function) hole, and goal = hole (function) x: the hole from the goal and x. The flag says
# which of the two is the first operand; None stands for the same as the other position.
_INVERSES: dict[tuple[str, int], tuple[str, bool]] = {
    ("add", 1): ("subtract", True),
    ("subtract", 1): ("subtract", False),
    ("subtract", 0): ("add", True),
    ("multiply", 1): ("divide", True),
    ("divide", 1): ("divide", False),
    ("divide", 0): ("multiply", True),
}
_NONE = np.empty(0, dtype=np.int64)
_MODULAR = frozenset({"add", "subtract"})


@dataclass(frozen=True, slots=True)
class Target:
    """A value that solves the goal: `wrap` turns a node of this value into one of the parent's."""

    type: TensorType
    values: Values
    cost: float
    depth: int
    parent: Target | None = None
    signature: Signature | None = None
    hole: int = 0
    other: Entry | None = None

    def wrap(self, node: Node) -> Node:
        """The goal's node, from one that has this target's value."""
        target = self
        while target.parent is not None:
            signature = target.signature
            assert signature is not None, "a target with a parent was made by an op"
            operands = (node,)
            if target.other is not None:
                operands = (node, target.other.node) if target.hole == 0 else (target.other.node, node)
            node = Operation(signature.definition.name, operands, signature.attributes, signature.type)
            target = target.parent
        return node


@dataclass(frozen=True, slots=True)
class _Family:
    """Targets made alike, one for each row of the other operand (or a single one)."""

    first: int
    type: TensorType
    parent: Target | None
    signature: Signature | None
    hole: int
    others: Rows
    values: Values
    marks: Fingerprints
    costs: Costs


class Targets:
    """The targets of a goal, by type; the goal is the first one."""

    def __init__(
        self,
        bank: Bank,
        grammar: Grammar,
        pool: Pool,
        type: TensorType,
        values: Values,
        reuse: bool = True,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """`reuse` says that any row of the bank may be what is looked for, not only the pool's.

        `look` is called now and then, and raises where the search is to stop.
        """
        self._bank = bank
        self._grammar = grammar
        self._pool = pool
        self._marks: dict[TensorType, MarkSet] = {}
        self._families: dict[TensorType, list[_Family]] = {}
        # Targets that `_complete` starts from, and the first level of the pool that each has not seen.
        self._open: list[Target] = [Target(type, values.reshape(-1), 0.0, 0)]
        self._done: list[int] = [0]
        self._looked: dict[TensorType, int] = {}
        self._reuse = reuse
        self._look = look
        self._seen_types: set[TensorType] = set()
        self.count = 0
        self._put(type, values.reshape(1, -1), None, None, 0, _NONE, np.zeros(1))

    @property
    def types(self) -> frozenset[TensorType]:
        return frozenset(self._marks)

    def marks(self, type: TensorType) -> MarkSet:
        """The fingerprints of a type's targets."""
        return self._marks[type]

    def costs(self, type: TensorType, numbers: Rows) -> Costs:
        """What wrapping adds to the cost of a candidate, for targets by number."""
        return np.concatenate([family.costs for family in self._families[type]])[numbers]

    def target(self, type: TensorType, number: int) -> Target:
        """A target by the row that `marks` gives."""
        family = next(f for f in reversed(self._families[type]) if f.first <= number)
        place = number - family.first
        other = None
        if len(family.others):
            assert family.signature is not None, "only an op has another operand"
            other = Entry(self._bank, family.signature.operands[1 - family.hole], int(family.others[place]))
        return Target(
            type,
            family.values[place],
            float(family.costs[place]),
            family.parent.depth + 1 if family.parent else 0,
            family.parent,
            family.signature,
            family.hole,
            other,
        )

    def expand(self, level: int) -> list[tuple[TensorType, int]]:
        """Take the pool's rows up to a level in: targets are made from them, and looked up among them.

        Returns what solves the goal: (type, row), where the row's value is that of a target.
        """
        for target in list(self._open):
            self._undo(target)
        for place, target in enumerate(self._open):
            for taken in range(self._done[place], level + 1):
                self._complete(target, taken)
            self._done[place] = level + 1
        return [(type, row) for type in self._marks for row in self._solved(type, level)]

    def _solved(self, type: TensorType, level: int) -> Sequence[int]:
        """Rows that are targets: all rows for the targets made since the last time, this level's for all."""
        table, marks = self._bank.table(type), self._marks[type]
        families = self._families[type]
        new = [family.marks for family in families[self._looked.get(type, 0) :]]
        self._looked[type] = len(families)
        rows = table.marks.find(np.concatenate(new)) if new else np.empty(0, dtype=np.int64)
        rows = rows[rows >= 0]
        if not self._reuse:
            rows = rows[self._pool.has(type, rows) > 0]
        recent = self._pool.rows(type, level)
        recent = recent[marks.find(table.fingerprints[recent]) >= 0]
        return np.unique(np.concatenate([rows, recent])).tolist()

    def _complete(self, target: Target, level: int) -> None:
        """Targets y with `x (function) y` or `y (function) x` equal to the target, for the x of a level."""
        type = target.type
        rows = self._pool.rows(type, level)
        if not len(rows):
            return
        table = self._bank.table(type)
        algebra = self._bank.environment.algebra
        for signature in self._grammar.over((type, type)).signatures:
            function = elementwise_function(signature)
            if function is None or signature.type != type:
                continue
            if not (isinstance(algebra, PrimeField) and type.dtype.is_float) and function not in _MODULAR:
                continue
            for hole in (0, 1):
                inverse = _INVERSES.get((function, hole))
                if inverse is None or self.count + len(rows) > _MOST:
                    continue
                values = self._holes(target, signature, function, hole, inverse, table.values[rows])
                kept = np.flatnonzero(values[1])
                if len(kept):
                    costs = table.costs[rows[kept]] + target.cost + signature.cost
                    self._put(type, values[0][kept], target, signature, hole, rows[kept], costs)

    def _holes(
        self,
        target: Target,
        signature: Signature,
        function: str,
        hole: int,
        inverse: tuple[str, bool],
        others: Values,
    ) -> tuple[Values, NDArray[np.bool_]]:
        """The missing operand for each other one, and whether the op then really gives the target.

        It does not where something was divided by zero.
        """
        algebra, dtype = self._bank.environment.algebra, signature.type.dtype
        goal = np.broadcast_to(target.values, others.shape)
        ordered = (goal, others) if inverse[1] else (others, goal)
        values = algebra.apply(inverse[0], ordered, dtype, dtype)
        operands = (values, others) if hole == 0 else (others, values)
        again = algebra.apply(function, operands, dtype, dtype)
        return values, (again == goal).all(axis=1)

    def _undo(self, target: Target) -> None:
        """Targets y with `op(y)` equal to the target, for ops that only move data; once a type of y."""
        if target.depth:
            return
        for type in self._pool.types:
            if type in self._seen_types:
                continue
            self._seen_types.add(type)
            for signature in self._grammar.over((type,)).signatures:
                self._look()
                if signature.type == target.type:
                    values = self._undone(signature, target)
                    if values is not None:
                        cost = np.asarray([target.cost + signature.cost])
                        if self._put(type, values, target, signature, 0, _NONE, cost):
                            made = Target(type, values[0], float(cost[0]), 1, target, signature)
                            self._open.append(made)
                            self._done.append(0)

    def _undone(self, signature: Signature, target: Target) -> Values | None:
        environment = self._bank.environment
        formula = environment.meaning(signature.formula)
        match formula.body:
            case Load() as load:
                points = Points(formula.axes, environment.sizes)
                table = self._bank.table(signature.operands[0])
                positions, inside = points.load(load, table.shape)
            case _:
                return None
        places = np.full(table.elements, -1, dtype=np.int64)
        places[positions[inside]] = np.flatnonzero(inside)
        if (places < 0).any():
            return None
        values = target.values[places][None, :]
        # The op reads 0 beyond its operand. There may be thousands of ops: compiling each takes longer.
        again = np.where(inside, values[0][positions], 0)
        return values if np.array_equal(again, target.values) else None

    def _put(
        self,
        type: TensorType,
        values: Values,
        parent: Target | None,
        signature: Signature | None,
        hole: int,
        others: Rows,
        costs: Costs,
    ) -> bool:
        """A family of targets; those of known values are left out. Whether any is left."""
        marks = self._marks.setdefault(type, MarkSet())
        found = self._bank.fingerprints(type, values)
        _, places = np.unique(found, return_index=True)
        places.sort()
        places = places[marks.find(found[places]) < 0]
        if not len(places):
            return False
        first = len(marks)
        kept = np.ascontiguousarray(found[places])
        marks.add(kept, first)
        rows = others[places] if len(others) else others
        family = _Family(first, type, parent, signature, hole, rows, values[places], kept, costs[places])
        self._families.setdefault(type, []).append(family)
        self.count += len(places)
        return True
