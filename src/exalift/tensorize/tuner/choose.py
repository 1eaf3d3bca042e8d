"""From a contraction to a plan: what fits, and the best of it."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.base import UsageError

from ..contraction import Contraction
from ..inspector import Inspection, Way, select
from ..instructions import INSTRUCTIONS, Instruction
from ..rewriter import LanePlan, Plan
from .lanes import lane_estimate, lane_plans
from .model import Estimate, Machine, candidates, estimate

MACHINE = Machine()


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan for one way of computing an operation, and what the model says of it."""

    way: Way
    plan: Plan | LanePlan
    estimate: Estimate

    @property
    def efficiency(self) -> float:
        """The share of the time in which the instruction's unit is busy, by the model, on one core."""
        instruction = self.plan.instruction
        rate = MACHINE.issue or instruction.rate.each_cycle
        ideal = self.plan.contraction.operations / instruction.operations / rate
        return ideal / self.estimate.cycles


def choices(inspection: Inspection, threads: int = 1) -> list[Choice]:
    """The best plan of every way that an inspection found, the fastest first, by the model."""
    found: list[Choice] = []
    for way in inspection.ways:
        contraction, instruction = way.reading.contraction, way.instruction
        plans = candidates(contraction, instruction, threads, MACHINE)[:1]
        for plan in (*plans, *lane_plans(contraction, instruction, MACHINE)[:1]):
            found.append(Choice(way, plan, planned_estimate(plan, threads)))
    return sorted(found, key=lambda choice: choice.estimate.cycles)


def plan_for(
    contraction: Contraction,
    features: frozenset[str],
    threads: int = 1,
    instructions: tuple[Instruction, ...] = INSTRUCTIONS,
) -> Plan:
    """The best plan by the analytic model: deterministic, nothing is measured.

    `features` are those of the CPU (`jit.host_cpu().features`). Raises UsageError, with the reason of each
    instruction, where none computes the contraction.
    """
    matches, refusals = select(contraction, features, instructions)
    plans = [
        plan
        for match in matches
        for plan in candidates(match.contraction, match.instruction, threads, MACHINE)
    ]
    if not plans:
        reasons = "".join(f"\n  {refusal.instruction.name}: {refusal.reason}" for refusal in refusals)
        raise UsageError(f"no instruction computes this contraction{reasons}")
    return min(plans, key=lambda plan: estimate(plan, threads, MACHINE).cycles)


def best_plan_for(
    contraction: Contraction,
    features: frozenset[str],
    threads: int = 1,
    instructions: tuple[Instruction, ...] = INSTRUCTIONS,
) -> Plan | LanePlan:
    """As `plan_for`, with plans along the lanes among those to choose from."""
    matches, _ = select(contraction, features, instructions)
    along = [p for m in matches for p in lane_plans(m.contraction, m.instruction, MACHINE)[:1]]
    try:
        plans = [plan_for(contraction, features, threads, instructions), *along]
    except UsageError:
        if not along:
            raise
        plans = along
    return min(plans, key=lambda plan: planned_cycles(plan, threads))


def planned_estimate(plan: Plan | LanePlan, threads: int = 1) -> Estimate:
    """Where the model says that a plan's time goes. A plan along the lanes takes its weights to be packed."""
    if isinstance(plan, LanePlan):
        return lane_estimate(plan, threads, MACHINE)
    return estimate(plan, threads, MACHINE)


def planned_cycles(plan: Plan | LanePlan, threads: int = 1) -> float:
    """What the model says that a plan takes, in cycles of one core; both operands are packed every time."""
    return planned_estimate(plan, threads).cycles
