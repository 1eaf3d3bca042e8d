"""What regions read and write, as conditions on elements; each answer is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import islpy as isl

from .affine_expression import Affine
from .domains import between, condition, exists
from .expressions import Axis
from .guards import ALWAYS, Constraint, Guard
from .regions import Region, RegionStep, SequentialLoop
from .statements import bound_loads
from .traversal import loads

T = TypeVar("T")


def hull(axes: Sequence[Axis]) -> Guard:
    """All points of the axes."""
    guard = ALWAYS
    for axis in axes:
        guard = guard & between(axis.name, [Affine()], [axis.extent])
    return guard


def points_of(region: Region, known: isl.Set) -> isl.Set:
    """The points at which a region writes, as a condition on its axes and what is around."""
    return known.intersect(condition(hull(region.axes) & region.guard))


def element_names(rank: int) -> list[str]:
    return [f"element.{k}" for k in range(rank)]


def _elements(held: isl.Set, indices: Sequence[Affine], when: Guard, bound: Iterable[Axis]) -> isl.Set:
    """The elements `indices` at the points of a condition, as a condition on `element_names`."""
    names = element_names(len(indices))
    equal = [Constraint(Affine.symbol(n) - index, True) for n, index in zip(names, indices, strict=True)]
    return exists(held.intersect(condition(when & Guard.of(*equal))), [axis.name for axis in bound])


class RegionFacts:
    """Answers about regions, kept by the regions' and conditions' identity for as long as this lives."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[object, object]] = {}

    def _once(self, key: tuple[object, ...], held: object, compute: Callable[[], T]) -> T:
        """`compute()`, once for the key; `held` keeps the objects alive whose identities the key has."""
        if key not in self._known:
            self._known[key] = (held, compute())
        return self._known[key][1]  # type: ignore[return-value]

    def arrays_read(self, region: Region) -> frozenset[str]:
        def compute() -> frozenset[str]:
            return frozenset(load.array for load in loads(region.value))

        return self._once(("reads", id(region)), region, compute)

    def written(self, region: Region, known: isl.Set) -> isl.Set:
        """The elements that a region writes."""

        def compute() -> isl.Set:
            return _elements(points_of(region, known), region.indices, ALWAYS, region.axes)

        return self._once(("written", id(region), id(known)), (region, known), compute)

    def read(self, region: Region, array: str, known: isl.Set) -> isl.Set | None:
        """The elements of an array that a region reads, or None where it reads none."""
        if array not in self.arrays_read(region):
            return None

        def compute() -> isl.Set | None:
            held = points_of(region, known)
            found: isl.Set | None = None
            for item in bound_loads(region.value):
                if item.load.array == array:
                    seen = _elements(held, item.load.indices, item.guard, (*region.axes, *item.axes))
                    found = seen if found is None else found.union(seen)
            return found

        return self._once(("read", id(region), array, id(known)), (region, known), compute)

    def inside(self, loop: SequentialLoop, known: isl.Set) -> isl.Set:
        """What is known in a loop."""

        def compute() -> isl.Set:
            return known.intersect(condition(between(loop.iv, loop.lower, loop.upper)))

        return self._once(("inside", loop.iv, loop.lower, loop.upper, id(known)), known, compute)

    def arrays_of(self, steps: Iterable[RegionStep]) -> frozenset[str]:
        """Every array that steps read or write."""
        regions = regions_of(steps)
        written = frozenset(region.array for region in regions)
        return written.union(*(self.arrays_read(region) for region in regions))


def regions_of(steps: Iterable[RegionStep]) -> list[Region]:
    """Every region, those inside loops among them; in no order."""
    found: list[Region] = []
    pending = list(steps)
    while pending:
        match pending.pop():
            case Region() as region:
                found.append(region)
            case SequentialLoop(body=body):
                pending += body
    return found


def targets(steps: Iterable[RegionStep]) -> frozenset[str]:
    """Every array that steps write."""
    return frozenset(region.array for region in regions_of(steps))
