"""Iterative walks over DAGs of nodes, by identity: a node shared by many users is seen once.

`graph.postorder` compares structurally; these do not, so their cost is linear however deep a DAG is.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Node, Operation
from ..types import Attributes, TensorType


def walk(*roots: Node) -> tuple[Node, ...]:
    """Every node object once, operands before users."""
    seen: dict[int, Node] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, expanded = stack.pop()
        if id(node) in seen:
            continue
        if expanded or not isinstance(node, Operation):
            seen[id(node)] = node
        else:
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
    return tuple(seen.values())


def distinct(roots: Sequence[Node]) -> tuple[Node, ...]:
    """One node object of each meaning: as `walk`, with nodes that are equal in structure listed once."""
    numbers: dict[int, int] = {}
    operations: dict[tuple[str, tuple[int, ...], Attributes, TensorType], int] = {}
    leaves: dict[Node, int] = {}
    found: list[Node] = []
    for node in walk(*roots):
        number = len(found)
        if isinstance(node, Operation):
            operands = tuple(numbers[id(operand)] for operand in node.operands)
            number = operations.setdefault((node.name, operands, node.attributes, node.type), number)
        else:
            number = leaves.setdefault(node, number)
        numbers[id(node)] = number
        if number == len(found):
            found.append(node)
    return tuple(found)
