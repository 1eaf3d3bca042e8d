"""The loops of reductions, written as LLVM IR where their values are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exalift.affine import Axis, Constraint, Guard, Reduce

from .accumulators import Accumulators, Slots
from .bounds import Range, bounds_of
from .counting import counted, lanes_before, limits, whole_limit
from .dot_accumulators import DotAccumulators
from .joining import companions
from .program import box
from .scheduling import Nest
from .values import Lanes, Point, Values


@dataclass(slots=True)
class ReductionWriter:
    """Writes the reductions of one nest after another. `context`: what is known of the loops around."""

    values: Values
    slots: Slots
    context: tuple[Constraint, ...] = ()
    nest: Nest | None = None
    _bound: tuple[Constraint, ...] = ()

    def use(self, nest: Nest, context: tuple[Constraint, ...]) -> None:
        """Write reductions for this nest from now on."""
        self.nest, self.context = nest, context

    def together(self, term: Reduce) -> tuple[Reduce, ...]:
        """The reductions that walk the same loops, the one given among them."""
        assert self.nest is not None, "called between `use` and the end of a nest"
        return companions(self.nest.assignment.body, self.values.pool).get(id(term), (term,))

    def reduce(self, terms: Sequence[Reduce], points: Sequence[Point]) -> list[list[str]]:
        """For each reduction its value at every point, in loops that all share. They have the same axes,
        guards and lanes."""
        term = terms[0]
        axes = self._order_of(term)
        conjunction = term.guard.disjuncts[0] if len(term.guard.disjuncts) == 1 else ()
        moving = self._moving(points)
        context = (*self.context, *self._domain(), *self._bound)
        bounds = bounds_of(axes, conjunction, context, moving)
        tests = Guard.of(*bounds.tests) if len(term.guard.disjuncts) == 1 else term.guard
        if bounds.before:
            tests = tests & Guard.of(*bounds.before)
        lanes = self._lanes_of(term)
        accumulators = [self._accumulators(one, list(points), lanes) for one in terms]
        outer, self._bound = self._bound, (*self._bound, *box(axes), *conjunction)
        self._reduction_loops(0, axes, bounds.ranges, tests, accumulators, tuple(points))
        self._bound = outer
        return [one.results() for one in accumulators]

    def _accumulators(self, term: Reduce, points: list[Point], lanes: Nest | None) -> Accumulators:
        if lanes is not None and lanes.dot is not None:
            return DotAccumulators(self.values, self.slots, term, points, lanes, lanes.dot)
        return Accumulators(self.values, self.slots, term, points, lanes)

    def _order_of(self, term: Reduce) -> tuple[Axis, ...]:
        assert self.nest is not None, "called between `use` and the end of a nest"
        return self.nest.reductions.get(id(term), term.axes)

    def _domain(self) -> tuple[Constraint, ...]:
        assert self.nest is not None, "called between `use` and the end of a nest"
        return self.nest.assignment.constraints

    def _lanes_of(self, term: Reduce) -> Nest | None:
        """The nest, where its lanes run along an axis of this reduction."""
        nest = self.nest
        assert nest is not None, "called between `use` and the end of a nest"
        return nest if any(axis.name == nest.vector for axis in term.axes) else None

    def _moving(self, points: Sequence[Point]) -> dict[str, int]:
        """Axes that take several values at once here, and how many more than the first."""
        lanes = self.values.lanes
        reach: dict[str, int] = {}
        for point in points:
            for name, by in point.items():
                reach[name] = max(reach.get(name, 0), by)
        moving = {name: by for name, by in reach.items() if by}
        if lanes.axis is not None and lanes.width > 1:
            moving[lanes.axis] = moving.get(lanes.axis, 0) + lanes.width - 1
        return moving

    def _reduction_loops(
        self,
        depth: int,
        axes: Sequence[Axis],
        ranges: Mapping[str, Range],
        tests: Guard,
        accumulators: Sequence[Accumulators],
        points: tuple[Point, ...],
    ) -> None:
        """Loops nest as deep as arrays have dimensions, so this recursion is short."""
        values = self.values
        if depth == len(axes):
            for one in accumulators:
                one.add(tests, points, 0)
            return
        name = axes[depth].name
        lower, upper = limits(values, ranges[name])
        nest = accumulators[0].lanes
        if nest is None or name != nest.vector:
            with values.scope(), counted(values, name, lower, upper, 1):
                self._reduction_loops(depth + 1, axes, ranges, tests, accumulators, points)
            return
        step = nest.width * nest.copies
        whole = whole_limit(values, lower, upper, step)
        with values.along(Lanes(name, nest.width)), counted(values, name, lower, whole, step):
            for copy in range(nest.copies):
                moved = tuple({**point, name: copy * nest.width} for point in points)
                for one in accumulators:
                    one.add(tests, moved, copy)
        if self.slots.masked:
            with values.scope(), counted(values, name, whole, upper, nest.width) as counter:
                mask = lanes_before(values, counter, upper, nest.width)
                with values.along(Lanes(name, nest.width, mask)):
                    for one in accumulators:
                        one.add(tests, points, 0)
        else:
            with values.along(Lanes()), counted(values, name, whole, upper, 1):
                for one in accumulators:
                    one.add_single(tests, points)
