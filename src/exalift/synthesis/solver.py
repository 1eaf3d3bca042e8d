"""From goals to graphs: look up, search, split, and search again on what the parts became.

The steps are mlirSynth's (arXiv 2310.04196, section 4) with one addition: where the whole goal is
too deep to enumerate, the algebra of the reference function splits it (`splits`), and the op that
joins the solved parts is found by a search of one level over just these.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from math import prod

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Formula,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    evaluate,
    loads,
    nodes,
    substitute,
)
from exalift.affine.algebra.protocol import Values
from exalift.dialects import ArrayValue, ConstantValue, IndexScalar, Node, Operation, TensorType

from .bank import Bank, Entry
from .search import Goal, Progress, SearchOptions, search
from .splits import Scope, Split, goal_type, hints_for, propose
from .statistics import Statistics
from .unread import Poison
from .witness import Witness

_DIRECT_NODES = 7
"""Goals of up to this many expression nodes are searched whole before they are split."""

_POINTS = 1 << 22
"""Goals of more points than this are not observed, and so not solved."""

_VARIANTS = 64
"""How many combinations of parts that look alike are tried."""

Steps = Generator[Formula, "Solution | None", "Solution | None"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A graph with a goal's value, and the bank's entry of that value."""

    node: Node
    entry: Entry


@dataclass(slots=True)
class Effort:
    """What a search may still spend, and what it has counted."""

    deadline: float
    progress: Progress | None = None
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()


class Solver:
    """Solves goals in one environment; solved goals and their values are shared among regions.

    `refuted` is set once a witness refused a graph that has its goal's value here: then another
    environment may find what this one hides.
    """

    def __init__(self, bank: Bank, scope: Scope, witnesses: Sequence[Witness | Poison] = ()) -> None:
        self.bank = bank
        self.scope = scope
        self.witnesses = witnesses
        self.solved: dict[Formula, Solution] = {}
        self.failed: set[Formula] = set()
        self.refuted = False
        self.contents: dict[str, Values] = {
            name: bank.environment.random(name, type) for name, type in scope.arrays.items()
        }

    def solve(self, goal: Formula, effort: Effort, first: Split | None = None) -> Solution | None:
        """The graph of a goal, or None. `first` is a split to try before all others.

        Goals are solved depth first; the stack is explicit, since goals nest as deep as expressions.
        """
        root = canonical(goal)
        stack: list[tuple[Formula, Steps]] = [(root, self._steps(root, effort, first))]
        open_goals = {root}
        answer: Solution | None = None
        resume = False
        # How many goals were cut short so far: a failure that one of them may have caused is not kept.
        cut = 0
        cut_before = [0]
        while stack:
            key, steps = stack[-1]
            try:
                asked = canonical(steps.send(answer) if resume else next(steps))
            except StopIteration as done:
                answer, resume = done.value, True
                stack.pop()
                open_goals.discard(key)
                before = cut_before.pop()
                if answer is not None:
                    self.solved[key] = answer
                elif before == cut and stack:
                    self.failed.add(key)
                continue
            if asked in self.solved:
                answer, resume = self.solved[asked], True
            elif asked in self.failed:
                answer, resume = None, True
            elif asked in open_goals or effort.left <= 0:
                # A goal that needs itself is no solution.
                answer, resume = None, True
                cut += 1
            else:
                cut_before.append(cut)
                stack.append((asked, self._steps(asked, effort, None)))
                open_goals.add(asked)
                answer, resume = None, False
        return answer

    def values(self, goal: Formula) -> Values:
        """The goal's value in the bank's environment."""
        environment = self.bank.environment
        return evaluate(goal, self.contents, environment.sizes, environment.algebra)

    def _points(self, goal: Formula) -> int:
        """How many points it takes to observe a goal: few, but for sizes that could not be made symbolic."""
        bound = [a for node in nodes(goal.body) if isinstance(node, Reduce) for a in node.axes]
        sizes = self.bank.environment.sizes
        return prod(max(1, axis.extent.at(sizes)) for axis in (*goal.axes, *bound))

    def _steps(self, goal: Formula, effort: Effort, first: Split | None) -> Steps:
        """One goal as a coroutine: it yields subgoals and is sent their solutions."""
        leaf = _leaf(goal, self.scope)
        if leaf is not None:
            return Solution(leaf, self.bank.seed(leaf))
        if (
            self._points(goal) > _POINTS
            or min(goal_type(goal).at(self.bank.environment.sizes), default=0) < 0
        ):
            return None
        target = Goal(goal_type(goal), self.values(goal))
        if first is None and _is_small(goal):
            found = self._whole(goal, target, effort)
            if found is not None:
                return found
        splits = (*((first,) if first else ()), *propose(goal, self.scope))
        for split in splits:
            parts: list[Solution] = []
            for subgoal in split.subgoals:
                part = yield subgoal
                if part is None:
                    break
                parts.append(part)
            if len(parts) < len(split.subgoals):
                continue
            if len(parts) == 1 and parts[0].entry.type == target.type:
                known = self.bank.lookup(target.type, target.values)
                if known == parts[0].entry and self._agree(goal, parts[0].node):
                    return parts[0]
            found = self._compose(goal, target, split, parts, effort)
            if found is not None:
                return found
        return None

    def _whole(self, goal: Formula, target: Goal, effort: Effort) -> Solution | None:
        """One level of search on the arrays and constants that the goal itself names."""
        seeds = [Solution(node, self.bank.seed(node)) for node in self._seeds(goal)]
        symbols = [index for load in loads(goal.body) for index in load.indices]
        constants = tuple(Affine((), index.constant) for index in symbols)
        hints = hints_for(
            goal,
            offsets=constants,
            strides=tuple(abs(c) for index in symbols for _, c in index.terms),
            extents=tuple(a.extent for n in nodes(goal.body) if isinstance(n, Reduce) for a in n.axes),
            functions=_functions(goal),
        )
        return self._compose(goal, target, Split((), hints, "the whole goal"), seeds, effort)

    def _seeds(self, goal: Formula) -> Sequence[Node]:
        found: dict[Node, None] = {}
        for node in nodes(goal.body):
            match node:
                case Load(array=array):
                    found[ArrayValue(array, self.scope.arrays[array])] = None
                case Constant(value=value, dtype=dtype):
                    found[ConstantValue(value, TensorType((), dtype))] = None
                case _:
                    pass
        return tuple(found)

    def _compose(
        self, goal: Formula, target: Goal, split: Split, parts: Sequence[Solution], effort: Effort
    ) -> Solution | None:
        """The op that joins the parts, by one level of search over just these.

        Parts may look alike here and differ elsewhere (`max(a, b)` always equals `a` or `b`); then
        each is tried in place of the other, and the witnesses decide.
        """
        twins = self._pin(parts)
        chosen: dict[Node, Node] = {}

        def accept(node: Node) -> bool:
            for variant in _variants(node, twins):
                if self._agree(goal, variant):
                    chosen[node] = variant
                    return True
            return False

        options = SearchOptions(
            budget_s=max(0.05, effort.left), max_level=1, progress=effort.progress, accept=accept
        )
        frontier = tuple(dict.fromkeys(part.entry for part in parts))
        result = search(self.bank, target, options, split.hints, frontier)
        effort.statistics += result.statistics
        if result.node is None or result.entry is None:
            return None
        return Solution(chosen[result.node], result.entry)

    def _agree(self, goal: Formula, node: Node) -> bool:
        agreed = all(witness.agrees(goal, node) for witness in self.witnesses)
        self.refuted |= not agreed
        return agreed

    def _pin(self, parts: Sequence[Solution]) -> dict[Node, tuple[Node, ...]]:
        """Give the parts' entries the parts' graphs; where several share one, the graphs by the first."""
        groups: dict[Entry, dict[Node, None]] = {}
        for part in parts:
            groups.setdefault(part.entry, {})[part.node] = None
        for entry, graphs in groups.items():
            self.bank.pin(entry, next(iter(graphs)))
        shared = (tuple(graphs) for graphs in groups.values() if len(graphs) > 1)
        return {graphs[0]: graphs for graphs in shared}


