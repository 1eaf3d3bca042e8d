"""Building nodes: inference and the static check at every op, and short names for what is built often."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exalift.affine import Affine
from exalift.base import DType, VerificationError

from ..definition import Dialect
from ..graph import ConstantValue, IndexScalar, Node, Operation
from ..types import Attributes, TensorType
from .attribute_values import canonical
from .contractions import dot_attributes
from .dialect import STABLEHLO
from .slicing import pad_attributes, slice_attributes

Number = int | bool | float | Fraction
Extent = int | str | Affine


def build(dialect: Dialect, name: str, operands: Sequence[Node], attributes: Attributes = ()) -> Operation:
    """The op, its type inferred and its attributes in canonical form.

    Raises VerificationError where the op is unknown, the number of operands is wrong, or the
    definition's static check refuses the types and attributes.
    """
    definition = dialect.by_name.get(name)
    if definition is None:
        raise VerificationError(f"the dialect {dialect.name} has no op {name}")
    if len(operands) != definition.arity:
        raise VerificationError(f"{name} takes {definition.arity} operands, got {len(operands)}")
    types = tuple(operand.type for operand in operands)
    attributes = canonical(attributes)
    result = definition.result_type(types, attributes)
    if result is None:
        shown = ", ".join(str(t) for t in types)
        raise VerificationError(f"{name} does not take ({shown}) with {_shown(attributes)}")
    return Operation(name, tuple(operands), attributes, result)


def _shown(attributes: Attributes) -> str:
    return ", ".join(f"{name} = {value}" for name, value in attributes) or "no attributes"


def op(name: str, *operands: Node, attributes: Attributes = ()) -> Operation:
    """A StableHLO op by its short name ("add"); CHLO's by its full one ("chlo.erf")."""
    return build(STABLEHLO, name if "." in name else f"stablehlo.{name}", operands, attributes)


def apply_function(function: str, *operands: Node) -> Operation:
    """The op that is a scalar function of `affine.functions`, comparisons and select among them."""
    if function.startswith("compare_"):
        return compare(function.removeprefix("compare_").upper(), *operands)
    return op("chlo.erf" if function == "erf" else function, *operands)


def compare(direction: str, *operands: Node) -> Operation:
    """`direction` is one of LT LE GT GE EQ NE."""
    return op("compare", *operands, attributes=(("comparison_direction", direction),))


def constant(value: Number, dtype: DType) -> ConstantValue:
    """A rank-0 literal."""
    return ConstantValue(value, TensorType((), dtype))


def index_scalar(index: Extent, dtype: DType) -> IndexScalar:
    """A rank-0 integer that is affine in sizes and induction variables."""
    return IndexScalar(Affine.of(index), TensorType((), dtype))


def broadcast(node: Node, shape: Sequence[Extent], dimensions: Sequence[int]) -> Node:
    """broadcast_in_dim; the node itself where nothing changes."""
    target = _extents(shape)
    if target == node.type.shape and tuple(dimensions) == tuple(range(len(target))):
        return node
    attributes: Attributes = (("broadcast_dimensions", tuple(dimensions)), ("shape", target))
    return op("broadcast_in_dim", node, attributes=attributes)


def splat(value: Number, type: TensorType) -> Node:
    """A tensor full of one literal."""
    return broadcast(constant(value, type.dtype), type.shape, ())


def iota(shape: Sequence[Extent], dimension: int, dtype: DType = DType.I64) -> Operation:
    """The index along `dimension` at every element."""
    attributes: Attributes = (
        ("dtype", str(dtype)),
        ("iota_dimension", dimension),
        ("shape", _extents(shape)),
    )
    return op("iota", attributes=attributes)


def convert(node: Node, dtype: DType) -> Node:
    """The node itself where it has the element type already."""
    return node if node.type.dtype is dtype else op("convert", node, attributes=(("dtype", str(dtype)),))


def transpose(node: Node, permutation: Sequence[int]) -> Node:
    """Result dimension `i` is operand dimension `permutation[i]`; the node itself for the identity."""
    if tuple(permutation) == tuple(range(node.type.rank)):
        return node
    return op("transpose", node, attributes=(("permutation", tuple(permutation)),))


def reshape(node: Node, shape: Sequence[Extent]) -> Node:
    """The node itself where it has the shape already."""
    target = _extents(shape)
    return node if target == node.type.shape else op("reshape", node, attributes=(("shape", target),))


def slice_(
    node: Node, starts: Sequence[Extent], limits: Sequence[Extent], strides: Sequence[int] | None = None
) -> Node:
    """Elements `start, start + stride, ...` below `limit`; the node itself where that is all of it."""
    steps = tuple(strides) if strides is not None else (1,) * node.type.rank
    first, last = _extents(starts), _extents(limits)
    if first == (Affine(),) * node.type.rank and last == node.type.shape and set(steps) <= {1}:
        return node
    return op("slice", node, attributes=slice_attributes(first, last, steps))


def dynamic_slice(node: Node, starts: Sequence[Extent], lengths: Sequence[Extent]) -> Operation:
    """A window at starts that may move with a loop; they must be in bounds (see `dynamic_slicing`)."""
    attributes: Attributes = (("slice_sizes", _extents(lengths)), ("starts", _extents(starts)))
    return op("dynamic_slice", node, attributes=attributes)


def dynamic_update_slice(node: Node, update: Node, starts: Sequence[Extent]) -> Operation:
    """`node` with `update` written at starts that may move with a loop; they must be in bounds."""
    return op("dynamic_update_slice", node, update, attributes=(("starts", _extents(starts)),))


def pad(
    node: Node,
    value: Node,
    low: Sequence[Extent],
    high: Sequence[Extent],
    interior: Sequence[int] | None = None,
) -> Operation:
    return op("pad", node, value, attributes=pad_attributes(_extents(low), _extents(high), interior))


def concatenate(first: Node, second: Node, dimension: int) -> Operation:
    return op("concatenate", first, second, attributes=(("dimension", dimension),))


def reverse(node: Node, dimensions: Sequence[int]) -> Operation:
    return op("reverse", node, attributes=(("dimensions", tuple(dimensions)),))


def reduce(node: Node, function: str, dimensions: Sequence[int]) -> Operation:
    """Dimensions combined by a reducing function, from its identity; they go away."""
    attributes: Attributes = (("body", function), ("dimensions", tuple(dimensions)))
    return op("reduce", node, attributes=attributes)


def dot_general(
    lhs: Node, rhs: Node, contracting: Sequence[tuple[int, int]], batching: Sequence[tuple[int, int]] = ()
) -> Operation:
    """Sums of products; pairs are (lhs dimension, rhs dimension)."""
    return op("dot_general", lhs, rhs, attributes=dot_attributes(batching, contracting))


def _extents(values: Sequence[Extent]) -> tuple[Affine, ...]:
    return tuple(Affine.of(value) for value in values)
