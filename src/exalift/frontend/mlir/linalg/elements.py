"""From tensors to their elements and back.

The operations of `arith` and `math` have one meaning in Exalift, on scalars (`..scalar_operations`). A tensor
is taken apart into the scalar that stands for each of its elements, the operation is applied to that, and
the outcome is said in tensor ops again:

    %y = arith.mulf %x, %i : f64       in a region over (d0, d1), %x from t[d1, d0], %i = linalg.index 0
    =>  multiply(gather(t, [%1, %0]), index(%0))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exalift.affine import (
    Affine,
    Apply,
    Cast,
    Constant,
    Expression,
    Guard,
    GuardValue,
    IndexValue,
    Load,
)
from exalift.base import DType
from exalift.dialects import IndexScalar, Node, TensorType
from exalift.dialects.stablehlo import (
    IMPORTED,
    NodeTable,
    apply_function,
    broadcast,
    build,
    convert,
    gather_attributes,
    holds_attributes,
    index_attributes,
    iota,
    literal,
    result_axes,
    splat,
)

from .. import scalars
from ..scalars import Extremum, Scalar
from ..source import Unsupported

Shape = tuple[Affine, ...]


def axes_of(shape: Sequence[Affine]) -> tuple[Affine, ...]:
    """The indices of an element of a tensor of this shape."""
    return tuple(Affine.symbol(axis.name) for axis in result_axes(shape))


@dataclass
class Elements:
    """Scalars that read nodes. A scalar loads from a name that stands for its node."""

    table: NodeTable = field(default_factory=NodeTable)
    _names: dict[int, str] = field(default_factory=dict[int, str])
    _nodes: dict[str, Node] = field(default_factory=dict[str, Node])

    def element(self, node: Node, place: Sequence[Affine]) -> Scalar:
        """The element at a place that is in bounds."""
        node = self.table.make(node)
        if isinstance(node, IndexScalar):
            return scalars.indexed(Extremum.of(node.index), node.type.dtype)
        known = literal(node)
        if known is not None:
            return scalars.number(known, node.type.dtype)
        # The node is kept, so that its id stays its own.
        name = self._names.setdefault(id(node), f"%n{len(self._names)}")
        self._nodes[name] = node
        return scalars.load(name, tuple(place), node.type.dtype)

    def settled(self, scalar: Scalar, shape: Shape) -> Scalar:
        """The scalar as the element of a node, so that it does not grow with what is made of it.

        What means something as an index or as a condition on indices keeps its meaning.
        """
        if scalar.index is not None or scalar.guard is not None:
            return scalar
        return self.element(self.node(scalar, shape), axes_of(shape))

    def node(self, scalar: Scalar, shape: Shape) -> Node:
        """The tensor whose element at `(%0, %1, ...)` the scalar is."""
        return self._node(scalar.expression, shape)

    def _node(self, expression: Expression, shape: Shape) -> Node:
        """Scalars are settled, so that expressions are a few levels deep, and this recursion short."""
        make = self.table.make
        match expression:
            case Constant(value=value, dtype=dtype):
                return make(splat(value, TensorType(shape, dtype)))
            case IndexValue(index=index, dtype=dtype):
                return make(self._index(index, shape, dtype))
            case GuardValue(guard=guard):
                return self._condition(guard, shape)
            case Load(array=array, indices=indices):
                return self.gathered(self._nodes[array], indices, shape)
            case Cast(operand=operand, dtype=dtype):
                return make(convert(self._node(operand, shape), dtype))
            case Apply(function=function, operands=operands):
                return make(apply_function(function, *(self._node(o, shape) for o in operands)))
            case _:
                raise Unsupported("a reduction inside an element")

    def gathered(self, node: Node, place: Sequence[Affine], shape: Shape) -> Node:
        """The tensor of the elements of `node` at `place`, which speaks of `(%0, %1, ...)`."""
        if not node.type.rank:
            return self.table.make(broadcast(node, shape, ()))
        if node.type.shape == shape and tuple(place) == axes_of(shape):
            return node
        return self.table.make(build(IMPORTED, "exalift.gather", (node,), gather_attributes(place, shape)))

    def _index(self, index: Affine, shape: Shape, dtype: DType) -> Node:
        axes = axes_of(shape)
        if index.is_constant:
            return splat(index.constant, TensorType(shape, dtype))
        used = [d for d, axis in enumerate(axes) if axis.names & index.names]
        if not used:
            return broadcast(IndexScalar(index, TensorType((), dtype)), shape, ())
        if len(used) == 1 and index == axes[used[0]]:
            return iota(shape, used[0], dtype)
        return build(IMPORTED, "exalift.index", (), index_attributes(index, shape, dtype))

    def _condition(self, guard: Guard, shape: Shape) -> Node:
        make = self.table.make
        if guard.is_always or not guard.disjuncts:
            return make(splat(guard.is_always, TensorType(shape, DType.I1)))
        parts = [
            make(build(IMPORTED, "exalift.holds", (), holds_attributes(rows, shape)))
            for rows in guard.disjuncts
        ]
        found: Node = parts[0]
        for part in parts[1:]:
            found = make(apply_function("or", found, part))
        return found
