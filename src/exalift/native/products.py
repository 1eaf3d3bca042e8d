"""Contractions taken out of assignments, for `exalift.tensorize` to compute.

    C[i,j] = b * C[i,j] + a * sum k. A[i,k] * B[k,j]    =>    T = A @ B; C[i,j] = b * C[i,j] + a * T[i,j]

A factor that is more than an element of an array (a mask, a difference) is put into an array first. Where
only a triangle is wanted, rows are taken in strips, each as wide as it must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from exalift.affine import Affine, Apply, Axis, Constraint, Expression, Guard, Load, Reduce
from exalift.base import DType, UsageError
from exalift.tensorize import Access, Contraction, Dimension, Role, plan_for

from .inequalities import least
from .program import Assignment, Block, Buffer, Item, Product, extent_of
from .terms import Pool, postorder

_LEAST_WORK = 2_000_000
"""Products below this are left to plain loops."""

_LEAST_EXTENT = 8
"""Of rows, columns and terms of a product."""

_STRIPS = 4
"""Strips of rows that a triangle is made in."""

_FLOATS = frozenset({DType.F32, DType.F64})


@dataclass(frozen=True, slots=True)
class Products:
    """Takes products out. `features` are the processor's, `threads` those of the team."""

    pool: Pool
    buffers: dict[str, Buffer]
    temporaries: set[str]
    features: frozenset[str]
    threads: int

    def taken_out(self, pieces: Sequence[Assignment]) -> tuple[tuple[Item, ...], tuple[Assignment, ...]]:
        """What is to run before the pieces of one update, all of which read what was there before, and the
        pieces without their products."""
        before: list[Item] = []
        rest: list[Assignment] = []
        for piece in pieces:
            made, left = self._assignment(piece)
            before += made
            rest.append(left)
        return tuple(before), tuple(rest)

    def _assignment(self, assignment: Assignment) -> tuple[list[Item], Assignment]:
        made: list[Item] = []
        replaced: dict[int, Expression] = {}
        for term in postorder(assignment.body):
            if isinstance(term, Reduce) and not any(isinstance(t, Reduce) for t in postorder(term.body)):
                found = self._product(assignment, term)
                if found is not None:
                    items, load = found
                    made += items
                    replaced[id(term)] = load
        if not replaced:
            return [], assignment
        return made, replace(assignment, body=self.pool.rewrite(assignment.body, replaced))

    def _product(self, assignment: Assignment, total: Reduce) -> tuple[list[Item], Expression] | None:
        """What computes a sum of products for all points of the assignment, and where it is found."""
        if total.function != "add" or not isinstance(total.body, Apply) or total.body.function != "multiply":
            return None
        own = {axis.name for axis in assignment.axes}
        if total.dtype not in _FLOATS or self.pool.names(total) - own:
            return None
        roles = _roles(assignment.axes, total, self.pool)
        if roles is None or not _is_large(assignment.axes, total, roles):
            return None
        first, second = total.body.operands
        guards = _guards_by_factor(total, self.pool)
        if guards is None:
            return None
        axes = tuple(axis for axis in (*assignment.axes, *total.axes) if axis.name in roles)
        made: list[Item] = []
        accesses: list[Access] = []
        names: list[str] = []
        for factor, guard in zip((first, second), guards, strict=True):
            name, access, items = self._operand(factor, guard, axes)
            made += items
            names.append(name)
            accesses.append(access)
        kept = tuple(axis for axis in assignment.axes if axis.name in roles)
        target = self._temporary(tuple(extent_of(axis) for axis in kept), total.dtype)
        strips = _strips(assignment, kept, roles)
        for rows in strips:
            product = self._planned(axes, roles, names, accesses, target, kept, rows)
            if product is None:
                return None
            made.append(product)
        symbols = tuple(Affine.symbol(axis.name) for axis in kept)
        return made, self.pool.load(target, symbols, total.dtype)

    def _temporary(self, shape: tuple[int, ...], dtype: DType) -> str:
        name = f"%{len(self.temporaries)}"
        self.temporaries.add(name)
        self.buffers[name] = Buffer(name, shape, dtype)
        return name

    def _operand(
        self,
        factor: Expression,
        guard: tuple[Constraint, ...],
        axes: tuple[Axis, ...],
    ) -> tuple[str, Access, list[Item]]:
        """An array whose elements the factor is, and what makes it."""
        if not guard and isinstance(factor, Load) and self._is_plain(factor, axes):
            shape = self.buffers[factor.array].shape
            return factor.array, Access(factor.dtype, shape, factor.indices), []
        used = tuple(axis for axis in axes if axis.name in self.pool.names(factor) | _names(guard))
        fresh = {axis.name: self.pool.fresh_axis(extent_of(axis), "i") for axis in used}
        mapping = {name: Affine.symbol(axis.name) for name, axis in fresh.items()}
        name = self._temporary(tuple(extent_of(axis) for axis in used), factor.dtype)
        value = factor
        if guard:
            test = self.pool.test(Guard.of(*guard))
            zero = self.pool.constant(0, factor.dtype)
            value = self.pool.apply("select", (test, factor, zero), factor.dtype)
        body = self.pool.substitute(value, mapping)
        indices = tuple(mapping[axis.name] for axis in used)
        assignment = Assignment(name, tuple(fresh.values()), indices, body)
        symbols = tuple(Affine.symbol(axis.name) for axis in used)
        access = Access(factor.dtype, self.buffers[name].shape, symbols)
        return name, access, [Block((assignment,), True)]

    def _is_plain(self, load: Load, axes: tuple[Axis, ...]) -> bool:
        ranges = {axis.name: (0, extent_of(axis) - 1) for axis in axes}
        for index, extent in zip(load.indices, self.buffers[load.array].shape, strict=True):
            low, high = least(index, ranges), least(-index, ranges)
            if not index.is_linear or low is None or high is None or low < 0 or -high >= extent:
                return False
        return True

    def _planned(
        self,
        axes: tuple[Axis, ...],
        roles: Mapping[str, Role],
        names: Sequence[str],
        accesses: Sequence[Access],
        target: str,
        kept: tuple[Axis, ...],
        strip: Mapping[str, tuple[int, int]],
    ) -> Product | None:
        """The product over a strip: the ranges of some axes, by name."""
        shift = {name: Affine.symbol(name) + start for name, (start, _) in strip.items() if start}
        extents = {axis.name: extent_of(axis) for axis in axes}
        extents |= {name: count for name, (_, count) in strip.items()}
        dimensions = tuple(Dimension(axis.name, extents[axis.name], roles[axis.name]) for axis in axes)

        def moved(access: Access) -> Access:
            return replace(access, indices=tuple(index.substitute(shift) for index in access.indices))

        out = self.buffers[target]
        symbols = tuple(Affine.symbol(axis.name).substitute(shift) for axis in kept)
        result = Access(out.dtype, out.shape, symbols)
        contraction = Contraction(dimensions, moved(accesses[0]), moved(accesses[1]), result, out.dtype)
        try:
            plan = plan_for(contraction, self.features, self.threads)
        except UsageError:
            return None
        packed = self._temporary((max(64, plan.packed_bytes),), DType.UI8)
        workspace = self._temporary((max(64, plan.workspace_bytes(self.threads)),), DType.UI8)
        return Product(plan, names[0], names[1], target, packed, workspace)


