"""The search: from seeds to a goal's value, level by level (arXiv 2310.04196, algorithm 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exalift.affine.algebra.protocol import Values
from exalift.dialects import Hints, Node, Operation, TensorType

from .bank import Bank, Entry
from .enumerate import Active, Box, Enumerator
from .statistics import Statistics

_CHUNK = 1 << 16

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Goal:
    """The value searched for, in the bank's environment."""

    type: TensorType
    values: Values


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Bounds of one search.

    budget_s: wall-clock seconds. max_level: ops on the longest path, those that are met in the
    middle not counted. max_candidates: how many may be drawn. progress is told (level, candidates
    so far, seconds). accept decides whether a graph of the goal's value is a solution (see
    `equivalence`); the search goes on where it does not.
    """

    budget_s: float = 60.0
    max_level: int = 4
    max_candidates: int = 500_000_000
    progress: Progress | None = None
    accept: Callable[[Node], bool] | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """entry: the goal's value in the bank; node: the graph to use, which `accept` accepted."""

    entry: Entry | None
    node: Node | None
    statistics: Statistics


def search(
    bank: Bank,
    goal: Goal,
    options: SearchOptions | None = None,
    hints: Hints | None = None,
    frontier: Sequence[Entry] | None = None,
) -> SearchResult:
    """The cheapest graph with the goal's value among those of the first level that has one.

    Level 0 looks the value up in the whole bank. Later levels combine the entries of `frontier` (all
    of the bank where it is None) and what they make. What is found on the way stays in the bank.
    """
    return _Search(bank, goal, options or SearchOptions(), hints or Hints(goal=goal.type), frontier).run()


class _Exhausted(Exception):
    """The budget is spent."""


class _Search:
    def __init__(
        self,
        bank: Bank,
        goal: Goal,
        options: SearchOptions,
        hints: Hints,
        frontier: Sequence[Entry] | None,
    ) -> None:
        self.bank = bank
        self.goal = goal
        self.options = options
        self.statistics = Statistics()
        self.started = time.monotonic()
        self.mark = int(bank.fingerprints(goal.type, goal.values.reshape(1, -1))[0])
        self.enumerator = Enumerator(
            tuple(d for d in bank.dialect.definitions if d.search), bank.checks, hints
        )
        self.active = Active()
        if frontier is None:
            frontier = [entry for type in bank.types for entry in bank.entries(type)]
        for entry in frontier:
            self.active.add(entry.type, entry.row)

    def run(self) -> SearchResult:
        found: Node | None = None
        try:
            known = self.bank.lookup(self.goal.type, self.goal.values)
            found = self.choose([known.node] if known else [])
            level = 0
            while found is None and level < self.options.max_level:
                level += 1
                found = self.level(level)
        except _Exhausted:
            pass
        self.statistics.seconds = time.monotonic() - self.started
        entry = self.bank.add(found) if found is not None else None
        return SearchResult(entry, found, self.statistics)

    def level(self, level: int) -> Node | None:
        """Every candidate of one level; the cheapest solution among them."""
        counts = self.active.counts()
        solutions: list[Node] = []
        try:
            # First what may have the goal's type, looked at and not kept: most levels end here.
            for box in self.enumerator.boxes(self.active, self.statistics, level == 1):
                if box.signature.type == self.goal.type:
                    self.decide(box, solutions, None)
                    self.check_budget(level)
        except _Exhausted:
            if not solutions:
                raise
        if solutions or level == self.options.max_level:
            return self.choose(solutions)
        found: list[tuple[TensorType, int]] = []
        for box in self.enumerator.boxes(self.active, self.statistics, level == 1):
            self.decide(box, solutions, found)
            self.check_budget(level)
        for type, row in found:
            self.active.add(type, row)
        self.active.close_level(counts)
        return None

    def decide(self, box: Box, solutions: list[Node], found: list[tuple[TensorType, int]] | None) -> None:
        """Evaluate a box, keep what is new, note what has the goal's value."""
        signature = box.signature
        evaluate, points = self.bank.batch(signature)
        step = max(1, _CHUNK // max(1, points))
        total = box.candidates
        self.statistics.enumerated += total
        self.statistics.evaluated += total
        lengths = tuple(len(rows) for rows in box.rows)
        for start in range(0, total, step):
            places = np.unravel_index(np.arange(start, min(total, start + step)), lengths or (1,))
            rows = [part[place] for part, place in zip(box.rows, places, strict=False)]
            operands = [self.bank.table(t).values[r] for t, r in zip(signature.operands, rows, strict=True)]
            values = evaluate(operands).reshape(-1, self.bank.table(signature.type).elements)
            self.keep(box, rows, values, solutions, found)

    def keep(
        self,
        box: Box,
        rows: Sequence[NDArray[np.int64]],
        values: Values,
        solutions: list[Node],
        found: list[tuple[TensorType, int]] | None,
    ) -> None:
        signature = box.signature
        table = self.bank.table(signature.type)
        marks = self.bank.fingerprints(signature.type, values)
        for place, mark in enumerate(marks.tolist()):
            operands = tuple(int(part[place]) for part in rows)
            if mark == self.mark and signature.type == self.goal.type:
                self.statistics.solutions += 1
                solutions.append(self.operation(box, operands))
            if found is None:
                continue
            before = table.count
            row = self.bank.insert(signature, operands, values[place], mark)
            self.statistics.equivalent += table.count == before
            found.append((signature.type, row))

    def operation(self, box: Box, rows: tuple[int, ...]) -> Node:
        signature = box.signature
        operands = tuple(
            Entry(self.bank, type, row).node for type, row in zip(signature.operands, rows, strict=True)
        )
        return Operation(signature.definition.name, operands, signature.attributes, signature.type)

    def choose(self, solutions: Sequence[Node]) -> Node | None:
        """The cheapest acceptable solution."""
        accept = self.options.accept
        for node in sorted(solutions, key=self.bank.cost):
            if accept is None or accept(node):
                return node
        return None

    def check_budget(self, level: int) -> None:
        seconds = time.monotonic() - self.started
        if self.options.progress is not None:
            self.options.progress(level, self.statistics.enumerated, seconds)
        if seconds > self.options.budget_s or self.statistics.enumerated > self.options.max_candidates:
            raise _Exhausted
