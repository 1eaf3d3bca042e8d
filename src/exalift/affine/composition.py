"""Merging regions: what is written only to be read once is put where it is read.

    T[i] = 0                            tmp[i] = sum k. A[i,k] * x[k]
    T[i] = T[i] + sum k. A[i,k]         y[i] = y[i] + tmp[i]
  =>                                  =>
    T[i] = sum k. A[i,k]                y[i] = y[i] + sum k. A[i,k] * x[k]

Nothing is computed twice by it, except what costs nothing (loads, constants), and nothing moves past
a write to what it reads. Regions whose values nobody reads go away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from .domains import DomainError, exists, limited
from .expressions import Load
from .forwarding import LARGEST_VALUE, Cover, Forwarding, has_reduction, is_copy, occurrences, tree_size
from .region_facts import RegionFacts, regions_of, targets
from .regions import Region, RegionStep, SequentialLoop
from .statements import BoundLoad


@dataclass(frozen=True, slots=True)
class _Place:
    """A list of steps, where it stands in the list around it, and what is known there."""

    known: isl.Set
    loop: SequentialLoop | None = None
    parent: _Place | None = None
    position: int = 0
    around: tuple[RegionStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Composition:
    """Merges the regions of a program. `kept` are the arrays whose final contents matter, `local` those
    that may go away, `inlined` those that must not stay even if computing their values again costs
    something."""

    known: isl.Set
    kept: frozenset[str]
    local: frozenset[str]
    inlined: frozenset[str] = frozenset()

    def run(self, steps: tuple[RegionStep, ...]) -> tuple[RegionStep, ...]:
        """The steps after merging until nothing more can be merged."""
        facts = RegionFacts()
        while True:
            merged = _Round(self, facts, _writers(steps)).merged(steps, _Place(self.known))
            if merged is None:
                return steps
            steps = merged


def _writers(steps: Iterable[RegionStep]) -> dict[str, int]:
    return dict(Counter(region.array for region in regions_of(steps)))


@dataclass(frozen=True, slots=True)
class _Round:
    """One change; `writers` counts the regions that write each array."""

    options: Composition
    facts: RegionFacts
    writers: dict[str, int]

    def merged(self, steps: tuple[RegionStep, ...], place: _Place) -> tuple[RegionStep, ...] | None:
        """The steps after one change, or None where nothing changes."""
        for position, step in enumerate(steps):
            match step:
                case Region():
                    made = self._change(steps, position, step, place)
                    if made is not None:
                        return made
                case SequentialLoop(body=body):
                    if not body:
                        return steps[:position] + steps[position + 1 :]
                    inside = self.facts.inside(step, place.known)
                    inner = self.merged(body, _Place(inside, step, place, position, steps))
                    if inner is not None:
                        return (*steps[:position], replace(step, body=inner), *steps[position + 1 :])
        return None

    def _change(
        self, steps: tuple[RegionStep, ...], position: int, region: Region, place: _Place
    ) -> tuple[RegionStep, ...] | None:
        without = steps[:position] + steps[position + 1 :]
        if not self._needed(without, position, region, place):
            return without
        made = self._forwarded(steps, position, region, place)
        return made if made is not None else self._renamed(steps, position, region, place)

    # Forwarding a value to its reader.

    def _forwarded(
        self, steps: tuple[RegionStep, ...], position: int, region: Region, place: _Place
    ) -> tuple[RegionStep, ...] | None:
        sources = self.facts.arrays_read(region)
        for later in range(position + 1, len(steps)):
            step = steps[later]
            if isinstance(step, SequentialLoop):
                inner = self.facts.arrays_of([step])
                if region.array in inner or sources & targets([step]):
                    return None
                continue
            if region.array in self.facts.arrays_read(step):
                made = self._merge(steps, position, later, place)
                if made is not None or not self._may_copy(region):
                    return made
            if step.array == region.array or step.array in sources:
                return None
        return None

    def _merge(
        self, steps: tuple[RegionStep, ...], position: int, later: int, place: _Place
    ) -> tuple[RegionStep, ...] | None:
        """Put the value of the region at `position` into the one at `later`."""
        region, reader = steps[position], steps[later]
        assert isinstance(region, Region) and isinstance(reader, Region)
        forwarding = Forwarding(region, reader, place.known)
        items = forwarding.loads()
        covers = [forwarding.cover(item) for item in items]
        covered = [item for item, cover in zip(items, covers, strict=True) if cover is Cover.ALL]
        if not covered:
            return None
        merged = forwarding.applied(covered)
        if tree_size(merged.value) > LARGEST_VALUE:
            return None
        lines = (min(region.lines[0], reader.lines[0]), max(region.lines[1], reader.lines[1]))
        moved = (*steps[:later], replace(merged, lines=lines), *steps[later + 1 :])
        moved = moved[:position] + moved[position + 1 :]
        copies = self._may_copy(region)
        if Cover.SOME not in covers and (copies or self._is_worth(forwarding, covered)):
            unseen = all(
                region.array not in self.facts.arrays_of([step]) for step in steps[position + 1 : later]
            )
            if unseen and self._may_move(moved, later, region, reader, place):
                return moved
        return (*steps[:later], merged, *steps[later + 1 :]) if copies else None

    def _may_copy(self, region: Region) -> bool:
        """Whether the value may be computed once more at the reader's, its region staying."""
        if region.array in self.facts.arrays_read(region) or has_reduction(region.value):
            return False
        if region.array in self.options.inlined:
            return True
        return is_copy(region.value) and (
            region.array not in self.options.kept or not self.facts.arrays_read(region)
        )

    def _may_move(
        self, moved: tuple[RegionStep, ...], after: int, region: Region, reader: Region, place: _Place
    ) -> bool:
        """Whether nobody but the reader, which comes just before `moved[after]`, sees what `region` wrote."""
        if reader.array == region.array and self._overwrites(reader, region, place.known):
            return True
        return not self._needed(moved, after, region, place)

    def _is_worth(self, forwarding: Forwarding, covered: Sequence[BoundLoad]) -> bool:
        """Whether the reader computes the value no more often than the writer did."""
        region = forwarding.writer
        if region.array in self.options.inlined and not has_reduction(region.value):
            return True
        if not all(forwarding.once_each(item) for item in covered):
            return False
        if not has_reduction(region.value):
            return True
        alone = len(covered) == 1 and not covered[0].axes
        return alone and occurrences(forwarding.reader.value, covered[0].load) == 1

    # A copy of a local array under another name.

    def _renamed(
        self, steps: tuple[RegionStep, ...], position: int, region: Region, place: _Place
    ) -> tuple[RegionStep, ...] | None:
        """After `A = T`, read `A` where `T` was read, so that `T` may go away."""
        source, options = region.value, self.options
        if not isinstance(source, Load) or source.array not in options.local:
            return None
        if region.array not in options.kept:
            return None
        value = Load(region.array, region.indices, source.dtype)
        back = Region(source.array, region.axes, source.indices, value, region.guard)
        for later in range(position + 1, len(steps)):
            step = steps[later]
            if isinstance(step, SequentialLoop):
                if {source.array, region.array} & self.facts.arrays_of([step]):
                    return None
                continue
            if source.array in self.facts.arrays_read(step) and region.array not in self.facts.arrays_read(
                step
            ):
                forwarding = Forwarding(back, step, place.known)
                items = forwarding.loads()
                if all(forwarding.cover(item) is Cover.ALL for item in items):
                    return (*steps[:later], forwarding.applied(items), *steps[later + 1 :])
            if step.array in (source.array, region.array):
                return None
        return None

    # Who still needs what a region wrote.

    def _overwrites(self, later: Region, earlier: Region, known: isl.Set) -> bool:
        try:
            with limited():
                return self.facts.written(earlier, known).is_subset(self.facts.written(later, known))
        except DomainError:
            return False

    def _needed(self, steps: tuple[RegionStep, ...], position: int, region: Region, place: _Place) -> bool:
        """Whether what `region` wrote may be seen from `steps[position]` on, in later iterations of the
        loops around, or at the end. `region` itself is not among the steps any more."""
        if region.array in self.options.kept and self.writers[region.array] == 1:
            return True
        try:
            with limited():
                return self._is_seen(steps, position, region, place)
        except DomainError:
            return True

    def _is_seen(self, steps: tuple[RegionStep, ...], position: int, region: Region, place: _Place) -> bool:
        array = region.array
        elements = self.facts.written(region, place.known)
        while True:
            answer = self._scan(steps[position:], array, elements, place.known)
            if answer is not None:
                return answer
            if place.loop is None or place.parent is None:
                return array in self.options.kept
            # Later iterations may see the elements of any earlier one; the last one's survive the loop.
            elements = exists(elements, [place.loop.iv]).intersect(place.known)
            if self._scan(steps, array, elements, place.known):
                return True
            elements = exists(elements, [place.loop.iv])
            inner = replace(place.loop, body=steps)
            steps = (*place.around[: place.position], inner, *place.around[place.position + 1 :])
            position = place.position + 1
            place = place.parent

    def _scan(
        self, steps: Iterable[RegionStep], array: str, elements: isl.Set, known: isl.Set
    ) -> bool | None:
        """True where a step may read one of the elements, False where all are overwritten first, else None.

        The recursion is over the nesting of loops.
        """
        for step in steps:
            match step:
                case Region():
                    seen = self.facts.read(step, array, known)
                    if seen is not None and not seen.is_disjoint(elements):
                        return True
                    if step.array == array and elements.is_subset(self.facts.written(step, known)):
                        return False
                case SequentialLoop():
                    if all(array not in self.facts.arrays_read(region) for region in regions_of([step])):
                        continue
                    inside = self.facts.inside(step, known)
                    # A loop may run no iteration, so that what it overwrites does not count after it.
                    if self._scan(step.body, array, elements.intersect(inside), inside):
                        return True
        return None
