"""The nodes of a module that is being read: equal ones are one object, and what does nothing goes away.

Identity then is equality, so that DAGs may be deep and share much without a comparison walking them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from exalift.affine import fold_literals
from exalift.affine.algebra import Machine
from exalift.base import DType

from ..graph import ConstantValue, Node, Operation
from ..types import Attributes, TensorType
from .build import Number, splat
from .tables import number

_MACHINE = Machine()

_Key = tuple[str, tuple[int, ...], Attributes, TensorType]


@dataclass
class NodeTable:
    """All nodes made so far."""

    _made: dict[_Key, Operation] = field(default_factory=dict[_Key, Operation])
    _leaves: dict[Node, Node] = field(default_factory=dict[Node, Node])

    def make(self, node: Node) -> Node:
        """The node, once for all equal ones; its operands are of this table, or leaves.

        Conversions and broadcasts to the type that is there, selections with a known condition, and
        floating-point arithmetic on literals are what they give.
        """
        if not isinstance(node, Operation):
            return self.kept(node)
        if _does_nothing(node):
            return node.operands[0]
        if node.name == "stablehlo.select":
            chosen = literal(node.operands[0])
            if chosen is not None:
                return node.operands[1 if chosen else 2]
        known = self._interned(node)
        return self._folded(known) if known.type.dtype.is_float else known

    def kept(self, node: Node) -> Node:
        """The node as it is, once for all equal ones."""
        return self._interned(node) if isinstance(node, Operation) else self._leaves.setdefault(node, node)

    def _folded(self, node: Operation) -> Node:
        """Arithmetic on literals, done and rounded as it is where the module runs."""
        literals = [literal(operand) for operand in node.operands]
        found = [value for value in literals if value is not None]
        function = node.name.removeprefix("stablehlo.")
        if not found or len(found) != len(literals):
            return node
        folded = fold_literals(function, found, node.type.dtype)
        return node if folded is None else self.kept(splat(folded, node.type))

    def _interned(self, node: Operation) -> Operation:
        operands = tuple(
            o if isinstance(o, Operation) else self._leaves.setdefault(o, o) for o in node.operands
        )
        key = (node.name, tuple(id(operand) for operand in operands), node.attributes, node.type)
        if key not in self._made:
            # The table keeps the operands alive, so that their ids stay theirs.
            self._made[key] = Operation(node.name, operands, node.attributes, node.type)
        return self._made[key]


def literal(node: Node) -> Number | None:
    """A number that is the same at every element; None where there is none."""
    if isinstance(node, Operation) and node.name == "stablehlo.broadcast_in_dim":
        (node,) = node.operands
    return node.value if isinstance(node, ConstantValue) else None


def identity(function: str, dtype: DType) -> Number:
    """What a reducing function starts from."""
    return number(_MACHINE.identity(function, dtype)[()], dtype)


def is_identity(node: Node, function: str) -> bool:
    """Whether every element is what the function starts from."""
    value, dtype = literal(node), node.type.dtype
    if value is None:
        return False
    return bool(_MACHINE.identity(function, dtype)[()] == _MACHINE.constant(value, dtype)[()])


def _does_nothing(node: Operation) -> bool:
    """Whether an op gives its operand back: conversions and broadcasts to the type that is there."""
    if node.name == "stablehlo.broadcast_in_dim":
        identity = tuple(range(node.type.rank))
        return (
            node.operands[0].type == node.type and dict(node.attributes)["broadcast_dimensions"] == identity
        )
    return node.name == "stablehlo.convert" and node.operands[0].type == node.type
