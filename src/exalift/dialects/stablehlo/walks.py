"""Iterative walks over DAGs of nodes, by identity: a node shared by many users is seen once.

`graph.postorder` compares structurally; these do not, so their cost is linear however deep a DAG is.
"""

from __future__ import annotations

from ..graph import Node, Operation


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
