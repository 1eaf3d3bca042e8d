"""Formulas as arrays: every axis is a broadcast dimension, so a formula runs as a few NumPy calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from .affine_expression import IntegerOrGrid
from .algebra.protocol import Algebra, Truth, Values
from .expressions import Apply, Cast, Constant, Expression, GuardValue, IndexValue, Load, Reduce
from .guards import Guard
from .index_notation import Formula

# Reductions over more points than this are done in slabs, so that memory stays bounded by the
# result's size and not by the number of points.
_SLAB = 1 << 21


def evaluate(
    formula: Formula, operands: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
) -> Values:
    """The tensor that a formula denotes, of shape `formula.shape` at `sizes`, in any algebra.

    `operands` are the arrays that the formula loads, in the algebra's storage; an element out of
    bounds reads as 0. `sizes` gives a value to every free symbol (sizes and induction variables).
    A negative extent counts as 0. Raises KeyError for an array or symbol without a value. Both
    operands of `select` are computed. Memory: the result's points times the terms alive in the
    body; reductions go in slabs, along their longest axis only.
    """
    extents = tuple(max(0, extent.at(sizes)) for extent in formula.shape)
    grids: dict[str, IntegerOrGrid] = dict(sizes)
    for position, (axis, extent) in enumerate(zip(formula.axes, extents, strict=True)):
        grids[axis.name] = _grid(0, extent, position, len(extents))
    value = _Evaluation(operands, sizes, algebra).run(
        formula.body, _Scope(grids, len(extents), math.prod(extents))
    )
    result = np.empty(extents, value.dtype)
    result[...] = value
    return result


def guard_mask(guard: Guard, values: Mapping[str, IntegerOrGrid]) -> Truth:
    """Where a condition holds; the symbols' integers or grids broadcast together."""
    result: Truth = np.asarray(False)
    for conjunction in guard.disjuncts:
        holds: Truth = np.asarray(True)
        for constraint in conjunction:
            value = constraint.expression.evaluate(values)
            holds = holds & (np.equal(value, 0) if constraint.equality else np.greater_equal(value, 0))
        result = result | holds
    return np.asarray(result)


def _grid(start: int, stop: int, position: int, rank: int) -> IntegerOrGrid:
    shape = [1] * rank
    shape[position] = stop - start
    return np.arange(start, stop, dtype=np.int64).reshape(shape)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Symbols' values; the grids have at most `rank` dimensions, and `points` elements together."""

    grids: Mapping[str, IntegerOrGrid]
    rank: int
    points: int


@dataclass(frozen=True, slots=True)
class _Evaluation:
    operands: Mapping[str, Values]
    sizes: Mapping[str, int]
    algebra: Algebra

    def run(self, body: Expression, scope: _Scope) -> Values:
        """The value of an expression, broadcastable to the scope; iterative except through `Reduce`."""
        values: dict[int, Values] = {}
        stack: list[tuple[Expression, bool]] = [(body, False)]
        while stack:
            expression, expanded = stack.pop()
            if id(expression) in values:
                continue
            below = _operands(expression)
            if below and not expanded:
                stack.append((expression, True))
                stack.extend((operand, False) for operand in below)
            else:
                values[id(expression)] = self._one(expression, [values[id(x)] for x in below], scope)
        return values[id(body)]

    def _one(self, expression: Expression, below: list[Values], scope: _Scope) -> Values:
        algebra = self.algebra
        match expression:
            case Constant(value, dtype):
                return algebra.constant(value, dtype)
            case IndexValue(index, dtype):
                return algebra.index(np.asarray(index.evaluate(scope.grids), np.int64), dtype)
            case GuardValue(guard):
                return algebra.truth(guard_mask(guard, scope.grids))
            case Load():
                return self._load(expression, scope)
            case Apply(function, operands, dtype):
                return algebra.apply(function, below, operands[-1].dtype, dtype)
            case Cast(operand, dtype):
                return algebra.cast(below[0], operand.dtype, dtype)
            case Reduce():
                return self._reduce(expression, scope)
            case _:
                assert_never(expression)

    def _load(self, load: Load, scope: _Scope) -> Values:
        array = self.operands[load.array]
        if not array.ndim:
            return array
        indices = [np.asarray(index.evaluate(scope.grids)) for index in load.indices]
        zero = self.algebra.constant(0, load.dtype)
        shape = np.broadcast_shapes(*(index.shape for index in indices))
        if not array.size or 0 in shape:
            return np.broadcast_to(zero, shape)
        inside: Truth | None = None
        for position, (index, extent) in enumerate(zip(indices, array.shape, strict=True)):
            if index.min() < 0 or index.max() >= extent:
                here = (index >= 0) & (index < extent)
                inside = here if inside is None else inside & here
                indices[position] = index.clip(0, extent - 1)
        # The ellipsis keeps a single element inside a 0-d array, whatever type of object it is.
        value = array[(*indices, ...)]
        return value if inside is None else np.where(inside, value, zero)

    def _reduce(self, reduce: Reduce, scope: _Scope) -> Values:
        extents = [max(0, axis.extent.at(self.sizes)) for axis in reduce.axes]
        if not extents:
            return self._slab(reduce, [], scope)
        longest = max(range(len(extents)), key=lambda position: extents[position])
        others = math.prod(extents) // max(1, extents[longest]) * max(1, scope.points)
        step = max(1, _SLAB // max(1, others))
        result: Values | None = None
        for start in range(0, max(1, extents[longest]), step):
            ranges = [(0, extent) for extent in extents]
            ranges[longest] = (start, min(start + step, extents[longest]))
            part = self._slab(reduce, ranges, scope)
            if result is None:
                result = part
            else:
                result = self.algebra.apply(reduce.function, (result, part), reduce.dtype, reduce.dtype)
        assert result is not None
        return result

    def _slab(self, reduce: Reduce, ranges: list[tuple[int, int]], scope: _Scope) -> Values:
        """The reduction over a box. Its axes become leading dimensions, so that whatever does not
        depend on them broadcasts as it is."""
        count = len(ranges)
        rank = count + scope.rank
        grids = dict(scope.grids)
        for position, (axis, (start, stop)) in enumerate(zip(reduce.axes, ranges, strict=True)):
            grids[axis.name] = _grid(start, stop, position, rank)
        lengths = tuple(stop - start for start, stop in ranges)
        value = self.run(reduce.body, _Scope(grids, rank, scope.points * math.prod(lengths)))
        if not reduce.guard.is_always:
            mask = guard_mask(reduce.guard, grids)
            value = np.where(mask, value, self.algebra.identity(reduce.function, reduce.dtype))
        outer = (1,) * (rank - value.ndim) + value.shape
        value = np.broadcast_to(value, lengths + outer[count:])
        return self.algebra.reduce(reduce.function, value, tuple(range(count)), reduce.dtype)


def _operands(expression: Expression) -> tuple[Expression, ...]:
    """The sub-expressions of the same scope."""
    match expression:
        case Apply(operands=operands):
            return operands
        case Cast(operand=operand):
            return (operand,)
        case _:
            return ()
