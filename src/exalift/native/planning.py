"""What is worth sharing among threads: work against the cost of meeting at a barrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from exalift.affine import Affine, Apply, Axis, Constraint, Expression, Load, Reduce

from .inequalities import least
from .program import Assignment, Block, Columns, Item, Product, Sequential, extent_of
from .terms import postorder, same_scope

_WORTH = 40_000
"""Work below this, in reads and operations on one element of 64 bits, is left to one thread."""

_MOVED = 40
"""What an element costs that one thread wrote and another reads, in the same unit: two cores hand one over in
about 1 ns."""

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
            shared = max(0.0, shared - _MOVED * moved(body))
            return Weight(times * total, times * shared, times * meetings)


def moved(body: Sequence[Item]) -> float:
    """How many elements pass from thread to thread in one round of a loop: of arrays of which one assignment
    writes a share by one dimension, and another reads a share by another one."""
    shared = [a for item in body if isinstance(item, Block) for a in item.assignments if work(a) >= _WORTH]
    total = 0.0
    for writer in shared:
        dimensions = _dimensions(writer.indices, _shared_axis(writer))
        for reader in shared:
            axis = _shared_axis(reader)
            extents = {one.name: extent_of(one) for one in _all_axes(reader)}
            loaded = [t for t in postorder(reader.body) if isinstance(t, Load) and t.array == writer.array]
            strange = [load for load in loaded if not _dimensions(load.indices, axis) & dimensions]
            names = [{name for index in load.indices for name in index.names} for load in strange]
            read = max((prod(extents.get(name, 1) for name in some) for some in names), default=0)
            share = max(_share(writer.domain), _share(reader.domain))
            total += min(read, writer.points) * share / 2
    return total


def _shared_axis(assignment: Assignment) -> str:
    """The loop that threads share, the outermost one: vectors lie along the array's last dimension."""
    last = assignment.indices[-1].names if assignment.indices else frozenset[str]()
    names = [axis.name for axis in assignment.axes]
    return next((name for name in names if name not in last), names[0] if names else "")


def _all_axes(assignment: Assignment) -> tuple[Axis, ...]:
    inner = (axis for term in postorder(assignment.body) if isinstance(term, Reduce) for axis in term.axes)
    return (*assignment.axes, *inner)


def _dimensions(indices: Sequence[Affine], axis: str) -> frozenset[int]:
    return frozenset(place for place, index in enumerate(indices) if axis in index.names)
