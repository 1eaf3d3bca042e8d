"""What a goal never reads must not reach its value: not even as `0 * x`, since `x` may be NaN.

The unused triangle of a matrix is often uninitialised memory. Over a field `x * 0` masks `x`, in
floating point it does not; so a candidate is also run with NaN in all elements that the goal does
not read. (An element that is read somewhere may be multiplied by zero elsewhere: that values which
the source reads are finite is an assumption of every lifting. For that reason sums are not asked: in
a contraction, what the mask of one factor leaves out is multiplied by zero in the other.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exalift.affine import (
    Apply,
    Expression,
    Formula,
    GuardValue,
    Load,
    Reduce,
    children,
    evaluate,
    guard_mask,
    nodes,
)
from exalift.affine.algebra.protocol import Truth, Values
from exalift.dialects import Dialect, Node, TensorType, evaluate_node

from .environment import Environment

Grids = Mapping[str, "int | np.ndarray[tuple[int, ...], np.dtype[np.int64]]"]


def read_elements(
    goal: Formula, arrays: Mapping[str, TensorType], sizes: Mapping[str, int]
) -> dict[str, Truth]:
    """For every array that the goal loads, which elements it reads; conditions on data read both sides."""
    found: dict[str, Truth] = {}
    grids: dict[str, int | np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = dict(sizes)
    rank = len(goal.axes)
    for place, axis in enumerate(goal.axes):
        shape = [1] * rank
        shape[place] = -1
        grids[axis.name] = np.arange(max(0, axis.extent.at(sizes)), dtype=np.int64).reshape(shape)
    everywhere = np.ones([max(0, axis.extent.at(sizes)) for axis in goal.axes], dtype=bool)
    stack: list[tuple[Expression, Grids, Truth]] = [(goal.body, grids, everywhere)]
    while stack:
        node, here, mask = stack.pop()
        match node:
            case Load():
                shape = tuple(max(0, extent) for extent in arrays[node.array].at(sizes))
                _mark(node, here, mask, shape, found)
            case Apply(function="select", operands=(GuardValue(guard=guard), then, otherwise)):
                holds = guard_mask(guard, here)
                stack += [(then, here, mask & holds), (otherwise, here, mask & ~holds)]
            case Reduce(axes=axes, guard=guard, body=body):
                inside = {
                    name: grid[(...,) + (None,) * len(axes)] if isinstance(grid, np.ndarray) else grid
                    for name, grid in here.items()
                }
                for place, axis in enumerate(axes):
                    shape = [1] * (mask.ndim + len(axes))
                    shape[mask.ndim + place] = -1
                    points = np.arange(max(0, axis.extent.at(sizes)), dtype=np.int64)
                    inside[axis.name] = points.reshape(shape)
                extents = [max(0, axis.extent.at(sizes)) for axis in axes]
                wide = np.broadcast_to(mask[(...,) + (None,) * len(axes)], (*mask.shape, *extents))
                stack.append((body, inside, wide & guard_mask(guard, inside)))
            case _:
                stack += [(child, here, mask) for child in children(node)]
    return found


def _mark(load: Load, grids: Grids, mask: Truth, shape: tuple[int, ...], found: dict[str, Truth]) -> None:
    read = found.setdefault(load.array, np.zeros(shape, dtype=bool))
    if not shape:
        read[()] = True
        return
    places = [np.broadcast_to(index.evaluate(grids), mask.shape) for index in load.indices]
    inside = mask.copy()
    for place, extent in zip(places, shape, strict=True):
        inside &= (place >= 0) & (place < extent)
    read[tuple(place[inside] for place in places)] = True


@dataclass(frozen=True)
class Poison:
    """Runs candidates in machine numbers with NaN wherever the goal does not read."""

    environment: Environment
    dialect: Dialect
    arrays: Mapping[str, TensorType]
    _spoilt: dict[Formula, dict[str, Values] | None] = field(default_factory=lambda: {})

    def agrees(self, goal: Formula, node: Node) -> bool:
        """Whether the graph has the goal's value although what the goal does not read is NaN."""
        if goal not in self._spoilt:
            sums = any(isinstance(part, Reduce) for part in nodes(goal.body))
            self._spoilt[goal] = None if sums else self._contents(goal)
        contents = self._spoilt[goal]
        if contents is None:
            return True
        sizes, algebra = self.environment.sizes, self.environment.algebra
        expected = evaluate(goal, contents, sizes, algebra)
        actual = evaluate_node(node, contents, sizes, algebra, self.dialect)
        return bool(np.all(algebra.equal(actual, expected, goal.body.dtype)))

    def _contents(self, goal: Formula) -> dict[str, Values] | None:
        """The arrays with NaN in what the goal does not read; None where it reads all there is."""
        contents = {name: self.environment.random(name, type) for name, type in self.arrays.items()}
        spoilt = False
        for name, read in read_elements(goal, self.arrays, self.environment.sizes).items():
            if self.arrays[name].dtype.is_float and not read.all():
                contents[name] = np.where(read, contents[name], np.nan).astype(contents[name].dtype)
                spoilt = True
        return contents if spoilt else None
