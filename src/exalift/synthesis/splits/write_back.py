"""From a region to the goal of its array: what it holds after the region ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Constraint,
    Expression,
    FloorDiv,
    Formula,
    Guard,
    GuardValue,
    Load,
    Region,
    free_symbols,
    rewrite,
    simplify_guard,
    substitute,
    without,
)
from exalift.dialects import TensorType

from .elementwise import guarded
from .scope import Scope, Split, hints_for


@dataclass(frozen=True, slots=True)
class WriteBack:
    """The goal over the array's own axes, and the split that likely solves it (None: as any goal)."""

    goal: Formula
    split: Split | None


def write_back(region: Region, scope: Scope) -> WriteBack | None:
    """The goal of a region; None where the written elements are of no form handled here.

    A region that covers its array gives the goal at once. One that covers a box of it is first
    solved on the box. Others (diagonals, strides) are said as a condition on the array's elements.
    """
    target = scope.arrays[region.array]
    turned = _forward(_without_idle_axes(region, scope))
    box = _box(turned, target, scope)
    if box is not None and box.covers(target):
        return WriteBack(box.value, None)
    goal = _over_array(turned, target, scope)
    if goal is None:
        return None
    if box is None:
        return WriteBack(goal, None)
    whole = Formula(goal.axes, Load(region.array, _symbols(goal.axes), target.dtype))
    hints = hints_for(
        goal,
        offsets=box.starts,
        extents=box.value.shape,
        corner=tuple((start, 1) for start in box.starts),
    )
    return WriteBack(goal, Split((whole, box.value), hints, "a box of an array"))


def _symbols(axes: tuple[Axis, ...]) -> tuple[Affine, ...]:
    return tuple(Affine.symbol(axis.name) for axis in axes)


def _without_idle_axes(region: Region, scope: Scope) -> Region:
    """Axes that only a condition uses (the tiles of a tiled loop) become part of the condition."""
    used = free_symbols(region.value).union(*(index.names for index in region.indices))
    idle = tuple(axis for axis in region.axes if axis.name not in used)
    if not idle:
        return region
    kept = tuple(axis for axis in region.axes if axis not in idle)
    return replace(region, axes=kept, guard=without(region.guard, idle, scope.context & _inside(kept)))


def _inside(axes: tuple[Axis, ...]) -> Guard:
    symbols = [(Affine.symbol(axis.name), axis.extent) for axis in axes]
    return Guard.of(*(Constraint(row) for at, extent in symbols for row in (at, extent - 1 - at)))


def _forward(region: Region) -> Region:
    """The region with axes turned so that they have positive coefficients in the subscripts."""
    turned = {
        axis.name: axis.extent - 1 - Affine.symbol(axis.name)
        for axis in region.axes
        if any(index.coefficient(axis.name) < 0 for index in region.indices)
    }
    return Region(
        region.array,
        region.axes,
        tuple(index.substitute(turned) for index in region.indices),
        substitute(region.value, turned),
        region.guard.substitute(turned),
        region.span,
        region.lines,
    )


@dataclass(frozen=True, slots=True)
class _Box:
    """The value on the hull of a region, in the array's order of dimensions, and where it starts."""

    value: Formula
    starts: tuple[Affine, ...]

    def covers(self, target: TensorType) -> bool:
        return self.value.shape == target.shape and all(start == Affine() for start in self.starts)


def _box(region: Region, target: TensorType, scope: Scope) -> _Box | None:
    """The hull as a box of the array, if each dimension is an axis plus an offset, and in bounds."""
    names = {axis.name: axis for axis in region.axes}
    axes: list[Axis] = []
    starts: list[Affine] = []
    for dimension, index in enumerate(region.indices):
        inside = [names[name] for name in index.names if name in names]
        if len(inside) > 1 or (inside and (inside[0] in axes or _slope(index, inside[0]) != 1)):
            return None
        axes.append(inside[0] if inside else Axis(f"u{dimension}", Affine((), 1)))
        starts.append(index.substitute({axis.name: Affine() for axis in inside}))
    if not set(region.axes) <= set(axes):
        return None
    for axis, start, extent in zip(axes, starts, target.shape, strict=True):
        room = extent - start - axis.extent
        if not (scope.nonnegative(start) and scope.nonnegative(room)):
            return None
    before = Load(region.array, region.indices, target.dtype)
    value = guarded(region.guard, region.value, before)
    return _Box(Formula(tuple(axes), value), tuple(starts))


