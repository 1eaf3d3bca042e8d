"""The loops of one assignment, written as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from exalift.affine import Affine, Constraint, Expression, Guard, Load, Reduce
from exalift.base import DType

from .accumulators import Slots
from .bounds import Range, bounds_of
from .bounds_checks import is_inside, mark_unsafe
from .counting import counted, is_number, lanes_before, limits, spread, whole_limit
from .program import Assignment, box
from .reductions import ReductionWriter
from .scheduling import Nest
from .terms import same_scope
from .values import Lanes, Point, Values


@dataclass(frozen=True, slots=True)
class Part:
    """One thread's part of a loop; where it has the steps of several threads between its own, `rest` is the
    condition (i1) on which what is left after whole steps is its own too."""

    start: str
    limit: str
    stride: int
    rest: str | None = None


Split = Callable[[str, str, int, bool], Part]
"""This thread's part, given the bounds and step of the outermost loop, and whether iterations are uneven."""


@dataclass(slots=True)
class NestWriter:
    """Writes nests. `context`: what is known of the loops around."""

    values: Values
    reductions: ReductionWriter
    context: tuple[Constraint, ...] = ()
    _nest: Nest | None = None

    @property
    def slots(self) -> Slots:
        return self.reductions.slots

    @property
    def masked(self) -> bool:
        return self.slots.masked

    def write(self, nest: Nest, split: Split | None = None) -> None:
        """The loops of a nest; with `split`, this thread's part of the outermost."""
        self.prepare(nest, self.context)
        assignment = nest.assignment
        axes = nest.order
        bounds = bounds_of(axes, assignment.domain, self.context)
        code = self.values.code
        with ExitStack() as stack:
            for constraint in bounds.before:
                holds = self.values.holds(Guard.of(constraint), {})
                stack.enter_context(code.when(holds))
                stack.enter_context(self.values.scope())
            uneven = any(
                axes and axes[0].name in c.expression.names and len(c.expression.names) > 1
                for c in (*assignment.domain, *_guards(assignment.body))
            )
            self._loops(0, bounds.ranges, bounds.tests, split, uneven, ({},))

    def prepare(self, nest: Nest, context: tuple[Constraint, ...]) -> None:
        """Make a nest the one that reductions are written for, and find its loads that may leave bounds."""
        self.use(nest, context)
        mark_unsafe(self.values, nest, context)

    def use(self, nest: Nest, context: tuple[Constraint, ...]) -> None:
        """Write reductions for a nest that is prepared."""
        self._nest, self.context = nest, context
        self.reductions.use(nest, context)

    # Loops of the assignment's own axes.

    def _loops(
        self,
        depth: int,
        ranges: Mapping[str, Range],
        tests: Sequence[Constraint],
        split: Split | None,
        uneven: bool,
        points: tuple[Point, ...],
    ) -> None:
        """Loops nest as deep as arrays have dimensions, so this recursion is short."""
        nest = self._nest
        assert nest is not None, "called from `write`"
        if depth == len(nest.order):
            self._body(nest.assignment, tests, points)
            return
        axis = nest.order[depth]
        lower, upper = limits(self.values, ranges[axis.name])
        values = self.values
        step, own_points = 1, points
        is_vector = axis.name == nest.vector
        if is_vector:
            step = nest.width * nest.copies
            own_points = spread(points, axis.name, nest.copies, nest.width)
        elif axis.name == nest.jam:
            step = nest.rows
            own_points = spread(points, axis.name, nest.rows, 1)
        part = Part(lower, upper, step)
        if split is not None and depth == 0:
            part = split(lower, upper, step, uneven)

        def inside(more: tuple[Point, ...]) -> None:
            self._loops(depth + 1, ranges, tests, None, uneven, more)

        def before() -> None:
            self._hoist({a.name for a in nest.order[depth:]}, points)

        if step == 1:
            with counted(self.values, axis.name, part.start, part.limit, part.stride, before):
                inside(points)
            return
        if is_vector and part.rest is None and self._gains_by_alignment(nest, lower):
            part = replace(part, start=self._align(nest, part, inside, points))
        whole = whole_limit(self.values, lower if part.rest is not None else part.start, part.limit, step)
        lanes = Lanes(axis.name, nest.width) if is_vector else values.lanes
        with values.along(lanes), counted(self.values, axis.name, part.start, whole, part.stride, before):
            inside(own_points)
        with ExitStack() as stack:
            if part.rest is not None:
                stack.enter_context(values.code.when(part.rest))
                stack.enter_context(values.scope())
            self._rest(axis.name, whole, part.limit, nest, is_vector, inside, points)

    def _gains_by_alignment(self, nest: Nest, lower: str) -> bool:
        """Whether rows begin at whole vectors, and the loop does not."""
        position = self._store_position(nest)
        rows = all(
            isinstance(atom, str) and (atom == nest.vector or factor % nest.width == 0)
            for atom, factor in position.terms
        )
        starts_whole = is_number(lower) and (int(lower) + position.constant) % nest.width == 0
        own = nest.vector is not None and position.coefficient(nest.vector) == 1
        return self.masked and rows and own and not starts_whole and not nest.reductions

    def _align(
        self,
        nest: Nest,
        part: Part,
        inside: Callable[[tuple[Point, ...]], None],
        points: tuple[Point, ...],
    ) -> str:
        """Do the lanes before the first whole vector in memory, under a mask; gives where that begins."""
        values, code = self.values, self.values.code
        assert nest.vector is not None, "lanes run along an axis"
        shift = self._store_position(nest).constant % nest.width
        moved = code.value(f"add nsw i64 {part.start}, {shift + nest.width - 1}")
        rounded = code.value(f"and i64 {moved}, {-nest.width}")
        first = code.value(f"sub nsw i64 {rounded}, {shift}")
        first = values.arithmetic.intrinsic("smin", DType.I64, 1, [first, part.limit])
        with counted(self.values, nest.vector, part.start, first, nest.width) as counter:
            mask = lanes_before(values, counter, first, nest.width)
            with values.along(Lanes(nest.vector, nest.width, mask)):
                inside(points)
        return first

    def _hoist(self, inner: set[str], points: tuple[Point, ...]) -> None:
        """Compute what does not move with the inner axes. The loop runs at least once, so that loads are
        in bounds where they are at its first point."""
        assert self._nest is not None, "called from `write`"
        values = self.values
        body = self._nest.assignment.body
        for term in same_scope(body):
            if isinstance(term, Load) and not values.pool.names(term) & inner and self._is_certain(term):
                values.at(term, points)

    def _is_certain(self, load: Load) -> bool:
        """Whether the load is in bounds by the box of the axes and the loops around alone."""
        assert self._nest is not None, "called from `write`"
        known = (*self.context, *box(self._nest.assignment.axes))
        return is_inside(load.indices, self.values.memory.buffers[load.array], known)

    def _rest(
        self,
        name: str,
        start: str,
        limit: str,
        nest: Nest,
        is_vector: bool,
        inside: Callable[[tuple[Point, ...]], None],
        points: tuple[Point, ...],
    ) -> None:
        """What is left when whole blocks are done."""
        values = self.values
        unit = all(self._is_unit(index, name) for index in (self._store_position(nest),))
        if is_vector and self.masked and unit:
            with values.scope(), counted(self.values, name, start, limit, nest.width) as counter:
                mask = lanes_before(values, counter, limit, nest.width)
                with values.along(Lanes(name, nest.width, mask)):
                    inside(points)
            return
        lanes = Lanes() if is_vector else values.lanes
        with values.along(lanes), counted(self.values, name, start, limit, 1):
            inside(points)

    def _store_position(self, nest: Nest) -> Affine:
        assignment = nest.assignment
        return self.values.memory.buffers[assignment.array].linear(assignment.indices)

    @staticmethod
    def _is_unit(position: Affine, name: str) -> bool:
        return position.coefficient(name) in (0, 1)

    def _body(self, assignment: Assignment, tests: Sequence[Constraint], points: tuple[Point, ...]) -> None:
        values, code = self.values, self.values.code
        with ExitStack() as stack:
            for constraint in tests:
                # Domains with such constraints have no lanes and no neighbours (see `scheduling`).
                holds = values.holds(Guard.of(constraint), points[0])
                stack.enter_context(code.when(holds))
                stack.enter_context(values.scope())
            position = values.memory.buffers[assignment.array].linear(assignment.indices)
            vector = values.lanes.axis is not None and values.lanes.axis in position.names
            self._load_lines(position, assignment.body, points)
            found = (values.vectors if vector else values.at)(assignment.body, points)
            for value, point in zip(found, points, strict=True):
                values.store(assignment.array, assignment.indices, value, point)

    def _load_lines(self, target: Affine, body: Expression, points: tuple[Point, ...]) -> None:
        """Of loads that differ by a few elements, first those that are aligned as the store is; the others
        are put together from them (`Values.load`)."""
        axis, buffers = self.values.lanes.axis, self.values.memory.buffers
        if axis is None:
            return
        for term in same_scope(body):
            if isinstance(term, Load) and id(term) not in self.values.unsafe:
                position = buffers[term.array].linear(term.indices)
                gap = position.constant - target.constant
                if position.coefficient(axis) == 1 and gap % self.values.lanes.width == 0:
                    self.values.at(term, points)


def _guards(body: Expression) -> Iterator[Constraint]:
    for term in same_scope(body):
        if isinstance(term, Reduce):
            for conjunction in term.guard.disjuncts:
                yield from conjunction
