"""The last resort: one element of a region, assembled from its formula without any search.

A region without axes and reductions is scalar arithmetic on elements of arrays. Each node of its
value is one op, which the dialect names (`dialects.Elements`); so nothing is left to luck.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from exalift.affine import (
    Apply,
    Cast,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    Region,
    fold,
)
from exalift.base import DType, VerificationError
from exalift.dialects import ArrayValue, ConstantValue, Elements, IndexScalar, Node, TensorType

_INDEX = DType.I64


def updated_element(region: Region, arrays: Mapping[str, TensorType], elements: Elements) -> Node:
    """What the array holds after a region without axes and reductions.

    Raises VerificationError where the region has any, or where the dialect lacks an op.
    """
    if region.axes:
        raise VerificationError(f"the region of {region.array} is more than one element")
    array = ArrayValue(region.array, arrays[region.array])
    value = element(region.value, arrays, elements)
    if not region.guard.is_always:
        old = elements.read(array, region.indices)
        value = elements.apply("select", (_condition(region.guard, elements), value, old))
    return elements.write(array, region.indices, value)


def whole_copy(region: Region, arrays: Mapping[str, TensorType]) -> Node | None:
    """The array that a region copies whole, if that is all that it does."""
    match region.value:
        case Load(array=source, indices=indices) if (
            region.guard.is_always
            and indices == region.indices
            and arrays[source] == arrays[region.array]
            and tuple(axis.extent for axis in region.axes) == arrays[source].shape
            and all(str(i) == axis.name for i, axis in zip(indices, region.axes, strict=True))
        ):
            return ArrayValue(source, arrays[source])
        case _:
            return None


def element(value: Expression, arrays: Mapping[str, TensorType], elements: Elements) -> Node:
    """An expression over sizes and induction variables as a node of rank 0."""

    def combine(node: Expression, below: tuple[Node, ...]) -> Node:
        match node:
            case Constant(value=literal, dtype=dtype):
                return ConstantValue(literal, TensorType((), dtype))
            case IndexValue(index=index, dtype=dtype):
                if dtype.is_integer:
                    return IndexScalar(index, TensorType((), dtype))
                return elements.convert(IndexScalar(index, TensorType((), _INDEX)), dtype)
            case GuardValue(guard=guard):
                return _condition(guard, elements)
            case Load(array=name, indices=indices):
                return elements.read(ArrayValue(name, arrays[name]), indices)
            case Apply(function=function):
                return elements.apply(function, below)
            case Cast(dtype=dtype):
                return elements.convert(below[0], dtype)
            case Reduce(function=function):
                raise VerificationError(f"a reduction by {function} is more than one element")
            case _:
                assert_never(node)

    return fold(value, combine)


def _condition(guard: Guard, elements: Elements) -> Node:
    """A condition on indices as a truth value."""
    truth = TensorType((), DType.I1)
    if guard.is_always:
        return ConstantValue(True, truth)
    any_of: Node | None = None
    for conjunction in guard.disjuncts:
        all_of: Node | None = None
        for constraint in conjunction:
            holds = _holds(constraint, elements)
            all_of = holds if all_of is None else elements.apply("and", (all_of, holds))
        assert all_of is not None, "an empty conjunction always holds"
        any_of = all_of if any_of is None else elements.apply("or", (any_of, all_of))
    return ConstantValue(False, truth) if any_of is None else any_of


def _holds(constraint: Constraint, elements: Elements) -> Node:
    scalar = TensorType((), _INDEX)
    operands = (IndexScalar(constraint.expression, scalar), ConstantValue(0, scalar))
    return elements.apply("compare_eq" if constraint.equality else "compare_ge", operands)
