"""Splits of reductions over windows: canonical convolutions, and small windows written out."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    rewrite,
    substitute,
)

from .factors import factorise, product_of
from .scope import Scope, Split, goal_type, hints_for, rewritten

UNROLL_LIMIT = 64
"""The most points of a window that are written out one by one."""


def is_window(load: Load, goal: Formula, body: Reduce) -> bool:
    """Whether a dimension is indexed by an axis of the result and a reduced one together, and overlaps."""
    return any(_is_window(index, goal, body) for index in load.indices)


def _is_window(index: Affine, goal: Formula, body: Reduce) -> bool:
    outer = [axis for axis in goal.axes if axis.name in index.names]
    inner = [axis for axis in body.axes if axis.name in index.names]
    if len(outer) == len(inner) == 1:
        return not (_tiles(index, outer[0], inner[0]) or _tiles(index, inner[0], outer[0]))
    return bool(outer and inner)


def _tiles(index: Affine, slow: Axis, fast: Axis) -> bool:
    """Whether `fast` counts through what one step of `slow` passes over: the two are one dimension in two."""
    step = index.coefficient(fast.name)
    return step > 0 and fast.extent * step == Affine((), index.coefficient(slow.name))


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
    """`sum c, r. X[n, c, y + r] * W[o, c, r]` -> the operands with axes batch, feature, space.

    The first splits make every tap count upwards and bring the result's axes into the order batch, feature,
    space, with missing ones of extent 1; the last one asks for the operands in that layout.
    """
    found = _image_and_kernel(goal, body)
    if found is None:
        return ()
    layout = _Layout.of(goal, body, *found)
    if layout is None:
        return ()
    flipped = layout.downward()
    if flipped:
        upward = {axis.name: axis.extent - 1 - Affine.symbol(axis.name) for axis in flipped}
        counted = replace(body, body=substitute(body.body, upward))
        return (rewritten(Formula(goal.axes, counted), "taps that count downwards"),)
    wanted = (layout.batch, layout.feature, *layout.space)
    if not set(goal.axes) <= set(wanted) or not scope.fits(wanted):
        return ()
    if tuple(a for a in wanted if a in goal.axes) != goal.axes:
        order = tuple(a for a in wanted if a in goal.axes)
        return (Split((Formula(order, body),), hints_for(goal), "axes of a convolution"),)
    if wanted != goal.axes:
        return (Split((Formula(wanted, body),), hints_for(goal), "unit axes of a convolution"),)
    image = layout.image_goal(scope)
    if image is None:
        return ()
    subgoals = (image, layout.kernel_goal())
    hints = hints_for(
        goal,
        offsets=layout.offsets,
        strides=layout.strides,
        extents=tuple(e for s in subgoals for e in goal_type(s).shape),
        functions=("add", "multiply"),
    )
    return (Split(subgoals, hints, "the operands of a convolution"),)


def _image_and_kernel(goal: Formula, body: Reduce) -> tuple[Expression, Expression] | None:
    """The one factor that is read through a window, and the product of the others."""
    terms = factorise(body.body)
    if terms.negated or terms.denominators or not body.guard.is_always:
        return None
    through = [f for f in terms.numerators if any(is_window(load, goal, body) for load in loads(f))]
    others = tuple(f for f in terms.numerators if f not in through)
    if len(through) != 1 or not others:
        return None
    return through[0], product_of(others, body.dtype)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which axis plays which part in a convolution; missing parts are axes of extent 1.

    positions: the subscript of the image along each spatial dimension, an axis of space and a tap together.
    """

    image: Expression
    kernel: Expression
    batch: Axis
    feature: Axis
    channel: Axis
    space: tuple[Axis, ...]
    taps: tuple[Axis, ...]
    positions: tuple[Affine, ...]

    @staticmethod
    def of(goal: Formula, body: Reduce, image: Expression, kernel: Expression) -> _Layout | None:
        paired = _positions(goal, body, image)
        if paired is None:
            return None
        positions, space, taps = paired
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
            image,
            kernel,
            batch[0] if batch else Axis("unit_batch", one),
            feature[0] if feature else Axis("unit_feature", one),
            channel[0] if channel else Axis("unit_channel", one),
            space,
            taps,
            positions,
        )

    def downward(self) -> tuple[Axis, ...]:
        """The taps that move the window against its own direction, as in `X[y - r]`."""
        moved = zip(self.taps, self.positions, strict=True)
        return tuple(tap for tap, position in moved if position.coefficient(tap.name) < 0)

    def image_goal(self, scope: Scope) -> Formula | None:
        """The image over batch, channel and all positions; None where it depends on more than a position."""
        axes: list[Axis] = []
        image = self.image
        for n, position in enumerate(self.positions):
            extents = {
                scope.arrays[load.array].shape[d]
                for load in loads(image)
                for d, index in enumerate(load.indices)
                if index == position
            }
            if len(extents) != 1:
                return None
            axes.append(Axis(f"x{n}", extents.pop()))
            image = _at(image, position, Affine.symbol(f"x{n}"))
        if free_symbols(image) & {axis.name for axis in (*self.space, *self.taps)}:
            return None
        return Formula((self.batch, self.channel, *axes), image)

    def kernel_goal(self) -> Formula:
        return Formula((self.feature, self.channel, *self.taps), self.kernel)

    @property
    def strides(self) -> tuple[int, ...]:
        """The steps of space and taps: window strides and dilations."""
        moving = (*self.space, *self.taps)
        return tuple(p.coefficient(a.name) for p in self.positions for a in moving if a.name in p.names)

    @property
    def offsets(self) -> tuple[Affine, ...]:
        """How far windows begin before the image: paddings."""
        zero = {axis.name: Affine() for axis in (*self.space, *self.taps)}
        found = (position.substitute(zero) for position in self.positions)
        return tuple(part for offset in found for part in (-offset, offset))


def _positions(
    goal: Formula, body: Reduce, image: Expression
) -> tuple[tuple[Affine, ...], tuple[Axis, ...], tuple[Axis, ...]] | None:
    """The image's subscripts in which an axis of the result and a reduced one meet, with those axes."""
    outer = {axis.name: axis for axis in goal.axes}
    inner = {axis.name: axis for axis in body.axes}
    found: dict[Affine, tuple[Axis, Axis]] = {}
    for index in (index for load in loads(image) for index in load.indices):
        here = [outer[name] for name in index.names if name in outer]
        summed = [inner[name] for name in index.names if name in inner]
        if here and summed:
            if len(here) != 1 or len(summed) != 1:
                return None
            found[index] = (here[0], summed[0])
    space = tuple(axis for axis, _ in found.values())
    taps = tuple(tap for _, tap in found.values())
    if len(set(space)) < len(space) or len(set(taps)) < len(taps):
        return None
    return tuple(found), space, taps


def _at(image: Expression, position: Affine, place: Affine) -> Expression:
    """The image with every subscript that is `position` replaced."""

    def change(node: Expression) -> Expression:
        if isinstance(node, Load) and position in node.indices:
            return replace(node, indices=tuple(place if i == position else i for i in node.indices))
        return node

    return rewrite(image, change)
