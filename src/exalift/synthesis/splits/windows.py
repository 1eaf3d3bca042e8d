"""Splits of reductions over windows: canonical convolutions, and small windows written out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Constraint,
    Expression,
    Formula,
    Guard,
    Load,
    Reduce,
    free_symbols,
    loads,
    substitute,
)

from .scope import Scope, Split, goal_type, hints_for, rewritten

UNROLL_LIMIT = 64
"""The most points of a window that are written out one by one."""


def is_window(load: Load, goal: Formula, body: Reduce) -> bool:
    """Whether a dimension is indexed by an axis of the result and a reduced one together."""
    outer = {axis.name for axis in goal.axes}
    inner = {axis.name for axis in body.axes}
    return any(index.names & outer and index.names & inner for index in load.indices)


def unroll(goal: Formula, body: Reduce, scope: Scope) -> tuple[Split, ...]:
    """`reduce r. e(r)` with a small constant extent, in a window -> `f(e(0), f(e(1), ...))`."""
    del scope
    window_names = frozenset[str]().union(
        *(
            index.names
            for load in loads(body.body)
            if is_window(load, goal, body)
            for index in load.indices
            if len(index.names & {a.name for a in (*goal.axes, *body.axes)}) > 1
        )
    )
    chosen = tuple(a for a in body.axes if a.name in window_names and a.extent.is_constant)
    if not chosen or prod(axis.extent.constant for axis in chosen) > UNROLL_LIMIT:
        return ()
    kept = tuple(axis for axis in body.axes if axis not in chosen)
    terms: list[Expression] = []
    for point in product(*(range(axis.extent.constant) for axis in chosen)):
        at = {axis.name: Affine((), value) for axis, value in zip(chosen, point, strict=True)}
        guard = _decided(body.guard.substitute(at))
        if not guard.disjuncts:
            continue
        inside = substitute(body.body, at)
        if kept or not guard.is_always:
            terms.append(replace(body, axes=kept, body=inside, guard=guard))
        else:
            terms.append(inside)
    if not terms:
        return ()
    joined = terms[0]
    for term in terms[1:]:
        joined = Apply(body.function, (joined, term), body.dtype)
    return (rewritten(Formula(goal.axes, joined), "a small window written out"),)


def _decided(guard: Guard) -> Guard:
    """The guard without constraints on constants; a false one takes its conjunction along."""
    disjuncts: list[tuple[Constraint, ...]] = []
    for conjunction in guard.disjuncts:
        constants = [c for c in conjunction if c.expression.is_constant]
        holds = all(
            c.expression.constant == 0 if c.equality else c.expression.constant >= 0 for c in constants
        )
        if holds:
            disjuncts.append(tuple(c for c in conjunction if not c.expression.is_constant))
    return Guard(tuple(disjuncts))


def split_convolution(goal: Formula, body: Reduce, scope: Scope) -> tuple[Split, ...]:
    """`sum c, r. X[n, c, y + r] * W[o, c, r]` -> the arrays with axes batch, feature, space.

    The first split brings the result's axes into the order batch, feature, space, with missing ones
    of extent 1; the next one asks for the operands in that layout.
    """
    found = _image_and_kernel(goal, body)
    if found is None:
        return ()
    image, kernel = found
    layout = _Layout.of(goal, body, image, kernel)
    if layout is None:
        return ()
    wanted = (layout.batch, layout.feature, *layout.space)
    if not set(goal.axes) <= set(wanted) or not scope.fits(wanted):
        return ()
    if tuple(a for a in wanted if a in goal.axes) != goal.axes:
        order = tuple(a for a in wanted if a in goal.axes)
        return (Split((Formula(order, body),), hints_for(goal), "axes of a convolution"),)
    if wanted != goal.axes:
        return (Split((Formula(wanted, body),), hints_for(goal), "unit axes of a convolution"),)
    subgoals = (layout.image_goal(image, scope), layout.kernel_goal(kernel, scope))
    hints = hints_for(
        goal,
        offsets=layout.offsets(image),
        strides=layout.strides(image),
        extents=tuple(e for s in subgoals for e in goal_type(s).shape),
        functions=("add", "multiply"),
    )
    return (Split(subgoals, hints, "the operands of a convolution"),)


def _image_and_kernel(goal: Formula, body: Reduce) -> tuple[Load, Load] | None:
    match body.body:
        case Apply(function="multiply", operands=(Load() as left, Load() as right)):
            pass
        case _:
            return None
    if not body.guard.is_always:
        return None
    if is_window(left, goal, body) == is_window(right, goal, body):
        return None
    return (left, right) if is_window(left, goal, body) else (right, left)


class _Layout:
    """Which axis plays which part in a convolution; missing parts are axes of extent 1."""

    def __init__(
        self, batch: Axis, feature: Axis, channel: Axis, space: tuple[Axis, ...], taps: tuple[Axis, ...]
    ):
        self.batch = batch
        self.feature = feature
        self.channel = channel
        self.space = space
        self.taps = taps

    @staticmethod
    def of(goal: Formula, body: Reduce, image: Load, kernel: Load) -> _Layout | None:
        by_name = {axis.name: axis for axis in (*goal.axes, *body.axes)}
        outer = {axis.name for axis in goal.axes}
        space: list[Axis] = []
        taps: list[Axis] = []
        for index in image.indices:
            inside = [by_name[n] for n in index.names if n in by_name]
            here = [a for a in inside if a.name in outer]
            summed = [a for a in inside if a.name not in outer]
            if here and summed:
                if len(here) != 1 or len(summed) != 1:
                    return None
                space.append(here[0])
                taps.append(summed[0])
        image_names, kernel_names = free_symbols(image), free_symbols(kernel)
        spare = [a for a in goal.axes if a.name not in kernel_names | image_names]
        batch = [a for a in goal.axes if a.name in image_names - kernel_names and a not in space]
        feature = [a for a in goal.axes if a.name in kernel_names - image_names]
        batch = batch or spare[:1]
        feature = feature or spare[len(spare) - 1 :]
        channel = [a for a in body.axes if a not in taps]
        if len(batch) > 1 or len(feature) > 1 or len(channel) > 1 or not set(spare) <= {*batch, *feature}:
            return None
        if any(a.name in kernel_names for a in space) or any(a.name not in kernel_names for a in taps):
            return None
        one = Affine((), 1)
        return _Layout(
            batch[0] if batch else Axis("unit_batch", one),
            feature[0] if feature else Axis("unit_feature", one),
            channel[0] if channel else Axis("unit_channel", one),
            tuple(space),
            tuple(taps),
        )

    def _whole(self, load: Load, parts: tuple[Axis, ...], scope: Scope) -> Formula:
        """The array that `load` reads, its dimensions in the order of `parts`."""
        shape = scope.arrays[load.array].shape
        axes: list[Axis] = []
        indices = list(load.indices)
        for n, part in enumerate(parts):
            dimension = next((d for d, i in enumerate(load.indices) if part.name in i.names), None)
            extent = Affine((), 1) if dimension is None else shape[dimension]
            axes.append(Axis(f"x{n}", extent))
            if dimension is not None:
                indices[dimension] = Affine.symbol(f"x{n}")
        return Formula(tuple(axes), replace(load, indices=tuple(indices)))

    def image_goal(self, image: Load, scope: Scope) -> Formula:
        return self._whole(image, (self.batch, self.channel, *self.space), scope)

    def kernel_goal(self, kernel: Load, scope: Scope) -> Formula:
        return self._whole(kernel, (self.feature, self.channel, *self.taps), scope)

    def strides(self, image: Load) -> tuple[int, ...]:
        """The steps of space and taps: window strides and dilations."""
        names = {axis.name for axis in (*self.space, *self.taps)}
        return tuple(i.coefficient(n) for i in image.indices for n in i.names if n in names)

    def offsets(self, image: Load) -> tuple[Affine, ...]:
        """How far windows begin before the image: paddings."""
        zero = {axis.name: Affine() for axis in (*self.space, *self.taps)}
        found = (index.substitute(zero) for index in image.indices if index.names & zero.keys())
        return tuple(part for offset in found for part in (-offset, offset))
