"""What is worth sharing among threads: work against the cost of meeting at a barrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from exalift.affine import Apply, Constraint, Expression, Load, Reduce

from .inequalities import least
from .program import Assignment, Block, Columns, Item, Product, Sequential, extent_of
from .terms import same_scope

_WORTH = 40_000
"""Work below this, in reads and operations on one element of 64 bits, is left to one thread."""

_START = 2_000_000
"""Work below this, in the same unit, is not worth waking other threads for."""


def work(assignment: Assignment) -> float:
    """Reads and operations, in elements of 64 bits; each constraint between axes halves the points."""
    total = 0.0
    stack: list[tuple[Expression, float]] = [(assignment.body, 1.0)]
    while stack:
        root, times = stack.pop()
        for term in same_scope(root):
            match term:
                case Load(dtype=dtype):
                    total += times * dtype.bits / 64
                case Apply(function, _, dtype):
                    total += times * dtype.bits / 64 * (8 if function in ("divide", "sqrt") else 1)
                case Reduce(_, axes, body, _, guard):
                    points = prod(extent_of(axis) for axis in axes)
                    share = _share(guard.disjuncts[0] if len(guard.disjuncts) == 1 else ())
                    stack.append((body, times * points * share))
                case _:
                    pass
    return (total + 1) * assignment.points * _share(assignment.domain)


def _share(constraints: Sequence[Constraint]) -> float:
    return 0.5 ** min(4, sum(len(c.expression.names) > 1 for c in constraints))


def trips(loop: Sequential) -> float:
    """About how often a loop runs: half of the widest constant distance where its bounds move."""
    if loop.times is not None:
        return loop.times
    gaps = [high - low for low in loop.lower for high in loop.upper]
    constants = [gap.constant for gap in gaps if gap.is_constant]
    if len(constants) == len(gaps):
        return max(0, min(constants))
    return max(1.0, max((abs(least(gap, {}) or gap.constant) for gap in gaps), default=1) / 2)


@dataclass(frozen=True, slots=True)
class Weight:
    """Work of an item: all of it, what threads can share, and how often they must meet for that."""

    total: float
    shared: float
    meetings: float

    @property
    def pays(self) -> bool:
        return self.shared >= _WORTH * max(1.0, self.meetings) and self.shared * 2 >= self.total


def pays_to_start(items: Sequence[Item]) -> bool:
    """Whether a team of threads is worth waking for a procedure."""
    weights = [weigh(item) for item in items]
    return sum(weight.shared for weight in weights if weight.pays) >= _START


def weigh(item: Item) -> Weight:
    match item:
        case Block(assignments):
            amounts = [work(assignment) for assignment in assignments]
            shared = sum(amount for amount in amounts if amount >= _WORTH)
            return Weight(sum(amounts), shared, float(bool(shared)))
        case Product():
            return Weight(item.work, item.work, 3.0)
        case Columns(loop=loop, statements=statements):
            total = trips(loop) * sum(work(statement) for statement in statements)
            return Weight(total, total, 1.0)
        case Sequential(body=body):
            # Loops nest as deep as the source's own do, so this recursion is short.
            inner = [weigh(below) for below in body]
            times = trips(item)
            total, shared = sum(load.total for load in inner), sum(load.shared for load in inner)
            meetings = sum(load.meetings for load in inner)
            return Weight(times * total, times * shared, times * meetings)