def _slope(index: Affine, axis: Axis) -> int:
    """By how much the index rises with the axis; 0 where that differs from step to step (`i - i // 2`)."""
    divided = (a.numerator.names for a, _ in index.terms if isinstance(a, FloorDiv))
    return 0 if any(axis.name in names for names in divided) else index.coefficient(axis.name)


def _over_array(region: Region, target: TensorType, scope: Scope) -> Formula | None:
    """`out[t] = select(t is written, value at t, array[t])`."""
    axes = tuple(Axis(f"t{d}", extent) for d, extent in enumerate(target.shape))
    inverse: dict[str, Affine] = {}
    conditions: list[Constraint] = []
    exact: dict[FloorDiv, tuple[int, Affine]] = {}
    for axis in region.axes:
        found = _inverse_of(axis, region)
        if found is None:
            return None
        inverse[axis.name], step = found
        for row in step:
            exact.update(_without_remainder(inverse[axis.name], row))
        conditions += [
            Constraint(inverse[axis.name]),
            Constraint(axis.extent - 1 - inverse[axis.name]),
            *step,
        ]
    for dimension, index in enumerate(region.indices):
        difference = Affine.symbol(f"t{dimension}") - index.substitute(inverse)
        if difference != Affine() and Constraint(difference, True) not in conditions:
            conditions.append(Constraint(difference, equality=True))
    written = Guard.of(*conditions) & region.guard.substitute(inverse)
    written = simplify_guard(written, scope.context & _inside(axes))
    old: Expression = Load(region.array, _symbols(axes), target.dtype)
    value = _at_exact_places(substitute(region.value, inverse), exact)
    if written.is_always:
        return Formula(axes, value)
    return Formula(axes, Apply("select", (GuardValue(written), value, old), target.dtype))


def _inverse_of(axis: Axis, region: Region) -> tuple[Affine, tuple[Constraint, ...]] | None:
    """The axis as a function of an element's position, and when it is a whole number."""
    names = {a.name for a in region.axes}
    best: tuple[Affine, tuple[Constraint, ...]] | None = None
    for dimension, index in enumerate(region.indices):
        coefficient = _slope(index, axis)
        if coefficient < 1 or len(index.names & names) != 1:
            continue
        distance = Affine.symbol(f"t{dimension}") - index.substitute({axis.name: Affine()})
        if coefficient == 1:
            return distance, ()
        whole = distance // coefficient
        best = whole, (Constraint(distance - whole * coefficient, equality=True),)
    return best


def _without_remainder(whole: Affine, row: Constraint) -> dict[FloorDiv, tuple[int, Affine]]:
    """What `c` times the division in `whole` is, where `row` says that `place - c * whole == 0`."""
    found = [atom for atom, coefficient in whole.terms if isinstance(atom, FloorDiv) and coefficient == 1]
    for atom in found:
        factor = -dict(row.expression.terms).get(atom, 0)
        if factor > 1:
            return {atom: (factor, row.expression + Affine(((atom, factor),)))}
    return {}


def _at_exact_places(value: Expression, exact: Mapping[FloorDiv, tuple[int, Affine]]) -> Expression:
    """`A[4 * (t // 4) + k]` -> `A[t + k]`, where only such `t` matter that 4 divides."""

    def at(index: Affine) -> Affine:
        for atom, coefficient in index.terms:
            if isinstance(atom, FloorDiv) and atom in exact and coefficient % exact[atom][0] == 0:
                factor, place = exact[atom]
                index = index - Affine(((atom, coefficient),)) + place * (coefficient // factor)
        return index

    def change(node: Expression) -> Expression:
        if isinstance(node, Load):
            return replace(node, indices=tuple(map(at, node.indices)))
        return node

    return rewrite(value, change) if exact else value
