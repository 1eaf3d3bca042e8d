"""The loops of one assignment, and of the reductions in it, written as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from exalift.affine import Affine, Axis, Constraint, Expression, Guard, Load, Reduce
from exalift.base import DType

from .arithmetic import literal, scalar_type, vector_of
from .bounds import Range, bounds_of
from .inequalities import implied, within
from .masks import identity_value
from .program import Assignment, Buffer, box
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
    """Writes nests. `masked` tells whether rests of vectors run under a mask; else they run one by one.

    context: what is known of the loops around. allocas: stack slots, for the function's entry.
    """

    values: Values
    masked: bool
    context: tuple[Constraint, ...] = ()
    allocas: list[str] = field(default_factory=list[str])
    _nest: Nest | None = None
    _bound: tuple[Constraint, ...] = ()

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
        self._find_unsafe(nest.assignment)

    def use(self, nest: Nest, context: tuple[Constraint, ...]) -> None:
        """Write reductions for a nest that is prepared."""
        self._nest, self.context = nest, context

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
        lower, upper = self.limits(ranges[axis.name])
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
        starts_whole = _is_number(lower) and (int(lower) + position.constant) % nest.width == 0
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
            mask = self.mask(counter, first, nest.width)
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
        return _is_inside(load.indices, self.values.memory.buffers[load.array], known)

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
                mask = self.mask(counter, limit, nest.width)
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

    def slot(self, type: str) -> str:
        """A place on the stack, which LLVM keeps in a register."""
        name = self.values.code.fresh("slot")
        self.allocas.append(f"{name} = alloca {type}, align 64")
        return name

    def mask(self, counter: str, limit: str, width: int) -> str:
        """The lanes before the limit."""
        code = self.values.code
        left = code.value(f"sub nsw i64 {limit}, {counter}")
        spread = self.values.arithmetic.splat(left, DType.I64, width)
        ramp = "<" + ", ".join(f"i64 {lane}" for lane in range(width)) + ">"
        return code.value(f"icmp slt {vector_of('i64', width)} {ramp}, {spread}")

    def limits(self, range_: Range) -> tuple[str, str]:
        """The largest lower and the least upper bound, as i64."""
        return self.extreme(range_.lower, "smax"), self.extreme(range_.upper, "smin")

    def extreme(self, bounds: Sequence[Affine], function: str) -> str:
        found = [self.values.index(bound, {}) for bound in bounds]
        result = found[0]
        for other in found[1:]:
            result = self.values.arithmetic.intrinsic(function, DType.I64, 1, [result, other])
        return result

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
            found = (values.vectors if vector else values.at)(assignment.body, points)
            for value, point in zip(found, points, strict=True):
                values.store(assignment.array, assignment.indices, value, point)

    # Reductions.

    def reduce(self, term: Reduce, points: Sequence[Point]) -> list[str]:
        """The value of a reduction at every point, in loops that all points share."""
        values = self.values
        axes = self._order_of(term)
        conjunction = term.guard.disjuncts[0] if len(term.guard.disjuncts) == 1 else ()
        moving = self._moving(points)
        context = (*self.context, *self._domain(), *self._bound)
        bounds = bounds_of(axes, conjunction, context, moving)
        tests = Guard.of(*bounds.tests) if len(term.guard.disjuncts) == 1 else term.guard
        if bounds.before:
            tests = tests & Guard.of(*bounds.before)
        lanes = self._lanes_of(term)
        accumulators = _Accumulators(self, term, list(points), lanes)
        outer, self._bound = self._bound, (*self._bound, *box(axes), *conjunction)
        self._reduction_loops(0, axes, bounds.ranges, tests, accumulators, tuple(points))
        self._bound = outer
        return accumulators.results(values)

    def _order_of(self, term: Reduce) -> tuple[Axis, ...]:
        assert self._nest is not None, "called from `write`"
        return self._nest.reductions.get(id(term), term.axes)

    def _domain(self) -> tuple[Constraint, ...]:
        assert self._nest is not None, "called from `write`"
        return self._nest.assignment.constraints

    def _lanes_of(self, term: Reduce) -> Nest | None:
        """The nest, where its lanes run along an axis of this reduction."""
        nest = self._nest
        assert nest is not None, "called from `write`"
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
        accumulators: _Accumulators,
        points: tuple[Point, ...],
    ) -> None:
        """Loops nest as deep as arrays have dimensions, so this recursion is short."""
        values = self.values
        if depth == len(axes):
            accumulators.add(tests, points, 0)
            return
        name = axes[depth].name
        lower, upper = self.limits(ranges[name])
        nest = accumulators.lanes
        if nest is None or name != nest.vector:
            with values.scope(), counted(self.values, name, lower, upper, 1):
                self._reduction_loops(depth + 1, axes, ranges, tests, accumulators, points)
            return
        step = nest.width * nest.copies
        whole = whole_limit(self.values, lower, upper, step)
        with values.along(Lanes(name, nest.width)), counted(self.values, name, lower, whole, step):
            for copy in range(nest.copies):
                moved = tuple({**point, name: copy * nest.width} for point in points)
                accumulators.add(tests, moved, copy)
        if self.masked:
            with values.scope(), counted(self.values, name, whole, upper, nest.width) as counter:
                mask = self.mask(counter, upper, nest.width)
                with values.along(Lanes(name, nest.width, mask)):
                    accumulators.add(tests, points, 0)
        else:
            with values.along(Lanes()), counted(self.values, name, whole, upper, 1):
                accumulators.add_single(tests, points)

    # Loads that may be out of bounds.

    def _find_unsafe(self, assignment: Assignment) -> None:
        """A load under a select may be reached where the condition does not hold, since both sides are
        computed; and one in a reduction beyond its guard, where lanes share the loops."""
        values = self.values
        buffers = values.memory.buffers
        known = (*self.context, *assignment.constraints)
        stack: list[tuple[Expression, tuple[Constraint, ...]]] = [(assignment.body, known)]
        while stack:
            root, here = stack.pop()
            for term in same_scope(root):
                match term:
                    case Load(array, indices):
                        if not _is_inside(indices, buffers[array], here):
                            values.unsafe.add(id(term))
                    case Reduce(_, axes, body, _, guard):
                        conjunction = guard.disjuncts[0] if len(guard.disjuncts) == 1 else ()
                        exact = tuple(c for c in conjunction if not self._is_relaxed(c, axes))
                        stack.append((body, (*here, *box(axes), *exact)))
                    case _:
                        pass

    def _is_relaxed(self, constraint: Constraint, axes: Sequence[Axis]) -> bool:
        """Whether loops may run beyond the constraint (and mask what they find there)."""
        nest = self._nest
        assert nest is not None, "called from `write`"
        names = constraint.expression.names
        own = {axis.name for axis in axes}
        moving = {nest.vector, nest.jam} - own
        return bool(names & moving) or not names & own or not constraint.expression.is_linear


def _is_inside(indices: Sequence[Affine], buffer: Buffer, known: Sequence[Constraint]) -> bool:
    return all(
        implied(constraint, known)
        for index, extent in zip(indices, buffer.shape, strict=True)
        for constraint in within(index, extent)
    )


def _guards(body: Expression) -> Iterator[Constraint]:
    for term in same_scope(body):
        if isinstance(term, Reduce):
            for conjunction in term.guard.disjuncts:
                yield from conjunction


def spread(points: Sequence[Point], name: str, count: int, by: int) -> tuple[Point, ...]:
    return tuple({**point, name: copy * by} for point in points for copy in range(count))


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def counted(
    values: Values,
    name: str,
    start: str,
    limit: str,
    step: int,
    before: Callable[[], None] | None = None,
) -> _Counter:
    """A loop over an axis; `before` writes what runs once, before the first iteration."""
    return _Counter(values, name, start, limit, step, before)


def whole_limit(values: Values, start: str, limit: str, step: int) -> str:
    """The limit of the blocks of `step` that fit."""
    code = values.code
    if _is_number(start) and _is_number(limit):
        count = max(0, int(limit) - int(start)) // step
        return str(int(start) + count * step)
    length = code.value(f"sub nsw i64 {limit}, {start}")
    length = values.arithmetic.intrinsic("smax", DType.I64, 1, [length, "0"])
    rest = code.value(f"urem i64 {length}, {step}")
    whole = code.value(f"sub nsw i64 {length}, {rest}")
    return code.value(f"add nsw i64 {start}, {whole}")


class _Counter:
    """A counted loop that defines an axis, and a scope for what is computed in it."""

    def __init__(
        self,
        values: Values,
        name: str,
        start: str,
        limit: str,
        step: int,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.values, self.name = values, name
        hint = "".join(letter for letter in name if letter.isalnum())
        self.loop = values.code.loop(start, limit, step, name=hint, before=before)
        self.outer, self.scope = values.scope(), values.scope()

    def __enter__(self) -> str:
        self.outer.__enter__()
        counter = self.loop.__enter__()
        self.scope.__enter__()
        self.values.symbols[self.name] = counter
        return counter

    def __exit__(self, *raised: object) -> None:
        self.scope.__exit__(None, None, None)
        self.loop.__exit__(None, None, None)
        self.outer.__exit__(None, None, None)


class _Accumulators:
    """Stack slots of a reduction: for every point, one for each vector that is added into."""

    def __init__(self, writer: NestWriter, term: Reduce, points: list[Point], lanes: Nest | None) -> None:
        self.writer, self.term, self.lanes = writer, term, lanes
        values = writer.values
        self.code, self.arithmetic = values.code, values.arithmetic
        self.copies = lanes.copies if lanes is not None else 1
        width = lanes.width if lanes is not None else values.lanes.width if self._spreads() else 1
        self.width = width
        self.type = vector_of(scalar_type(term.dtype), width)
        self.neutral = literal(identity_value(term.function, term.dtype), term.dtype)
        self.slots = [[self._slot(width) for _ in range(self.copies)] for _ in points]
        self.singles = [self._slot(1) for _ in points] if lanes is not None and not writer.masked else []

    def _spreads(self) -> bool:
        """Whether the value itself is a vector: lanes along an axis outside of the reduction."""
        return self.writer.values.is_vector(self.term)

    def _slot(self, width: int) -> str:
        type = vector_of(scalar_type(self.term.dtype), width)
        name = self.writer.slot(type)
        start = self.arithmetic.splat(self.neutral, self.term.dtype, width)
        self.code.emit(f"store {type} {start}, ptr {name}")
        return name

    def add(self, tests: Guard, points: Sequence[Point], copy: int) -> None:
        slots = [slots[copy] for slots in self.slots]
        self._add(tests, points, slots, self.width)

    def add_single(self, tests: Guard, points: Sequence[Point]) -> None:
        self._add(tests, points, self.singles, 1)

    def _add(self, tests: Guard, points: Sequence[Point], slots: Sequence[str], width: int) -> None:
        values, term = self.writer.values, self.term
        type = vector_of(scalar_type(term.dtype), width)
        found = (values.vectors if width > 1 else values.at)(term.body, points)
        for value, point, slot in zip(found, points, slots, strict=True):
            value = self._masked(value, tests, point, width)
            before = self.code.value(f"load {type}, ptr {slot}")
            after = self.arithmetic.apply(term.function, [before, value], term.dtype, term.dtype, width)
            self.code.emit(f"store {type} {after}, ptr {slot}")

    def _masked(self, value: str, tests: Guard, point: Point, width: int) -> str:
        values, lanes = self.writer.values, self.writer.values.lanes
        neutral = self.arithmetic.splat(self.neutral, self.term.dtype, width)
        masks: list[str] = []
        if not tests.is_always:
            test = values.holds(tests, point)
            vector = width > 1 and lanes.axis in tests.names
            masks.append(test if vector or width == 1 else values.splat(test, DType.I1))
        if lanes.mask is not None and self.lanes is not None:
            masks.append(lanes.mask)
        for mask in masks:
            parts = [mask, value, neutral]
            value = self.arithmetic.apply("select", parts, self.term.dtype, self.term.dtype, width)
        return value

    def results(self, values: Values) -> list[str]:
        """The values, lanes of the reduction's own axis combined."""
        found: list[str] = []
        for position, slots in enumerate(self.slots):
            loaded = [self.code.value(f"load {self.type}, ptr {slot}") for slot in slots]
            total = self._tree(loaded, self.width)
            if self.lanes is not None:
                total = self._across(total)
                if self.singles:
                    scalar = scalar_type(self.term.dtype)
                    single = self.code.value(f"load {scalar}, ptr {self.singles[position]}")
                    total = self._combine(total, single, 1)
            found.append(total)
        return found

    def _combine(self, left: str, right: str, width: int) -> str:
        return self.arithmetic.apply(
            self.term.function, [left, right], self.term.dtype, self.term.dtype, width
        )

    def _tree(self, parts: list[str], width: int) -> str:
        while len(parts) > 1:
            pairs = [self._combine(a, b, width) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts = pairs + ([parts[-1]] if len(parts) % 2 else [])
        return parts[0]

    def _across(self, value: str) -> str:
        """All lanes of a vector combined, halves first."""
        width, type = self.width, scalar_type(self.term.dtype)
        while width > 2:
            half = width // 2
            low, high = (
                self.code.value(
                    f"shufflevector <{width} x {type}> {value}, <{width} x {type}> poison, "
                    f"<{half} x i32> <{', '.join(f'i32 {lane}' for lane in range(first, first + half))}>"
                )
                for first in (0, half)
            )
            value, width = self._combine(low, high, half), half
        if width == 1:
            return value
        first, second = (
            self.code.value(f"extractelement <2 x {type}> {value}, i64 {lane}") for lane in range(2)
        )
        return self._combine(first, second, 1)
