"""Reading a sum of products out of a formula or a region: from index notation to a `Contraction`.

Access isomorphism (UNIT, section 4.2) is decided here, once for all instructions: a loop's role follows
from the operands whose subscripts it moves, and subscripts that are linear in the loops are what packing
can gather. What stands around the sum becomes the epilogue. Every refusal has a reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    FloorDiv,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    loads,
    nodes,
    rewrite,
    substitute,
)
from exalift.base import DType

from ..contraction import COLUMNS, ROWS, SUM, Access, Contraction, Dimension, Role, index_range
from .epilogues import Target, Unfit, epilogue_of
from .zero_points import ZeroPoint, with_zero_points, without_zero_point


@dataclass(frozen=True, slots=True)
class Reading:
    """A contraction, and the names of the arrays that it works on (`ONES`: an element that is 1); `extra` are
    the epilogue's operands.

    before, after: the sum as it was written and as the contraction has it, over the same axes; operands of
    the latter are "lhs" and "rhs". They are equal by construction, which `check_reading` confirms.
    whole, target: all that was written, over the same axes, and where; `prove_reading` compares what the
    contraction stores.
    """

    contraction: Contraction
    lhs: str
    rhs: str
    out: str
    before: Formula
    after: Formula
    whole: Formula
    target: Target
    extra: tuple[str, ...] = ()


ONES = "%ones"
"""The name of the second factor of a plain sum: an array of rank 0 that holds 1."""


def read_contraction(
    formula: Formula, target: Target, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]
) -> tuple[Reading, ...] | str:
    """The contractions that a formula is: one for each factor that may be the left one. Or why it is none.

    `shapes` are those of the arrays that it loads; `sizes` give values to its free symbols.
    """
    known = {name: Affine.of(value) for name, value in sizes.items()}
    axes = tuple(Axis(axis.name, axis.extent.substitute(known)) for axis in formula.axes)
    body = rewrite(substitute(formula.body, known), _constant)
    place = replace(target, indices=tuple(index.substitute(known) for index in target.indices))
    try:
        split = _split_axes(axes, body, place)
        return _read(*split, {**shapes, ONES: ()})
    except Unfit as reason:
        return str(reason)
    except ValueError as reason:
        return str(reason)


def _constant(node: Expression) -> Expression:
    """Sizes that are used as values are numbers by now."""
    if isinstance(node, IndexValue) and node.index.is_constant:
        return Constant(node.index.constant, node.dtype)
    return node


def _read(
    axes: tuple[Axis, ...], body: Expression, target: Target, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Reading, ...]:
    reduction = _only_sum(body)
    summed = reduction.axes
    unknown = sorted(_symbols(body) - {axis.name for axis in (*axes, *summed)})
    if unknown:
        raise Unfit(f"it depends on {', '.join(unknown)}, which a loop around it counts")
    factors, outside = _factors(reduction.body, frozenset(axis.name for axis in summed))
    if any(factor.load.array == target.array for factor in factors):
        raise Unfit(f"it reads {target.array} while writing it; a copy of that would do")
    _check_guard(reduction.guard, factors, shapes)
    found: list[Reading] = []
    reasons: list[str] = []
    for lhs, rhs in (factors, factors[::-1]):
        try:
            found.append(_contraction(axes, summed, lhs, rhs, body, reduction, outside, target, shapes))
        except (Unfit, ValueError) as reason:
            reasons.append(str(reason))
    if not found:
        raise Unfit(reasons[0])
    return tuple(found)


def _only_sum(body: Expression) -> Reduce:
    sums = [node for node in dict.fromkeys(nodes(body)) if isinstance(node, Reduce)]
    if not sums:
        raise Unfit("nothing is summed")
    if len(sums) > 1:
        raise Unfit(f"{len(sums)} reductions in one formula; an instruction has one")
    if sums[0].function != "add":
        raise Unfit(f"the reduction is by {sums[0].function}, and no instruction's is")
    return sums[0]


@dataclass(frozen=True, slots=True)
class _Factor:
    """A load, the type that it is widened to, and its zero point."""

    load: Load
    dtype: DType
    zero: ZeroPoint


def _factors(
    product: Expression, summed: frozenset[str]
) -> tuple[tuple[_Factor, _Factor], Expression | None]:
    """The two factors that move with the sum, and the product of those that do not."""
    pending, moving, still = [product], list[_Factor](), list[Expression]()
    while pending:
        node = pending.pop()
        if isinstance(node, Apply) and node.function == "multiply":
            pending += reversed(node.operands)
        elif summed & _symbols(node):
            moving.append(_factor(node, summed))
        else:
            still.append(node)
    if len(moving) > 2:
        raise Unfit(f"a product of {len(moving)} operands; an instruction takes two")
    if not moving:
        raise Unfit("nothing moves with the sum")
    if len(moving) == 1:
        moving.append(_Factor(Load(ONES, (), moving[0].load.dtype), moving[0].dtype, ZeroPoint()))
    outside: Expression | None = None
    for factor in still:
        outside = factor if outside is None else Apply("multiply", (outside, factor), product.dtype)
    return (moving[0], moving[1]), outside


def _symbols(expression: Expression) -> frozenset[str]:
    names: set[str] = set()
    for node in nodes(expression):
        match node:
            case Load(indices=indices):
                names |= {name for index in indices for name in index.names}
            case IndexValue(index=index):
                names |= index.names
            case GuardValue(guard=guard):
                names |= guard.names
            case _:
                pass
    return frozenset(names)


def _factor(node: Expression, summed: frozenset[str]) -> _Factor:
    node, zero = without_zero_point(node, lambda term: bool(summed & _symbols(term)))
    dtype = node.dtype
    while isinstance(node, Cast):
        inner = node.operand
        exact = inner.dtype.is_integer == node.dtype.is_integer and inner.dtype.bits < node.dtype.bits
        if not exact or (inner.dtype.is_signed and not node.dtype.is_signed):
            raise Unfit(f"a factor is converted from {inner.dtype} to {node.dtype}, which loses values")
        node = inner
    if not isinstance(node, Load):
        raise Unfit("a factor is computed, not loaded")
    return _Factor(node, dtype, zero)


def _check_guard(
    guard: Guard, factors: tuple[_Factor, _Factor], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """A guard that keeps subscripts inside an array says no more than that outside is zero."""
    if guard.is_always:
        return
    if len(guard.disjuncts) != 1:
        raise Unfit(f"the sum is over a union of domains: {guard}")
    implied: set[Affine] = set()
    for factor in factors:
        if factor.zero.is_none:
            for index, extent in zip(factor.load.indices, shapes[factor.load.array], strict=True):
                implied |= {index, Affine.of(extent - 1) - index}
    for constraint in guard.disjuncts[0]:
        if constraint.equality or constraint.expression not in implied:
            raise Unfit(f"the sum is over a part of its box only: {constraint}")


def _around(body: Expression, reduction: Reduce, outside: Expression | None, total: Expression) -> Expression:
    """What is computed from the sum: the body with the sum as an expression of the contraction's sums."""
    if outside is not None:
        if not reduction.dtype.is_float and reduction.dtype.bits < 32:
            raise Unfit("a factor in front of a narrow sum")
        total = Apply("multiply", (total, outside), reduction.dtype)
    return rewrite(body, lambda node: total if node == reduction else node)


