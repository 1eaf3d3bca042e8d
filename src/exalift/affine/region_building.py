"""From planned statements to regions: axes, guards, and reductions in index notation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from .affine_expression import Affine
from .distribution import LeafPlan, LoopPlan, Plans
from .domains import DomainError, Range, between, bounds, condition, exists, exists_all_but, gist, nominal
from .expressions import Axis, Reduce
from .guards import ALWAYS, Constraint, Guard
from .ir import Array, Loop
from .points import Points
from .reasons import Reasons
from .regions import Region, RegionStep, SequentialLoop
from .statements import Leaf
from .traversal import loads, substitute

_LARGEST_WIDENING = 8
"""How many more points than needed an axis may get so that it covers a whole dimension of an array."""


@dataclass(frozen=True, slots=True)
class RegionBuilder:
    """Builds the steps of a plan. `arrays` gives shapes; `known` is what holds for the sizes."""

    arrays: Mapping[str, Array]
    sizes: frozenset[str]
    known: isl.Set
    reasons: Reasons

    def steps(self, plans: Plans) -> tuple[RegionStep, ...]:
        return self._steps(plans, (), self.known)

    def _steps(self, plans: Plans, outer: tuple[str, ...], known: isl.Set) -> tuple[RegionStep, ...]:
        found: list[RegionStep] = []
        for plan in plans:
            match plan:
                case LeafPlan():
                    points = Points.of(plan)
                    if not points.condition.intersect(known).is_empty():
                        found.append(self._region(plan.leaf, points, outer, known))
                case LoopPlan():
                    found.append(self._loop(plan, outer, known))
        return tuple(found)

    def _loop(self, plan: LoopPlan, outer: tuple[str, ...], known: isl.Set) -> SequentialLoop:
        loop = plan.node.loop
        lower, upper = self._loop_bounds(loop, plan.leaves, outer)
        inside = known.intersect(condition(between(loop.iv, lower, upper)))
        body = self._steps(plan.body, (*outer, loop.iv), inside)
        return SequentialLoop(loop.iv, lower, upper, body, self.reasons.describe(plan), loop.span)

    def _loop_bounds(
        self, loop: Loop, leaves: Sequence[Leaf], outer: tuple[str, ...]
    ) -> tuple[tuple[Affine, ...], tuple[Affine, ...]]:
        """The loop's own bounds where they depend on what is around it only; otherwise the hull."""
        usable = self.sizes | frozenset(outer)
        lower = tuple(bound for bound in loop.lower if bound.names <= usable)
        upper = tuple(bound for bound in loop.upper if bound.names <= usable)
        if len(lower) < len(loop.lower) or len(upper) < len(loop.upper):
            run = leaves[0].condition
            for leaf in leaves[1:]:
                run = run.union(leaf.condition)
            hull = bounds(run, loop.iv, usable)
            lower = lower if len(lower) == len(loop.lower) else (*lower, hull.lower)
            upper = upper if len(upper) == len(loop.upper) else (*upper, hull.upper)
        return tuple(dict.fromkeys(lower)), tuple(dict.fromkeys(upper))

    def _region(self, leaf: Leaf, points: Points, outer: tuple[str, ...], known: isl.Set) -> Region:
        points.eliminate_equalities()
        points.eliminate_dependent()
        points.straighten()
        accumulation = leaf.accumulation
        axes = list(points.names) if accumulation is None else points.gather()
        axes = _in_order_of(points.indices, axes)
        inner = [name for name in points.names if name not in axes]
        inside = _in_bounds(points.indices, self.arrays[leaf.assign.array].shape)
        box = _Box(points, axes, inner, outer, known, self.sizes, inside)
        ranges = self._widened(leaf, box)
        guards = box.guards(ranges)
        moves = {
            name: Affine.symbol(name) + span.lower for name, span in ranges.items() if span.lower != Affine()
        }
        indices = tuple(index.substitute(moves) for index in points.indices)
        value = substitute(points.terms[0], moves)
        if accumulation is not None and inner:
            term = substitute(points.terms[1], moves)
            reduce_axes = tuple(Axis(name, ranges[name].extent) for name in inner)
            within = guards.inner.substitute(moves)
            reduced = Reduce(accumulation.function, reduce_axes, term, term.dtype, within)
            target = replace(accumulation.target, indices=indices)
            value = replace(accumulation, target=target).combine(reduced)
        span = leaf.assign.span
        return Region(
            leaf.assign.array,
            tuple(Axis(name, ranges[name].extent) for name in axes),
            indices,
            value,
            guards.outer.substitute(moves),
            span,
            (span.line, max(span.line, span.end_line)),
        )

    def _widened(self, leaf: Leaf, box: _Box) -> dict[str, Range]:
        """The ranges of all names; an axis covers a whole dimension of an array that it subscripts
        where that leaves the guards as small as they were: a mask is as good, and slices go away.

        Of two bounds (`j < n` and `j < m`) the dimension's own is the better one, where it leaves a
        smaller guard.
        """
        ranges = box.ranges()
        size = box.guards(ranges).size
        for name, whole in self._dimensions(leaf, box.points):
            current = ranges[name]
            added = whole.extent - current.extent
            if whole == current:
                continue
            trial = {**ranges, name: whole}
            if added.is_constant and added.constant <= _LARGEST_WIDENING:
                covers = Guard.of(
                    Constraint(current.lower - whole.lower), Constraint(whole.upper - current.upper)
                )
                if box.known_sizes().is_subset(condition(covers)) and box.guards(trial).size <= size:
                    ranges = trial
            elif not added.is_constant and box.holds_within(name, whole):
                smaller = box.guards(trial).size
                if smaller < size:
                    ranges, size = trial, smaller
        return ranges

    def _dimensions(self, leaf: Leaf, points: Points) -> Iterable[tuple[str, Range]]:
        """For each name that is a subscript by itself, or with an offset, the whole dimension's range."""
        places = [(leaf.assign.array, points.indices)]
        places += [(load.array, load.indices) for load in loads(points.terms[-1])]
        for array, indices in places:
            for index, extent in zip(indices, self.arrays[array].shape, strict=True):
                if len(index.terms) == 1 and index.terms[0][1] == 1:
                    name = index.terms[0][0]
                    if isinstance(name, str) and name in points.names:
                        start = Affine((), -index.constant)
                        yield name, Range(start, extent + start)


