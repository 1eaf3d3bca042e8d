"""The search: from seeds to a goal's value, level by level (arXiv 2310.04196, algorithm 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exalift.affine.algebra.protocol import Values
from exalift.dialects import Hints, Node, Operation, TensorType

from .bank import Bank, Entry
from .blocks import Block, Box, blocks
from .compiled import match
from .enumerate import boxes
from .equivalence import keep
from .grammar import Likely
from .guide import Guide
from .meet import Targets
from .pool import Pool
from .statistics import Statistics
from .table import Rows

Progress = Callable[[int, int, float], None]

_HITS = 1024
_CHEAPEST = 16
_SOLUTIONS = 256
_TELL_S = 0.05
_GRACE = 2_000_000
"""Candidates that are still looked at, after a first solution, for a cheaper one of the same level."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The value searched for, in the bank's environment."""

    type: TensorType
    values: Values


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Bounds of one search.

    budget_s: wall-clock seconds. max_level: the most ops that are drawn (what is met in the middle
    comes on top). max_candidates: how many may be evaluated. max_bytes: memory of the bank, after which
    nothing more is kept. progress is told (level, candidates so far, seconds). accept decides whether
    a graph of the goal's value is a solution (see `equivalence.confirm`); the search goes on where it
    does not. guide orders the signatures. reuse: whether the goal, and what is missing to it, is looked
    up in the whole bank and not only in the frontier and what came of it.
    """

    budget_s: float = 60.0
    max_level: int = 6
    max_candidates: int = 2_000_000_000
    max_bytes: int = 2_000_000_000
    progress: Progress | None = None
    accept: Callable[[Node], bool] | None = None
    guide: Guide | None = None
    reuse: bool = True


@dataclass(frozen=True, slots=True)
class SearchResult:
    """node: the cheapest graph found, which `accept` accepted; entry: its value in the bank, whose own
    graph may be another one of the same value."""

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

    Level 0 looks the value up. Later levels combine the entries of `frontier` (all of the bank where
    it is None) and what they make; level n draws the graphs of n ops, shared parts counted as often as
    they are used. With a guide, likely signatures are one level ahead of all others. What is found on
    the way stays in the bank.
    """
    return _Search(bank, goal, options or SearchOptions(), hints or Hints(goal=goal.type), frontier).run()


class _Exhausted(Exception):
    """The budget is spent."""


