"""Splits of a goal that is one array access, `out[axes] = A[affine(axes)]`.

Each split peels off one movement of data, the outermost first: reorder, diagonal, merge of axes,
repetition, dimensions that are indexed by no axis, reversal, stride, window. What is left in the
end is the array itself.
"""

from __future__ import annotations

from dataclasses import replace

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Constant,
    Constraint,
    FloorDiv,
    Formula,
    Guard,
    GuardValue,
    Load,
    Reduce,
)
from exalift.base import DType

from .scope import Scope, Split, hints_for, rewritten


def split_load(goal: Formula, load: Load, scope: Scope) -> tuple[Split, ...]:
    """The first movement that applies; no split where the access is of none of the forms above."""
    for peel in (_repetition, _order, _diagonal, _merged, _unit_dimensions):
        found = peel(goal, load)
        if found:
            return found
    if len(goal.axes) != len(load.indices) or any(len(_axes_of(i, goal)) != 1 for i in load.indices):
        # Two axes in one dimension that are not one axis in two parts, as in `A[i + j]`.
        return ()
    return _reversal(goal, load) or _window(goal, load, scope)


def _axes_of(index: Affine, goal: Formula) -> tuple[Axis, ...]:
    return tuple(axis for axis in goal.axes if axis.name in index.names)


def full_array(load: Load, scope: Scope, prefix: str = "d") -> Formula:
    """The goal that the whole array `load` reads solves at once."""
    shape = scope.arrays[load.array].shape
    axes = tuple(Axis(f"{prefix}{d}", extent) for d, extent in enumerate(shape))
    return Formula(axes, replace(load, indices=tuple(Affine.symbol(axis.name) for axis in axes)))