def _in_bounds(indices: Iterable[Affine], shape: Iterable[Affine]) -> Guard:
    """The condition under which every subscript is in its extent."""
    pairs = zip(indices, shape, strict=True)
    return Guard.of(*(Constraint(row) for index, extent in pairs for row in (index, extent - 1 - index)))


def _in_order_of(indices: Iterable[Affine], names: list[str]) -> list[str]:
    """The names in the order in which subscripts use them, then those that none uses."""
    used = [name for index in indices for name in names if name in index.names]
    return list(dict.fromkeys([*used, *names]))


@dataclass(frozen=True, slots=True)
class _Guards:
    """A region's guard, and that of the reduction inside."""

    outer: Guard
    inner: Guard

    @property
    def size(self) -> int:
        return sum(len(d) for guard in (self.outer, self.inner) for d in guard.disjuncts)


@dataclass(frozen=True, slots=True)
class _Box:
    """The rectangular hull of points over `axes` and, for an accumulation, over `inner`.

    `inside` says where the subscripts written are in bounds.
    """

    points: Points
    axes: list[str]
    inner: list[str]
    outer: tuple[str, ...]
    known: isl.Set
    sizes: frozenset[str]
    inside: Guard

    def known_sizes(self) -> isl.Set:
        return exists_all_but(self.known, self.sizes)

    def holds_within(self, name: str, span: Range) -> bool:
        """Whether all points have the name in a range."""
        held = self.points.condition.intersect(self.known)
        return bool(held.is_subset(condition(span.guard(name))))

    def ranges(self) -> dict[str, Range]:
        return {name: self._range(name) for name in [*self.axes, *self.inner]}

    def _range(self, name: str) -> Range:
        """The hull over all iterations of the loops around; or, where it has a fixed extent and is
        smaller, the hull in one iteration, which moves with it."""
        held = self.points.condition.intersect(self.known)
        fixed = bounds(held, name, self.sizes)
        if not self.outer:
            return fixed
        try:
            moving = bounds(held, name, [*self.sizes, *self.outer])
        except DomainError:
            return fixed
        if moving.extent.names <= self.sizes and nominal(moving.extent) < nominal(fixed.extent):
            return moving
        return fixed

    def _inside(self, names: Iterable[str], ranges: Mapping[str, Range]) -> isl.Set:
        guard = ALWAYS
        for name in names:
            guard = guard & ranges[name].guard(name)
        return self.known.intersect(condition(guard))

    def guards(self, ranges: Mapping[str, Range]) -> _Guards:
        """Exact conditions inside the hull. Where a reduction is empty, the region may run or not, as
        long as it then writes in bounds."""
        held = self.points.condition
        box = self._inside(self.axes, ranges)
        if not self.inner:
            return _Guards(gist(held, box), ALWAYS)
        everything = self._inside([*self.axes, *self.inner], ranges)
        whole = gist(held, everything)
        if len(whole.disjuncts) == 1:
            inner = frozenset(self.inner)
            rows = whole.disjuncts[0]
            outer = Guard.of(*(row for row in rows if not row.expression.names & inner))
            if box.intersect(condition(outer)).is_subset(condition(self.inside)):
                return _Guards(outer, Guard.of(*(row for row in rows if row.expression.names & inner)))
        outside = gist(exists(held, self.inner), box)
        return _Guards(outside, gist(held, everything.intersect(condition(outside))))
