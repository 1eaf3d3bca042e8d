"""Strongly connected components in an order that respects the edges."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def _reachable(start: Node, successors: Mapping[Node, set[Node]]) -> set[Node]:
    found: set[Node] = set()
    pending = [start]
    while pending:
        for node in successors[pending.pop()]:
            if node not in found:
                found.add(node)
                pending.append(node)
    return found


def components(nodes: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """The strongly connected components; edges lead forward, and where they leave a choice the
    component with the earliest node of `nodes` comes first.

    Quadratic in the number of nodes, which are statements of one loop nest.
    """
    successors: dict[Node, set[Node]] = {node: set() for node in nodes}
    for source, sink in edges:
        successors[source].add(sink)
    reach = {node: _reachable(node, successors) for node in nodes}
    member: dict[Node, int] = {}
    groups: list[list[Node]] = []
    for node in nodes:
        if node in member:
            continue
        group = [other for other in nodes if other == node or (other in reach[node] and node in reach[other])]
        member |= dict.fromkeys(group, len(groups))
        groups.append(group)
    after: list[set[int]] = [set() for _ in groups]
    waiting = [0] * len(groups)
    for node in nodes:
        for other in successors[node]:
            source, sink = member[node], member[other]
            if source != sink and sink not in after[source]:
                after[source].add(sink)
                waiting[sink] += 1
    ready = [k for k, count in enumerate(waiting) if not count]
    ordered: list[list[Node]] = []
    while ready:
        group = heappop(ready)
        ordered.append(groups[group])
        for sink in after[group]:
            waiting[sink] -= 1
            if not waiting[sink]:
                heappush(ready, sink)
    return ordered