def _variants(node: Node, twins: dict[Node, tuple[Node, ...]]) -> Iterator[Node]:
    """The node, and with each operand replaced by those that look like it."""
    if not isinstance(node, Operation) or not any(operand in twins for operand in node.operands):
        yield node
        return
    choices = [twins.get(operand, (operand,)) for operand in node.operands]
    for operands in islice(product(*choices), _VARIANTS):
        yield replace(node, operands=operands)


def canonical(goal: Formula) -> Formula:
    """The goal with its axes renamed by position, so that equal goals are equal."""
    names: dict[str, Affine] = {}
    bound = [a for node in nodes(goal.body) if isinstance(node, Reduce) for a in node.axes]
    for prefix, axes in (("i", goal.axes), ("r", bound)):
        for axis in axes:
            names.setdefault(axis.name, Affine.symbol(f"%{prefix}{len(names)}"))
    axes = tuple(Axis(str(names[axis.name]), axis.extent) for axis in goal.axes)
    return Formula(axes, substitute(goal.body, names))


def _leaf(goal: Formula, scope: Scope) -> Node | None:
    """The node of a goal that is a whole array, a literal or an index without axes."""
    match goal.body:
        case Constant(value=value, dtype=dtype) if not goal.axes:
            return ConstantValue(value, TensorType((), dtype))
        case IndexValue(index=index, dtype=dtype) if not goal.axes and dtype.is_integer:
            if index.is_constant:
                return ConstantValue(index.constant, TensorType((), dtype))
            return IndexScalar(index, TensorType((), dtype))
        case Load(array=array, indices=indices):
            type = scope.arrays[array]
            symbols = tuple(Affine.symbol(axis.name) for axis in goal.axes)
            if indices == symbols and goal.shape == type.shape:
                return ArrayValue(array, type)
        case _:
            pass
    return None


def _is_small(goal: Formula) -> bool:
    """Whether one op on arrays and constants may well be all that a goal needs."""
    size = 0
    for node in nodes(goal.body):
        match node:
            case GuardValue() | IndexValue():
                return False
            case Apply() | Cast() | Reduce() | Load() | Constant():
                size += 1
    return 1 < size <= _DIRECT_NODES or (size == 1 and isinstance(goal.body, Load) and bool(goal.axes))


def _functions(goal: Formula) -> tuple[str, ...]:
    return tuple(node.function for node in nodes(goal.body) if isinstance(node, Apply | Reduce))
