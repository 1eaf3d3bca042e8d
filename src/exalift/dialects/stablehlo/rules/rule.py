"""What a rule is, and what rules look at operands with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol

from exalift.affine import Affine

from ...graph import ConstantValue, Node, Operation
from ...types import Attributes, TensorType
from ..attribute_values import integers


class Rewrites(Protocol):
    """Makes nodes that are simplified in turn; equal nodes are one object."""

    def make(self, name: str, operands: Sequence[Node], attributes: Attributes = ()) -> Node:
        """The op by its short name; VerificationError where its static check refuses it."""
        ...

    def attempt(
        self, name: str, operands: Sequence[Node], attributes: Attributes, expected: TensorType
    ) -> Node | None:
        """As `make`, but None where the check refuses or the type is not the expected one."""
        ...

    def leaf(self, node: ConstantValue) -> Node: ...


Rule = Callable[[Operation, Rewrites], Node | None]
"""A simpler node of the same meaning and type, or None."""

Rules = tuple[tuple[frozenset[str], Rule], ...]
"""Rules with the short names of the ops that they are for."""

Number = int | bool | float | Fraction


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def is_op(node: Node, name: str) -> bool:
    return isinstance(node, Operation) and node.name == f"stablehlo.{name}"


def as_op(node: Node, name: str) -> Operation | None:
    """The node, if it is that op."""
    return node if isinstance(node, Operation) and node.name == f"stablehlo.{name}" else None


def number_of(node: Node) -> Number | None:
    """The number that fills the whole tensor, where the node is a literal or the broadcast of one."""
    broadcast = as_op(node, "broadcast_in_dim")
    inner = broadcast.operands[0] if broadcast else node
    return inner.value if isinstance(inner, ConstantValue) else None


def filled(value: Number, type: TensorType, rewrites: Rewrites) -> Node:
    """A tensor full of one number."""
    scalar = rewrites.leaf(ConstantValue(value, TensorType((), type.dtype)))
    return broadcast(scalar, type.shape, (), rewrites)


def broadcast(node: Node, shape: Sequence[Affine], dimensions: Sequence[int], rewrites: Rewrites) -> Node:
    attributes: Attributes = (("broadcast_dimensions", tuple(dimensions)), ("shape", tuple(shape)))
    return rewrites.make("broadcast_in_dim", (node,), attributes)


def transposed(node: Node, permutation: Sequence[int], rewrites: Rewrites) -> Node:
    return rewrites.make("transpose", (node,), (("permutation", tuple(permutation)),))


def broadcast_dimensions(node: Operation) -> tuple[int, ...]:
    return integers(node.attributes, "broadcast_dimensions")
