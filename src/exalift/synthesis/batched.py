"""Formulas evaluated for many candidates in one go, in any algebra.

At given sizes every load of a formula reads a fixed table of flat positions, so that an op is a
composition of gathers, scalar functions and reductions over arrays whose leading dimensions run
over candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from exalift.affine import (
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
)
from exalift.affine.algebra.protocol import Algebra, Values

Batch = Callable[[Sequence[Values]], Values]
Grid = NDArray[np.int64]


class Points:
    """All points of some axes in row-major order, as a flat grid for each symbol."""

    def __init__(self, axes: Sequence[Axis], sizes: Mapping[str, int]) -> None:
        self.axes = tuple(axes)
        self.sizes = sizes
        self.extents = tuple(max(0, axis.extent.at(sizes)) for axis in axes)
        self.count = int(np.prod(self.extents, dtype=np.int64))
        grids = np.indices(self.extents, dtype=np.int64).reshape(len(self.extents), self.count)
        self.symbols: dict[str, int | Grid] = dict(sizes)
        self.symbols.update({axis.name: grid for axis, grid in zip(axes, grids, strict=True)})

    def extended(self, axes: Sequence[Axis]) -> Points:
        """These points times those of inner axes."""
        return Points((*self.axes, *axes), self.sizes)

    def index(self, expression: IndexValue) -> Grid:
        """The value of an index at every point."""
        value = np.asarray(expression.index.evaluate(self.symbols), dtype=np.int64)
        return np.broadcast_to(value, (self.count,))

    def guard(self, guard: Guard) -> NDArray[np.bool_]:
        """Whether the guard holds at every point."""
        holds = np.zeros(self.count, dtype=np.bool_)
        for conjunction in guard.disjuncts:
            inside = np.ones(self.count, dtype=np.bool_)
            for constraint in conjunction:
                value = np.asarray(constraint.expression.evaluate(self.symbols))
                inside &= (value == 0) if constraint.equality else (value >= 0)
            holds |= inside
        return holds

    def load(self, load: Load, shape: tuple[int, ...]) -> tuple[Grid, NDArray[np.bool_]]:
        """The flat position that a load reads at every point, and whether it is in bounds (0 where not)."""
        flat = np.zeros(self.count, dtype=np.int64)
        inside = np.ones(self.count, dtype=np.bool_)
        for index, extent in zip(load.indices, shape, strict=True):
            position = np.asarray(index.evaluate(self.symbols), dtype=np.int64)
            inside &= (position >= 0) & (position < extent)
            flat = flat * extent + position
        return np.where(inside, flat, 0), inside


def compile_formula(
    formula: Formula, shapes: Sequence[tuple[int, ...]], sizes: Mapping[str, int], algebra: Algebra
) -> tuple[Batch, int]:
    """A function from operands' values (..., elements) to result values (..., elements of the result).

    Leading dimensions broadcast against each other. The second result is the largest number of
    points that one candidate occupies while it is computed. Loads name the operands "0", "1", ...
    """
    points = Points(formula.axes, sizes)
    largest = [max(1, points.count)]
    batch = _compile(formula.body, points, shapes, algebra, largest)

    def whole(operands: Sequence[Values]) -> Values:
        leading = np.broadcast_shapes(*(operand.shape[:-1] for operand in operands)) if operands else ()
        result = batch(operands)
        return np.broadcast_to(result, (*leading, points.count))

    return whole, largest[0]


def _compile(
    expression: Expression,
    points: Points,
    shapes: Sequence[tuple[int, ...]],
    algebra: Algebra,
    largest: list[int],
) -> Batch:
    match expression:
        case Constant(value, dtype):
            return _fixed(algebra.constant(value, dtype).reshape(1))
        case IndexValue(_, dtype):
            return _fixed(algebra.index(points.index(expression), dtype))
        case GuardValue(guard):
            return _fixed(algebra.truth(points.guard(guard)))
        case Load():
            return _load(expression, points, shapes, algebra)
        case Apply(function, operands, dtype):
            parts = [_compile(operand, points, shapes, algebra, largest) for operand in operands]
            source = operands[-1].dtype

            def apply(values: Sequence[Values]) -> Values:
                return algebra.apply(function, [part(values) for part in parts], source, dtype)

            return apply
        case Cast(operand, dtype):
            inner = _compile(operand, points, shapes, algebra, largest)
            return lambda values: algebra.cast(inner(values), operand.dtype, dtype)
        case Reduce():
            return _reduce(expression, points, shapes, algebra, largest)
        case _:
            assert_never(expression)


def _fixed(value: Values) -> Batch:
    return lambda values: value


def _load(load: Load, points: Points, shapes: Sequence[tuple[int, ...]], algebra: Algebra) -> Batch:
    number = int(load.array)
    shape = shapes[number]
    table, inside = points.load(load, shape)
    elements = int(np.prod(shape, dtype=np.int64))
    if inside.all():
        if len(table) == elements and np.array_equal(table, np.arange(elements)):
            return lambda values: values[number]
        return lambda values: values[number][..., table]
    zero = algebra.cast(algebra.constant(0, load.dtype), load.dtype, load.dtype)
    return lambda values: np.where(inside, values[number][..., table], zero)


def _reduce(
    reduce: Reduce,
    points: Points,
    shapes: Sequence[tuple[int, ...]],
    algebra: Algebra,
    largest: list[int],
) -> Batch:
    inner_points = points.extended(reduce.axes)
    largest[0] = max(largest[0], inner_points.count)
    inner = _compile(reduce.body, inner_points, shapes, algebra, largest)
    terms = inner_points.count // max(1, points.count)
    mask = None if reduce.guard.is_always else inner_points.guard(reduce.guard)

    def evaluate(values: Sequence[Values]) -> Values:
        body = inner(values)
        body = np.broadcast_to(body, (*body.shape[:-1], inner_points.count))
        if mask is not None:
            body = np.where(mask, body, algebra.identity(reduce.function, reduce.dtype))
        body = body.reshape(*body.shape[:-1], points.count, terms)
        return algebra.reduce(reduce.function, body, (body.ndim - 1,), reduce.dtype)

    return evaluate