def _order(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[j, i] = A[i, j]` -> `tmp[i, j] = A[i, j]`."""

    def position(axis: Axis) -> tuple[int, int]:
        dimension = next(d for d, index in enumerate(load.indices) if axis.name in index.names)
        return dimension, -abs(load.indices[dimension].coefficient(axis.name))

    natural = tuple(sorted(goal.axes, key=position))
    if natural == goal.axes:
        return ()
    return (Split((Formula(natural, load),), hints_for(goal), "axes in the array's order"),)


def _diagonal(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[i] = A[i, i]` -> `sum j. select(i == j, A[i, j], 0)`."""
    for axis in goal.axes:
        dimensions = [d for d, index in enumerate(load.indices) if axis.name in index.names]
        if len(dimensions) < 2:
            continue
        other = Axis(f"{axis.name}_", axis.extent)
        last = dimensions[-1]
        moved = load.indices[last].substitute({axis.name: Affine.symbol(other.name)})
        spread = replace(load, indices=(*load.indices[:last], moved, *load.indices[last + 1 :]))
        same = Constraint(Affine.symbol(axis.name) - Affine.symbol(other.name), equality=True)
        picked = Apply("select", (GuardValue(Guard.of(same)), spread, _zero(load)), load.dtype)
        function = "or" if load.dtype is DType.I1 else "add"
        body = Reduce(function, (other,), picked, load.dtype)
        return (rewritten(Formula(goal.axes, body), "a diagonal as a masked sum"),)
    return ()


def _merged(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[i, j] = A[c*i + j]` with `0 <= j < c` -> `tmp[t] = A[t]`, split into two dimensions."""
    for dimension, index in enumerate(load.indices):
        inside = _axes_of(index, goal)
        if len(inside) < 2:
            continue
        outer, inner = inside[-2], inside[-1]
        step = index.coefficient(inner.name)
        extent = inner.extent
        if not extent.is_constant or index.coefficient(outer.name) != step * extent.constant or not step:
            return ()
        merged = Axis(f"{outer.name}{inner.name}", outer.extent * extent.constant)
        rest = index.substitute({inner.name: Affine(), outer.name: Affine()})
        flat = rest + Affine.symbol(merged.name) * step
        indices = (*load.indices[:dimension], flat, *load.indices[dimension + 1 :])
        axes = tuple(merged if a == outer else a for a in goal.axes if a != inner)
        subgoal = Formula(axes, replace(load, indices=indices))
        return (Split((subgoal,), hints_for(goal), "a dimension split in two"),)
    return ()


def _repetition(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[i] = A[floor(i / c)]` -> `tmp[q, s] = A[q]` with `i = c*q + s`, cut to the extent of `i`."""
    for axis in goal.axes:
        found = _division_of(axis, load)
        if found is None:
            continue
        divisor, ahead = found
        if ahead:
            # floor((i + o) / c) with o not a multiple of c: begin at the multiple before, and cut.
            longer = tuple(Axis(a.name, a.extent + ahead) if a == axis else a for a in goal.axes)
            moved = {axis.name: Affine.symbol(axis.name) - ahead}
            indices = tuple(index.substitute(moved) for index in load.indices)
            hints = hints_for(goal, offsets=(Affine((), ahead),))
            subgoal = Formula(longer, replace(load, indices=indices))
            return (Split((subgoal,), hints, "repetitions from a multiple on, then cut"),)
        count = (axis.extent + (divisor - 1)) // divisor
        if count * divisor != axis.extent:
            whole = tuple(Axis(a.name, count * divisor) if a == axis else a for a in goal.axes)
            return (Split((Formula(whole, load),), hints_for(goal), "whole repetitions, then cut"),)
        outer, inner = Axis(f"{axis.name}q", count), Axis(f"{axis.name}s", Affine((), divisor))
        position = Affine.symbol(outer.name) * divisor + Affine.symbol(inner.name)
        indices = tuple(
            _without_small_quotients(index.substitute({axis.name: position}), inner) for index in load.indices
        )
        axes = tuple(b for a in goal.axes for b in ((outer, inner) if a == axis else (a,)))
        if any(_divided(inner, index) for index in indices):
            return ()
        subgoal = Formula(axes, replace(load, indices=indices))
        return (Split((subgoal,), hints_for(goal), "a repetition"),)
    return ()


def _division_of(axis: Axis, load: Load) -> tuple[int, int] | None:
    """`(c, o mod c)` of the first `floor((axis + o) / c)` among the subscripts."""
    for index in load.indices:
        for atom, _ in index.terms:
            if isinstance(atom, FloorDiv) and axis.name in atom.numerator.names:
                return atom.denominator, atom.numerator.constant % atom.denominator
    return None


def _divided(axis: Axis, index: Affine) -> bool:
    return any(isinstance(atom, FloorDiv) and axis.name in atom.numerator.names for atom, _ in index.terms)


def _without_small_quotients(index: Affine, inner: Axis) -> Affine:
    """Drop `floor(x / c)` where `x` is the inner axis plus a constant and stays within `[0, c)`."""
    result = Affine((), index.constant)
    for atom, coefficient in index.terms:
        if isinstance(atom, FloorDiv) and atom.numerator.names == frozenset({inner.name}):
            lowest = atom.numerator.substitute({inner.name: Affine()})
            highest = atom.numerator.substitute({inner.name: inner.extent - 1})
            ends = sorted((lowest.constant, highest.constant))
            if ends[0] // atom.denominator == ends[1] // atom.denominator:
                result = result + coefficient * (ends[0] // atom.denominator)
                continue
        result = result + Affine(((atom, coefficient),))
    return result


def _unit_dimensions(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[i] = A[i, 3]` -> `tmp[i, u] = A[i, 3 + u]` with one value of `u`."""
    axes: list[Axis] = []
    indices: list[Affine] = []
    for dimension, index in enumerate(load.indices):
        inside = _axes_of(index, goal)
        if len(inside) > 1:
            return ()
        axis = inside[0] if inside else Axis(f"u{dimension}", Affine((), 1))
        axes.append(axis)
        indices.append(index if inside else index + Affine.symbol(axis.name))
    if len(axes) == len(goal.axes):
        return ()
    subgoal = Formula(tuple(axes), replace(load, indices=tuple(indices)))
    return (Split((subgoal,), hints_for(goal), "dimensions that no axis indexes"),)


def _reversal(goal: Formula, load: Load) -> tuple[Split, ...]:
    """`out[i] = A[n - 1 - i]` -> `tmp[i] = A[i]`."""
    turned: dict[str, Affine] = {}
    for axis, index in zip(goal.axes, load.indices, strict=True):
        if index.coefficient(axis.name) < 0:
            turned[axis.name] = axis.extent - 1 - Affine.symbol(axis.name)
    if not turned:
        return ()
    indices = tuple(index.substitute(turned) for index in load.indices)
    subgoal = Formula(goal.axes, replace(load, indices=indices))
    return (Split((subgoal,), hints_for(goal), "a reversed dimension"),)


def _window(goal: Formula, load: Load, scope: Scope) -> tuple[Split, ...]:
    """Dimension by dimension `stride * axis + offset` with a positive stride."""
    shape = scope.arrays[load.array].shape
    strides = tuple(i.coefficient(a.name) for a, i in zip(goal.axes, load.indices, strict=True))
    offsets = tuple(
        index.substitute({axis.name: Affine()}) for axis, index in zip(goal.axes, load.indices, strict=True)
    )
    if any(stride < 1 for stride in strides):
        return ()
    spans = tuple((a.extent - 1) * s + 1 for a, s in zip(goal.axes, strides, strict=True))
    low = tuple(_shortfall(offset, scope) for offset in offsets)
    high = tuple(
        _shortfall(extent - offset - span, scope)
        for extent, offset, span in zip(shape, offsets, spans, strict=True)
    )
    corner = tuple(zip(offsets, strides, strict=True))
    if any(amount.names & scope.ivs for amount in (*low, *high)):
        return ()
    inside = all(amount == Affine() for amount in (*low, *high))
    moving = any(offset.names & scope.ivs for offset in offsets)
    whole = full_array(load, scope)
    if inside and not moving:
        hints = hints_for(goal, offsets=offsets, strides=strides, extents=shape, corner=corner)
        return (Split((whole,), hints, "a window of an array"),)
    if any(stride > 1 for stride in strides):
        axes = tuple(Axis(axis.name, span) for axis, span in zip(goal.axes, spans, strict=True))
        indices = tuple(o + Affine.symbol(a.name) for o, a in zip(offsets, axes, strict=True))
        dense = Formula(axes, replace(load, indices=indices))
        hints = hints_for(goal, strides=strides, corner=tuple((Affine(), s) for s in strides))
        return (Split((dense,), hints, "a stride"),)
    left = tuple(
        axis.extent - before - after for axis, before, after in zip(goal.axes, low, high, strict=True)
    )
    # Where nothing may be left between the edges, the whole array gets them, and is cut.
    if not moving and all(extent != Affine() and scope.nonnegative(extent) for extent in left):
        axes = tuple(Axis(axis.name, extent) for axis, extent in zip(goal.axes, left, strict=True))
        indices = tuple(
            offset + before + Affine.symbol(axis.name)
            for axis, offset, before in zip(axes, offsets, low, strict=True)
        )
        inner = Formula(axes, replace(load, indices=indices))
        subgoals = (inner, Formula((), _zero(load)))
        hints = hints_for(goal, offsets=low, corner=tuple((before, 1) for before in low))
        return (Split(subgoals, hints, "a window over the edge of an array"),)
    if inside:
        hints = hints_for(goal, offsets=offsets, corner=corner)
        return (Split((whole,), hints, "a window that moves with a loop"),)
    low, high = (tuple(_never_negative(amount, scope) for amount in amounts) for amounts in (low, high))
    axes = tuple(
        Axis(axis.name, before + extent + after)
        for axis, before, extent, after in zip(whole.axes, low, shape, high, strict=True)
    )
    indices = tuple(Affine.symbol(a.name) - before for a, before in zip(axes, low, strict=True))
    padded = Formula(axes, replace(load, indices=indices))
    starts = tuple(offset + before for offset, before in zip(offsets, low, strict=True))
    hints = hints_for(goal, offsets=starts, corner=tuple((start, 1) for start in starts))
    return (Split((padded,), hints, "a window that moves over the edge of an array"),)


def _zero(load: Load) -> Constant:
    """What a load out of bounds reads."""
    return Constant(False if load.dtype is DType.I1 else 0, load.dtype)


def _shortfall(distance: Affine, scope: Scope) -> Affine:
    """How far `distance` may fall below zero: zero, or an affine bound in the sizes.

    The bound is negative at sizes where nothing is missing: a padding that cuts.
    """
    if scope.nonnegative(distance):
        return Affine()
    bound = -scope.lowest(distance)
    # A padding may be larger than needed.
    smallest = bound.constant + sum(c for _, c in bound.terms)
    return bound + max(0, -smallest)


def _never_negative(amount: Affine, scope: Scope) -> Affine:
    """An amount of padding that is at least this one, and never negative."""
    if scope.nonnegative(amount):
        return amount
    # With the sizes that it falls with at their least it only grows; the least of what it then is, is what
    # it is at the least sizes of all.
    amount = scope.at_least_sizes(amount, falling=True)
    return amount + max(0, -scope.at_least_sizes(amount, falling=False).constant)
