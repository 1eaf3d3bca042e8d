"""Loop distribution: which loops of which statements stay sequential, and in what order.

    for i                         for t (sequential)            for t (sequential)
      for t                =>       region over i: S1      or     ...
        S1; S2                      region over i: S2

At every loop the statements fall into strongly connected components of the dependences that are not
yet satisfied. A component for which the loop carries nothing has it as a parallel axis, which moves
inward; otherwise the loop stays. A carried dependence may also be *deferred*: the loop becomes an
axis all the same, and something further in (the order of components, an inner sequential loop, or a
region's reading everything before it writes) must satisfy it. Of the ways that work, the one with
the least nesting of sequential loops is taken.

Source: R. Allen and K. Kennedy, "Automatic translation of Fortran programs to vector form" (TOPLAS
1987), procedure `codegen`; deferring extends it by interchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import islpy as isl

from .dependences import Dependence, Kind
from .domains import DomainError, limited
from .graphs import components
from .statements import Leaf, LoopNode


@dataclass(frozen=True, slots=True, eq=False)
class LeafPlan:
    """A statement that becomes a region over all its loops but those at the depths `sequential`.

    `last` says that several points write one element and only the last one of each counts.
    """

    leaf: Leaf
    sequential: frozenset[int]
    last: bool


@dataclass(frozen=True, slots=True, eq=False)
class LoopPlan:
    """A loop, at depth `depth` (from 0) of its statements, that stays sequential for `leaves`."""

    node: LoopNode
    depth: int
    leaves: tuple[Leaf, ...]
    carried: tuple[Dependence, ...]
    body: tuple[Plan, ...]


Plan: TypeAlias = LeafPlan | LoopPlan
Plans: TypeAlias = tuple[Plan, ...]
_Edges: TypeAlias = tuple[Dependence, ...]


def nesting(plans: Iterable[Plan]) -> int:
    """The deepest nesting of sequential loops."""
    return max((1 + nesting(plan.body) for plan in plans if isinstance(plan, LoopPlan)), default=0)


def loop_count(plans: Iterable[Plan]) -> int:
    return sum(1 + loop_count(plan.body) for plan in plans if isinstance(plan, LoopPlan))


def leaf_costs(plans: Iterable[Plan], around: int = 0) -> dict[int, int]:
    """The number of sequential loops around every statement."""
    found: dict[int, int] = {}
    for plan in plans:
        match plan:
            case LeafPlan(leaf):
                found[leaf.number] = around
            case LoopPlan(body=body):
                found |= leaf_costs(body, around + 1)
    return found


def loop_plans(plans: Iterable[Plan]) -> list[LoopPlan]:
    """Every sequential loop, outer ones first."""
    found: list[LoopPlan] = []
    for plan in plans:
        if isinstance(plan, LoopPlan):
            found += [plan, *loop_plans(plan.body)]
    return found


def _leaves(plans: Iterable[Plan]) -> tuple[Leaf, ...]:
    found: list[Leaf] = []
    for plan in plans:
        found += plan.leaves if isinstance(plan, LoopPlan) else [plan.leaf]
    return tuple(found)


def _starts_accumulation(first: Plans, leaves: Iterable[Leaf]) -> bool:
    match first:
        case (LeafPlan(leaf),) if leaf.accumulation is None:
            return any(k.accumulation and k.assign.array == leaf.assign.array for k in leaves)
        case _:
            return False


def distribute(leaves: Sequence[Leaf], dependences: Iterable[Dependence]) -> Plans:
    """A legal order of all statements with as little nesting of sequential loops as this search finds."""
    plans = _Distribution(tuple(dependences)).body(tuple(leaves), 0, frozenset(), ())
    assert plans is not None, "the source order itself is always legal"
    return plans


def _inside(edges: Iterable[Dependence], leaves: Sequence[Leaf]) -> _Edges:
    numbers = {leaf.number for leaf in leaves}
    return tuple(e for e in edges if e.source.number in numbers and e.sink.number in numbers)


def _compared(edge: Dependence, depth: int, comparison: str) -> isl.Map:
    """The part of a dependence in which the indices of the loop at `depth` compare as stated."""
    left = ", ".join(f"a_{k}" for k in range(len(edge.source.ivs)))
    right = ", ".join(f"b_{k}" for k in range(len(edge.sink.ivs)))
    order = isl.Map(
        f"{{ {edge.source.name}[{left}] -> {edge.sink.name}[{right}] : a_{depth} {comparison} b_{depth} }}"
    )
    return edge.relation.intersect(order)


def _after_sequential(edges: _Edges, depth: int) -> _Edges | None:
    """What is left of deferred dependences inside a sequential loop; None where it breaks one."""
    left: list[Dependence] = []
    try:
        with limited():
            for edge in edges:
                if not _compared(edge, depth, ">").is_empty():
                    return None
                same = _compared(edge, depth, "=")
                if not same.is_empty():
                    kept = Dependence(edge.source, edge.sink, edge.array, edge.kind, edge.level, same)
                    left.append(kept)
    except DomainError:
        return None
    return tuple(left)


@dataclass(frozen=True, slots=True)
class _Distribution:
    """The recursion is over the depth of loops; None means that the deferred dependences cannot hold."""

    dependences: _Edges

    def body(
        self, leaves: tuple[Leaf, ...], depth: int, sequential: frozenset[int], deferred: _Edges
    ) -> Plans | None:
        """Statements that share their loops down to `depth`: one child after the other."""
        children: dict[int, list[Leaf]] = {}
        for leaf in leaves:
            key = leaf.loops[depth].number if len(leaf.loops) > depth else -1 - leaf.number
            children.setdefault(key, []).append(leaf)
        child_of = {leaf.number: key for key, group in children.items() for leaf in group}
        edges = [e for e in _inside(self.dependences, leaves) if not e.level] + list(deferred)
        pairs = [(child_of[e.source.number], child_of[e.sink.number]) for e in edges]
        order = components(list(children), [(a, b) for a, b in pairs if a != b])
        plans: list[Plan] = []
        for keys in order:
            if len(keys) > 1:
                return None
            group = tuple(children[keys[0]])
            within = _inside(deferred, group)
            if keys[0] < 0:
                made = self.leaf(group[0], sequential, within)
            else:
                made = self.loop(group[0].loops[depth], group, depth, sequential, within)
            if made is None:
                return None
            plans += made
        return tuple(plans)

    def leaf(self, leaf: Leaf, sequential: frozenset[int], deferred: _Edges) -> Plans | None:
        """A region reads everything before it writes, so anti-dependences hold in it by themselves."""
        kinds = {edge.kind for edge in deferred}
        if Kind.FLOW in kinds:
            return None
        return (LeafPlan(leaf, sequential, Kind.OUTPUT in kinds),)

    def loop(
        self,
        node: LoopNode,
        leaves: tuple[Leaf, ...],
        depth: int,
        sequential: frozenset[int],
        deferred: _Edges,
    ) -> Plans | None:
        open_edges = [e for e in _inside(self.dependences, leaves) if not e.level or e.level > depth]
        open_edges += deferred
        numbers = [leaf.number for leaf in leaves]
        named = {leaf.number: leaf for leaf in leaves}
        groups = components(numbers, [(e.source.number, e.sink.number) for e in open_edges])
        made: list[Plans] = []
        for group in groups:
            members = tuple(named[number] for number in group)
            within = _inside(deferred, members)
            plans = self.component(node, members, depth, sequential, within)
            if plans is None:
                return None
            while made:
                fused = self.fused(node, depth, sequential, deferred, made[-1], plans)
                if fused is None:
                    break
                made.pop()
                plans = fused
            made.append(plans)
        return tuple(plan for plans in made for plan in plans)

    def fused(
        self,
        node: LoopNode,
        depth: int,
        sequential: frozenset[int],
        deferred: _Edges,
        first: Plans,
        second: Plans,
    ) -> Plans | None:
        """One plan for two components in a row that keep a common loop, or of which the first one only
        starts an accumulation of the second; None where together they need more."""
        kept = {plan.node.number for plan in second if isinstance(plan, LoopPlan)}
        shared = any(isinstance(plan, LoopPlan) and plan.node.number in kept for plan in first)
        if not shared and not (node.number in kept and _starts_accumulation(first, _leaves(second))):
            return None
        leaves = tuple(sorted(_leaves(first) + _leaves(second), key=lambda leaf: leaf.number))
        plans = self.component(node, leaves, depth, sequential, _inside(deferred, leaves))
        if plans is None or nesting(plans) > max(nesting(first), nesting(second)):
            return None
        return plans if loop_count(plans) < loop_count(first) + loop_count(second) + (not shared) else None

    def component(
        self,
        node: LoopNode,
        leaves: tuple[Leaf, ...],
        depth: int,
        sequential: frozenset[int],
        deferred: _Edges,
    ) -> Plans | None:
        carried = tuple(e for e in _inside(self.dependences, leaves) if e.level == depth + 1)
        by_region = all(e.is_self and e.kind is not Kind.FLOW for e in carried)
        if by_region:
            plans = self.body(leaves, depth + 1, sequential, deferred + carried)
            if plans is not None:
                return plans
            return self.sequential(node, leaves, depth, sequential, deferred)
        plans = self.sequential(node, leaves, depth, sequential, deferred)
        if plans is not None and nesting(plans) <= 1:
            return plans
        other = self.body(leaves, depth + 1, sequential, deferred + carried)
        if plans is None or (other is not None and nesting(other) < nesting(plans)):
            return other
        return plans

    def sequential(
        self,
        node: LoopNode,
        leaves: tuple[Leaf, ...],
        depth: int,
        sequential: frozenset[int],
        deferred: _Edges,
    ) -> Plans | None:
        left = _after_sequential(deferred, depth)
        if left is None:
            return None
        body = self.body(leaves, depth + 1, sequential | {depth}, left)
        if body is None:
            return None
        carried = tuple(e for e in _inside(self.dependences, leaves) if e.level == depth + 1) or deferred
        return (LoopPlan(node, depth, leaves, carried, body),)
