"""Contractions taken out of assignments, for `exalift.tensorize` to compute.

    C[i,j] = b * C[i,j] + a * sum k. A[i,k] * B[k,j]    =>    T = A @ B; C[i,j] = b * C[i,j] + a * T[i,j]

A factor that is more than an element of an array (a mask, a difference) is put into an array first. Where
only a triangle is wanted, rows are taken in strips, each as wide as it must be. Bytes and 16-bit floats stay
narrow where an instruction takes them so; zero points are multiplied out, inside the kernel:

    sum k. (a[i,k] - s) * b[k,j]    =>    sum k. a[i,k] * b[k,j] - s * sum k. b[k,j]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product as pairs
from math import prod

from exalift.affine import Affine, Apply, Axis, Constraint, Expression, Guard, Load, Reduce, loads, substitute
from exalift.base import DType, UsageError
from exalift.tensorize import (
    COLUMNS,
    ROWS,
    SUM,
    Access,
    Contraction,
    Dimension,
    Plan,
    Role,
    Target,
    Unfit,
    ZeroPoint,
    epilogue_of,
    lacks_emission,
    with_zero_points,
    without_zero_point,
)

from .factors import Factor, axes_of, factor_of, fits_a_byte, is_inside_where_guarded
from .inequalities import least
from .plans import Planner
from .program import Assignment, Block, Buffer, Item, Product, extent_of
from .strips import strips_of
from .terms import Pool, postorder

_LEAST_WORK = 2_000_000
"""Products below this are left to plain loops."""

_LEAST_EXTENT = 8
"""Of rows, columns and terms of a product."""

_CONVERSION = 2.0
"""Cycles of widening an element of an operand into an array of its own."""

_TOTAL = "%total"
"""The name of what a kernel writes, before it has one."""

_SUMS = {DType.F32: DType.F32, DType.F64: DType.F64, DType.I32: DType.I32, DType.UI32: DType.I32}
"""The types of sums that are taken out, and the accumulators for them. What wraps has no sign."""


@dataclass(frozen=True, eq=False, slots=True)
class _Sum:
    """A sum of products of two factors over the points of an assignment: axes by role."""

    dtype: DType
    axes: tuple[Axis, ...]
    kept: tuple[Axis, ...]
    roles: Mapping[str, Role]
    factors: tuple[Factor, Factor]
    zeros: tuple[ZeroPoint, ZeroPoint]
    lines: tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class _Way:
    """A plan; `swapped` where its left operand is the second factor. `storages` are by factor. `finished` is
    what the kernel stores, `extra` the arrays which that reads."""

    plan: Plan
    finished: Expression
    extra: tuple[str, ...]
    storages: tuple[DType, DType]
    swapped: bool
    cycles: float


@dataclass(frozen=True, slots=True)
class Products:
    """Takes products out, as `planner` plans them; with `strict_fp`, integer ones only. `definitions` are the
    temporaries of the update that is at work."""

    pool: Pool
    buffers: dict[str, Buffer]
    temporaries: set[str]
    planner: Planner
    strict_fp: bool = False
    definitions: dict[str, Assignment] = field(default_factory=dict[str, Assignment])

    def begin(self) -> None:
        """What arrays held when earlier temporaries were computed is known no longer."""
        self.definitions.clear()

    def taken_out(self, pieces: Sequence[Assignment]) -> tuple[tuple[Item, ...], tuple[Assignment, ...]]:
        """What is to run before the pieces of one update, all of which read what was there before, and the
        pieces without their products."""
        before: list[Item] = []
        rest: list[Assignment] = []
        for piece in pieces:
            made, left = self._assignment(piece)
            before += made
            rest.append(left)
        if len(pieces) == 1 and pieces[0].array in self.temporaries and not pieces[0].domain:
            self.definitions[pieces[0].array] = pieces[0]
        return tuple(before), tuple(rest)

    def _assignment(self, assignment: Assignment) -> tuple[list[Item], Assignment]:
        made: list[Item] = []
        replaced: dict[int, Expression] = {}
        for term in postorder(assignment.body):
            if isinstance(term, Reduce) and not any(isinstance(t, Reduce) for t in postorder(term.body)):
                found = self._product(assignment, term)
                if found is not None:
                    items, value = found
                    made += items
                    replaced[id(term)] = value
        if not replaced:
            return [], assignment
        return made, replace(assignment, body=self.pool.rewrite(assignment.body, replaced))

    def _product(self, assignment: Assignment, total: Reduce) -> tuple[list[Item], Expression] | None:
        """What computes a sum of products for all points of the assignment, and its value at a point."""
        pool = self.pool
        if total.function != "add" or not isinstance(total.body, Apply) or total.body.function != "multiply":
            return None
        own = {axis.name for axis in assignment.axes}
        if total.dtype not in _SUMS or (self.strict_fp and total.dtype.is_float):
            return None
        if pool.names(total) - own:
            return None
        left, right = total.body.operands
        terms = self._computed(left), self._computed(right)
        summed = frozenset(axis.name for axis in total.axes)
        zeros = ZeroPoint(), ZeroPoint()
        if total.guard.is_always:
            (first, one), (second, other) = (self._parted(term, summed) for term in terms)
            terms, zeros = (first, second), (one, other)
        found = self._sum(assignment, total, terms, zeros)
        ways = self._ways(assignment, found) if found is not None else []
        if found is None or not ways:
            return None
        return self._made(found, ways)

    def _parted(self, term: Expression, summed: frozenset[str]) -> tuple[Expression, ZeroPoint]:
        """A factor and its zero point, where a kernel can take that away; a byte stays what it is."""
        found, zero = without_zero_point(term, lambda t: bool(self.pool.names(t) & summed))
        return (found, zero) if _can_be_added(zero) and not fits_a_byte(term) else (term, ZeroPoint())

    def _computed(self, term: Expression) -> Expression:
        """What an integer temporary of the same update holds, where it was computed from one element: the
        factor before it was widened and moved to its zero point."""
        if not isinstance(term, Load) or not term.dtype.is_integer or term.array not in self.definitions:
            return term
        made = self.definitions[term.array]
        if any(isinstance(below, Reduce) for below in postorder(made.body)):
            return term
        found = self._at(made, term.indices)
        return term if found is None else found

    def _at(self, made: Assignment, indices: tuple[Affine, ...]) -> Expression | None:
        """The body of an assignment at the point that writes an element; None where that is not plain."""
        mapping: dict[str, Affine] = {}
        for place, index in zip(made.indices, indices, strict=True):
            name = next((axis.name for axis in made.axes if place == Affine.symbol(axis.name)), None)
            if name is None and place != index:
                return None
            if name is not None:
                mapping[name] = index
        complete = len(mapping) == len(made.axes)
        return self.pool.substitute(made.body, mapping) if complete else None

    def _sum(
        self,
        assignment: Assignment,
        total: Reduce,
        terms: tuple[Expression, Expression],
        zeros: tuple[ZeroPoint, ZeroPoint],
    ) -> _Sum | None:
        names = self.pool.names(terms[0]), self.pool.names(terms[1])
        guards = _guards_by_factor(total.guard, names)
        roles = _roles(assignment.axes, total, names)
        if guards is None or roles is None or not _is_large(assignment.axes, total, roles):
            return None
        axes = tuple(axis for axis in (*assignment.axes, *total.axes) if axis.name in roles)
        kept = tuple(axis for axis in assignment.axes if axis.name in roles)
        factors = factor_of(terms[0], guards[0]), factor_of(terms[1], guards[1])
        return _Sum(total.dtype, axes, kept, roles, factors, zeros, assignment.lines)

    # Ways to compute a sum: in what types, and which factor is the left operand.

    def _ways(self, assignment: Assignment, total: _Sum) -> list[_Way]:
        """The best way for each strip of the result; none where no instruction fits."""
        best: list[_Way] = []
        for strip in strips_of(assignment, total.kept, total.roles):
            ways = [
                way
                for storages in pairs(total.factors[0].storages, total.factors[1].storages)
                for swapped in (False, True)
                for way in self._way(total, storages, swapped, strip)
                # All strips read the same arrays.
                if not best or (way.storages, way.swapped) == (best[0].storages, best[0].swapped)
            ]
            if not ways:
                return []
            best.append(min(ways, key=lambda way: way.cycles))
        return best

    def _way(
        self,
        total: _Sum,
        storages: tuple[DType, DType],
        swapped: bool,
        strip: Mapping[str, tuple[int, int]],
    ) -> list[_Way]:
        shift = {name: Affine.symbol(name) + start for name, (start, _) in strip.items() if start}
        extents = {axis.name: extent_of(axis) for axis in total.axes}
        extents |= {name: count for name, (_, count) in strip.items()}
        turned = {Role.M: Role.N, Role.N: Role.M} if swapped else {}
        roles = {name: turned.get(role, role) for name, role in total.roles.items()}
        dimensions = tuple(Dimension(axis.name, extents[axis.name], roles[axis.name]) for axis in total.axes)
        accesses = [self._access(f, d, total.axes) for f, d in zip(total.factors, storages, strict=True)]
        moved = [replace(a, indices=tuple(i.substitute(shift) for i in a.indices)) for a in accesses]
        left, right = reversed(moved) if swapped else moved
        ours, theirs = reversed(total.zeros) if swapped else total.zeros
        symbols = tuple(Affine.symbol(axis.name).substitute(shift) for axis in total.kept)
        accumulator = _SUMS[total.dtype]
        shape = tuple(extent_of(axis) for axis in total.kept)
        result = Access(accumulator, shape, symbols)
        sums = Load(SUM, (), accumulator), Load(ROWS, (), accumulator), Load(COLUMNS, (), accumulator)
        count = prod(dimension.extent for dimension in dimensions if dimension.role is Role.K)
        finished = substitute(with_zero_points(sums, ours, theirs, count), shift)
        try:
            _, epilogue, extra = epilogue_of(
                finished, accumulator, Target(_TOTAL, shape, symbols), result, self._read
            )
            plan, cycles = self.planner.plan(
                Contraction(dimensions, left, right, result, accumulator, epilogue, False, ours.number)
            )
        except (UsageError, Unfit):
            return []
        for factor, storage in zip(total.factors, storages, strict=True):
            if storage is not factor.value.dtype:
                cycles += _CONVERSION * prod(self._shape(factor, total.axes)) / self.planner.threads
        return [_Way(plan, finished, extra, storages, swapped, cycles)]

    def _read(self, load: Load) -> Access:
        """How a kernel reads an operand of what follows."""
        return Access(load.dtype, self.buffers[load.array].shape, load.indices)

    # Operands.

    def _loaded(self, factor: Factor, axes: tuple[Axis, ...]) -> Load | None:
        """The load that a factor is, where a kernel can read it: in bounds, or zero wherever it is not."""
        load = factor.value
        if not isinstance(load, Load) or not all(index.is_linear for index in load.indices):
            return None
        shape = self.buffers[load.array].shape
        if factor.guard:
            return load if is_inside_where_guarded(load, factor.guard, shape) else None
        ranges = {axis.name: (0, extent_of(axis) - 1) for axis in axes}
        for index, extent in zip(load.indices, shape, strict=True):
            low, high = least(index, ranges), least(-index, ranges)
            if low is None or high is None or low < 0 or -high >= extent:
                return None
        return load

    def _own_axes(self, factor: Factor, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        return axes_of(self.pool.names(factor.value) | _names(factor.guard), axes)

    def _shape(self, factor: Factor, axes: tuple[Axis, ...]) -> tuple[int, ...]:
        """Of the array that holds a factor."""
        load = self._loaded(factor, axes)
        if load is not None:
            return self.buffers[load.array].shape
        return tuple(extent_of(axis) for axis in self._own_axes(factor, axes))

    def _access(self, factor: Factor, storage: DType, axes: tuple[Axis, ...]) -> Access:
        """How a kernel reads a factor from the array that holds it."""
        load = self._loaded(factor, axes)
        symbols = tuple(Affine.symbol(axis.name) for axis in self._own_axes(factor, axes))
        return Access(storage, self._shape(factor, axes), load.indices if load else symbols)

    def _operand(self, factor: Factor, storage: DType, total: _Sum) -> tuple[str, list[Item]]:
        """The array that holds a factor, and what makes it."""
        axes, pool, load = total.axes, self.pool, self._loaded(factor, total.axes)
        if load is not None and load.dtype is storage:
            return load.array, []
        if load is not None:
            fresh = tuple(pool.fresh_axis(extent, "i") for extent in self._shape(factor, axes))
            indices = tuple(Affine.symbol(axis.name) for axis in fresh)
            body = pool.load(load.array, indices, load.dtype)
        else:
            used = self._own_axes(factor, axes)
            fresh = tuple(pool.fresh_axis(extent_of(axis), "i") for axis in used)
            indices = tuple(Affine.symbol(axis.name) for axis in fresh)
            mapping = dict(zip((axis.name for axis in used), indices, strict=True))
            body = factor.value
            if factor.guard:
                test, zero = pool.test(Guard.of(*factor.guard)), pool.constant(0, body.dtype)
                body = pool.apply("select", (test, body, zero), body.dtype)
            body = pool.substitute(body, mapping)
        name = self._temporary(tuple(extent_of(axis) for axis in fresh), storage)
        assignment = Assignment(name, fresh, indices, pool.cast(body, storage), (), total.lines)
        return name, [Block((assignment,), True)]

    def _temporary(self, shape: tuple[int, ...], dtype: DType) -> str:
        name = f"%{len(self.temporaries)}"
        self.temporaries.add(name)
        self.buffers[name] = Buffer(name, shape, dtype)
        return name

    # What is written.

    def _made(self, total: _Sum, ways: Sequence[_Way]) -> tuple[list[Item], Expression]:
        """The items that compute a sum, and its value at a point of the assignment."""
        made: list[Item] = []
        names: list[str] = []
        for factor, storage in zip(total.factors, ways[0].storages, strict=True):
            name, items = self._operand(factor, storage, total)
            names.append(name)
            made += items
        left, right = reversed(names) if ways[0].swapped else names
        accumulator = _SUMS[total.dtype]
        target = self._temporary(tuple(extent_of(axis) for axis in total.kept), accumulator)
        for way in ways:
            packed = self._temporary((max(64, way.plan.packed_bytes),), DType.UI8)
            workspace = self._temporary((max(64, way.plan.workspace_bytes(self.planner.threads)),), DType.UI8)
            made.append(Product(way.plan, left, right, target, packed, workspace, way.finished, way.extra))
        symbols = tuple(Affine.symbol(axis.name) for axis in total.kept)
        return made, self.pool.cast(self.pool.load(target, symbols, accumulator), total.dtype)


def _can_be_added(zero: ZeroPoint) -> bool:
    """Whether a kernel can compute a zero point: from elements of arrays and numbers."""
    if zero.added is None:
        return True
    linear = all(index.is_linear for load in loads(zero.added) for index in load.indices)
    return linear and not lacks_emission(zero.added)


def _roles(
    axes: Sequence[Axis], total: Reduce, names: tuple[frozenset[str], frozenset[str]]
) -> dict[str, Role] | None:
    """The role of every axis that moves a factor; None where some sum axis moves one factor only."""
    first, second = names
    guarded = _names(total.guard.disjuncts[0] if total.guard.disjuncts else ())
    roles: dict[str, Role] = {}
    for axis in axes:
        left, right = axis.name in first, axis.name in second
        if left or right:
            roles[axis.name] = Role.BATCH if left and right else Role.M if left else Role.N
        elif axis.name in guarded:
            return None
    for axis in total.axes:
        if axis.name not in first or axis.name not in second:
            return None
        roles[axis.name] = Role.K
    return roles


def _is_large(axes: Sequence[Axis], total: Reduce, roles: Mapping[str, Role]) -> bool:
    extents = dict.fromkeys(Role, 1)
    for axis in (*axes, *total.axes):
        if axis.name in roles:
            extents[roles[axis.name]] *= extent_of(axis)
    inner = [extents[role] for role in (Role.M, Role.N, Role.K)]
    return min(inner) >= _LEAST_EXTENT and prod(extents.values()) >= _LEAST_WORK


def _names(constraints: Sequence[Constraint]) -> frozenset[str]:
    return frozenset[str]().union(*(c.expression.names for c in constraints))


def _guards_by_factor(
    guard: Guard, names: tuple[frozenset[str], frozenset[str]]
) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]] | None:
    """The guard's constraints, each with a factor that all of its axes move."""
    if len(guard.disjuncts) != 1:
        return None
    left: list[Constraint] = []
    right: list[Constraint] = []
    for constraint in guard.disjuncts[0]:
        if constraint.expression.names <= names[0]:
            left.append(constraint)
        elif constraint.expression.names <= names[1]:
            right.append(constraint)
        else:
            return None
    return tuple(left), tuple(right)
