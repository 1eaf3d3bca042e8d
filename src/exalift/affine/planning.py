"""A program with its statements, dependences and the plan that distribution made."""

from __future__ import annotations

from dataclasses import dataclass

from .dependences import Dataflow, Dependence, all_accesses, find_dependences
from .distribution import LeafPlan, LoopPlan, Plan, Plans, distribute, leaf_costs, loop_count
from .domains import size_context
from .forwarding import is_copy
from .ir import Program
from .reasons import Reasons
from .statements import Leaf, find_leaves


@dataclass(frozen=True, slots=True)
class Planned:
    """What `plan` made."""

    program: Program
    leaves: tuple[Leaf, ...]
    dependences: tuple[Dependence, ...]
    plans: Plans
    reasons: Reasons

    def dataflow(self, array: str) -> Dataflow | None:
        """The value-based dataflow of an array, computed once; None where isl gives up."""
        return self.reasons.dataflow(array)

    @property
    def cost(self) -> tuple[int, int]:
        """Lower is better: the sequential loops around each statement that computes, and their number.

        To take a mere copy or a constant out of a loop gains nothing.
        """
        around = leaf_costs(self.plans)
        computing = [leaf.number for leaf in self.leaves if not is_copy(leaf.assign.value)]
        return sum(around[number] for number in computing), loop_count(self.plans)


def plan_in_source_order(program: Program, ordered: bool = False) -> Planned:
    """The plan in which every loop stays: right for every program, and asks nothing of isl."""
    leaves = find_leaves(program, size_context(program), ordered)
    return Planned(program, leaves, (), _in_source_order(leaves, 0), Reasons({}))


def _in_source_order(leaves: tuple[Leaf, ...], depth: int) -> Plans:
    """The recursion is over the depth of loops."""
    plans: list[Plan] = []
    children: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        key = leaf.loops[depth].number if len(leaf.loops) > depth else -1 - leaf.number
        children.setdefault(key, []).append(leaf)
    for key, group in children.items():
        if key < 0:
            plans.append(LeafPlan(group[0], frozenset(range(depth)), False))
        else:
            node = group[0].loops[depth]
            plans.append(LoopPlan(node, depth, tuple(group), (), _in_source_order(tuple(group), depth + 1)))
    return tuple(plans)


def plan(program: Program, ordered: bool = False) -> Planned:
    """Distribute a program, whose induction variables have unique names.

    Where `ordered` is set, loops that add up floating-point numbers stay.
    """
    leaves = find_leaves(program, size_context(program), ordered)
    accesses = all_accesses(leaves)
    dependences = find_dependences(accesses)
    return Planned(program, leaves, dependences, distribute(leaves, dependences), Reasons(accesses))