@dataclass(slots=True)
class _Sweep:
    """One pass over the levels with a part of the grammar."""

    pool: Pool
    targets: Targets
    likely: Likely | None
    level: int = 0
    drawn: Sequence[Box] = ()


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
        self.grammar = bank.grammar(hints)
        if frontier is None:
            frontier = [entry for type in bank.types for entry in bank.entries(type)]
        self.frontier = frontier
        self.bytes = bank.bytes
        self.told = 0.0
        self.found: dict[Node, None] = {}
        self.rejected: set[Node] = set()

    def run(self) -> SearchResult:
        node: Node | None = None
        try:
            for step in self.steps():
                node = step
                if node is not None:
                    break
        except _Exhausted:
            node = self.choose()
        self.statistics.seconds = time.monotonic() - self.started
        entry = self.bank.add(node) if node is not None else None
        return SearchResult(entry, node, self.statistics)

    def steps(self) -> Iterator[Node | None]:
        """The search in pieces; it ends at the first that gives a node."""
        known = self.bank.lookup(self.goal.type, self.goal.values)
        if known is not None and (self.options.reuse or known in self.frontier):
            self.found[known.node] = None
            yield self.choose()
        guide = self.options.guide
        everything = self.sweep(None)
        if guide is None:
            for _ in range(self.options.max_level):
                yield self.advance(everything)
            return
        likely = self.sweep(guide)
        for _ in range(self.options.max_level):
            yield self.advance(likely)
            if likely.level > 1:
                yield self.advance(everything)
        yield self.advance(everything)

    def sweep(self, likely: Likely | None) -> _Sweep:
        pool = Pool(self.bank, self.frontier)
        goal = self.goal
        reuse = self.options.reuse
        targets = Targets(self.bank, self.grammar, pool, goal.type, goal.values, reuse, self.look_at_clock)
        return _Sweep(pool, targets, likely)

    def advance(self, sweep: _Sweep) -> Node | None:
        """One more level of a sweep: keep the candidates of the last one, meet, look at the next."""
        for box in sweep.drawn:
            self.keep(sweep, box)
        for type, row in sweep.targets.expand(sweep.level):
            mark = self.bank.table(type).fingerprints[row : row + 1]
            number = int(sweep.targets.marks(type).find(mark)[0])
            self.solved(sweep.targets.target(type, number).wrap(Entry(self.bank, type, row).node))
        sweep.drawn = ()
        node = self.choose()
        if node is not None:
            return node
        sweep.level += 1
        sweep.drawn = boxes(
            self.grammar,
            sweep.pool,
            sweep.level,
            sweep.likely,
            self.statistics,
            lambda: self.count(sweep, 0),
        )
        self.look(sweep)
        return self.choose()

    def look(self, sweep: _Sweep) -> None:
        """Decide every candidate that may be a target, without keeping it."""
        grace = _GRACE
        for box in sweep.drawn:
            if box.signature.type not in sweep.targets.types:
                continue
            marks = sweep.targets.marks(box.signature.type)
            for block in blocks(self.bank, box):
                self.count(sweep, len(block.marks))
                hits = np.empty(min(_HITS, len(block.marks)), dtype=np.int64)
                found = match(block.marks, marks.keys, hits)
                if found:
                    self.hit(sweep, block, hits[:found])
                if self.found:
                    grace -= len(block.marks)
                    if grace < 0 or len(self.found) >= _SOLUTIONS:
                        return

    def hit(self, sweep: _Sweep, block: Block, places: Rows) -> None:
        """Note the cheapest of the candidates at some places, which are targets."""
        signature = block.signature
        numbers = sweep.targets.marks(signature.type).find(block.marks[places])
        lead, last = block.costs(self.bank)
        costs = lead[places // len(last)] + last[places % len(last)]
        costs += sweep.targets.costs(signature.type, numbers)
        order = np.argsort(costs, kind="stable")[:_CHEAPEST]
        operands = block.operands(places[order])
        for candidate, number in enumerate(numbers[order].tolist()):
            nodes = tuple(
                Entry(self.bank, type, int(rows[candidate])).node
                for type, rows in zip(signature.operands, operands, strict=True)
            )
            node = Operation(signature.definition.name, nodes, signature.attributes, signature.type)
            self.solved(sweep.targets.target(signature.type, number).wrap(node))

    def keep(self, sweep: _Sweep, box: Box) -> None:
        """Take the new values of a box into the bank and the sweep's pool."""
        signature = box.signature
        table = self.bank.table(signature.type)
        before = table.bytes
        if self.bytes > self.options.max_bytes:
            return
        counted = signature.type in sweep.targets.types
        for block in blocks(self.bank, box):
            self.count(sweep, 0 if counted else len(block.marks))
            kept = keep(self.bank, block, sweep.pool.state(signature.type), self.statistics)
            sweep.pool.take(signature.type, sweep.level, kept)
            self.bytes += table.bytes - before
            before = table.bytes
            if self.bytes > self.options.max_bytes:
                return

    def solved(self, node: Node) -> None:
        """Note a graph that has the goal's fingerprint."""
        if node not in self.rejected:
            self.found[node] = None

    def choose(self) -> Node | None:
        """The cheapest of the graphs found that has the goal's value and is accepted."""
        accept = self.options.accept
        wanted = self.goal.values.reshape(-1)
        for node in sorted(self.found, key=self.bank.cost):
            if np.array_equal(self.bank.observe(node), wanted):
                self.statistics.solutions += 1
                if accept is None or accept(node):
                    return node
            self.rejected.add(node)
        self.found.clear()
        return None

    def look_at_clock(self) -> None:
        """Raises _Exhausted where the time is spent."""
        if time.monotonic() - self.started > self.options.budget_s:
            raise _Exhausted

    def count(self, sweep: _Sweep, candidates: int) -> None:
        """Count candidates, tell of them, and stop where a bound is passed."""
        self.statistics.enumerated += candidates
        self.statistics.evaluated += candidates
        seconds = time.monotonic() - self.started
        if self.options.progress is not None and seconds >= self.told + _TELL_S:
            self.told = seconds
            self.options.progress(sweep.level, self.statistics.enumerated, seconds)
        if seconds > self.options.budget_s or self.statistics.evaluated > self.options.max_candidates:
            raise _Exhausted
