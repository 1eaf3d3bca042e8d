"""From a contraction to a plan: what fits, and the best of it."""

from __future__ import annotations

from exalift.base import UsageError

from ..contraction import Contraction
from ..inspector import select
from ..instructions import INSTRUCTIONS, Instruction
from ..rewriter import Plan
from .model import Machine, candidates, estimate

MACHINE = Machine()


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
        plan for match in matches for plan in candidates(contraction, match.instruction, threads, MACHINE)
    ]
    if not plans:
        reasons = "".join(f"\n  {refusal.instruction.name}: {refusal.reason}" for refusal in refusals)
        raise UsageError(f"no instruction computes this contraction{reasons}")
    return min(plans, key=lambda plan: estimate(plan, threads, MACHINE).cycles)