def _roles(axes: Sequence[Axis], total: Reduce, pool: Pool) -> dict[str, Role] | None:
    """The role of every axis that moves a factor; None where some sum axis moves one factor only."""
    assert isinstance(total.body, Apply), "checked before"
    first, second = (pool.names(factor) for factor in total.body.operands)
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
    total: Reduce, pool: Pool
) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]] | None:
    """The guard's constraints, each with a factor that all of its axes move."""
    if len(total.guard.disjuncts) != 1:
        return None
    assert isinstance(total.body, Apply), "checked before"
    first, second = (pool.names(factor) for factor in total.body.operands)
    left: list[Constraint] = []
    right: list[Constraint] = []
    for constraint in total.guard.disjuncts[0]:
        if constraint.expression.names <= first:
            left.append(constraint)
        elif constraint.expression.names <= second:
            right.append(constraint)
        else:
            return None
    return tuple(left), tuple(right)


def _strips(
    assignment: Assignment,
    kept: tuple[Axis, ...],
    roles: Mapping[str, Role],
) -> tuple[dict[str, tuple[int, int]], ...]:
    """Ranges (first, number) of a row and a column axis that cover the domain; one of all where it has no
    slanted side."""
    rows = [axis for axis in kept if roles[axis.name] is Role.M]
    columns = [axis for axis in kept if roles[axis.name] is Role.N]
    if len(rows) != 1 or len(columns) != 1:
        return ({},)
    row, column = rows[0], columns[0]
    pair = frozenset({row.name, column.name})
    slanted = [c for c in assignment.domain if c.expression.names == pair]
    if not slanted or extent_of(row) < 64 * _STRIPS:
        return ({},)
    height = -(-extent_of(row) // _STRIPS)
    strips: list[dict[str, tuple[int, int]]] = []
    for start in range(0, extent_of(row), height):
        count = min(height, extent_of(row) - start)
        low, high = _reach(slanted, row.name, (start, start + count - 1), column)
        if low <= high:
            strips.append({row.name: (start, count), column.name: (low, high - low + 1)})
    return tuple(strips)


def _reach(
    constraints: Sequence[Constraint], row: str, rows: tuple[int, int], column: Axis
) -> tuple[int, int]:
    """The least and the largest column that some row of a range may want."""
    low, high = 0, extent_of(column) - 1
    for constraint in constraints:
        for expression in (
            (constraint.expression, -constraint.expression)
            if constraint.equality
            else (constraint.expression,)
        ):
            factor = expression.coefficient(column.name)
            rest = expression - Affine.symbol(column.name) * factor
            most = least(-rest, {row: rows})
            if not expression.is_linear or most is None:
                continue
            # factor * column >= -most_of_rest, where `-most` is the largest that the rest becomes.
            if factor > 0:
                low = max(low, -(-most // factor))
            else:
                high = min(high, -most // -factor)
    return low, high
