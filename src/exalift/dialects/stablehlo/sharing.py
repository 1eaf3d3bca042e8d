"""Which values are computed once, into an array, where a loop uses them in every iteration."""

from __future__ import annotations

from ..graph import Node, Operation
from .walks import walk

# An op that reduces is worth keeping; anything else is computed where it is used.
_HEAVY = ("dot", "dot_general", "reduce", "reduce_window", "convolution")
_MOST_SHARED = 200


def is_costly(node: Node) -> bool:
    """Whether a value is better kept than computed again."""
    nodes = walk(node)
    return len(nodes) > _MOST_SHARED or any(
        isinstance(n, Operation) and n.name.removeprefix("stablehlo.") in _HEAVY for n in nodes
    )