def _contraction(
    axes: tuple[Axis, ...],
    summed: tuple[Axis, ...],
    left: _Factor,
    right: _Factor,
    body: Expression,
    reduction: Reduce,
    outside: Expression | None,
    target: Target,
    shapes: Mapping[str, tuple[int, ...]],
) -> Reading:
    if left.dtype is not reduction.dtype or right.dtype is not reduction.dtype:
        raise Unfit(f"products in {left.dtype} summed in {reduction.dtype}")
    dimensions = _dimensions(axes, summed, left.load, right.load)
    count = math.prod(axis.extent.constant for axis in summed)
    dtype = reduction.dtype
    sums = Load(SUM, (), dtype), Load(ROWS, (), dtype), Load(COLUMNS, (), dtype)
    finished = _around(body, reduction, outside, with_zero_points(sums, left.zero, right.zero, count))
    names = {d.name for d in dimensions}
    ones = {a.name: Affine() for a in (*axes, *summed) if a.name not in names}

    def access(array: str, dtype: DType, shape: tuple[int, ...], indices: tuple[Affine, ...]) -> Access:
        return Access(dtype, shape, tuple(index.substitute(ones) for index in indices))

    def of(load: Load) -> Access:
        return access(load.array, load.dtype, shapes[load.array], load.indices)

    out = access(target.array, finished.dtype, target.shape, target.indices)
    accumulate, epilogue, extra = epilogue_of(finished, reduction.dtype, target, out, of)
    contraction = Contraction(
        dimensions,
        of(left.load),
        of(right.load),
        out,
        reduction.dtype,
        epilogue,
        accumulate,
        left.zero.number,
    )
    written = (contraction.product, _alone("lhs", left.load, dtype), _alone("rhs", right.load, dtype))
    first, second, third = (Reduce("add", summed, term, dtype) for term in written)
    after = with_zero_points((first, second, third), left.zero, right.zero, count)
    if outside is not None:
        after = Apply("multiply", (after, outside), reduction.dtype)
    formulas = Formula(axes, reduction), Formula(axes, after), Formula(axes, body)
    return Reading(contraction, left.load.array, right.load.array, target.array, *formulas, target, extra)


def _alone(name: str, load: Load, dtype: DType) -> Expression:
    """A factor by itself, in the accumulator's type."""
    named = Load(name, load.indices, load.dtype)
    return named if load.dtype is dtype else Cast(named, dtype)


def _dimensions(
    axes: tuple[Axis, ...], summed: tuple[Axis, ...], left: Load, right: Load
) -> tuple[Dimension, ...]:
    in_left, in_right = _symbols(left), _symbols(right)
    found: list[Dimension] = []
    for axis in (*axes, *summed):
        if not axis.extent.is_constant:
            raise Unfit(f"the extent of {axis.name} depends on other loops: {axis.extent}")
        extent = axis.extent.constant
        if extent < 1:
            raise Unfit(f"loop {axis.name} is empty")
        if axis in summed:
            role = Role.K
        elif axis.name in in_left and axis.name in in_right:
            role = Role.BATCH
        else:
            role = Role.N if axis.name in in_right else Role.M
        if extent > 1:
            found.append(Dimension(axis.name, extent, role))
    return tuple(found)


def _split_axes(
    axes: tuple[Axis, ...], body: Expression, target: Target
) -> tuple[tuple[Axis, ...], Expression, Target]:
    """Axes that occur in floor divisions by a factor of their extent become two: `f // 4` with f below 12
    becomes `f1` of `f = 4*f1 + f0`. That is how groups of features are written."""
    again = True
    while again:
        again = False
        for axis in axes:
            divisor = _divisor(axis, body)
            if divisor is None or not axis.extent.is_constant or axis.extent.constant % divisor:
                continue
            outer, inner = f"{axis.name}.1", f"{axis.name}.0"
            whole = Affine.symbol(outer) * divisor + Affine.symbol(inner)
            extents = {outer: axis.extent.constant // divisor, inner: divisor}
            position = axes.index(axis)
            new = tuple(Axis(name, Affine.of(extent)) for name, extent in extents.items())
            axes = (*axes[:position], *new, *axes[position + 1 :])
            body = _simplified(substitute(body, {axis.name: whole}), axes)
            moved = tuple(index.substitute({axis.name: whole}) for index in target.indices)
            target = replace(target, indices=moved)
            again = True
            break
    return axes, body, target


def _divisor(axis: Axis, body: Expression) -> int | None:
    for load in loads(body):
        for index in load.indices:
            for atom, _ in index.terms:
                if isinstance(atom, FloorDiv) and atom.numerator == Affine.symbol(axis.name):
                    return atom.denominator
    return None


def _simplified(body: Expression, axes: tuple[Axis, ...]) -> Expression:
    """Floor divisions of what is known to be in [0, divisor) are zero."""
    extents = {axis.name: axis.extent.constant for axis in axes if axis.extent.is_constant}

    def index(value: Affine) -> Affine:
        total = Affine.of(value.constant)
        for atom, coefficient in value.terms:
            if (
                isinstance(atom, FloorDiv)
                and atom.numerator.is_linear
                and atom.numerator.names <= set(extents)
            ):
                low, high = index_range(atom.numerator, extents)
                if low >= 0 and high < atom.denominator:
                    continue
            total = total + Affine(((atom, coefficient),))
        return total

    def change(node: Expression) -> Expression:
        if isinstance(node, Load):
            return replace(node, indices=tuple(map(index, node.indices)))
        return node

    return rewrite(body, change)
