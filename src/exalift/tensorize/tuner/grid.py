"""The analytic model of grid plans: which schedules fit a block, and how long each should take.

A guess from the descriptions' rates: nothing of it has been measured. It orders plans by three things that
take turns in a block, since copies do not overlap products here: products (at their rate, or at their latency
where a block has too few that are independent), reads of shared memory, and copies into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from exalift.base import UsageError

from ..contraction import Contraction
from ..inspector import select
from ..instructions import INSTRUCTIONS, Instruction
from ..rewriter import GridPlan, GridSchedule
from ..rewriter.grid import REGISTERS, tile_bytes


@dataclass(frozen=True, slots=True)
class Multiprocessor:
    """What the model knows of one multiprocessor: bytes a cycle from shared memory and from the second cache,
    and blocks that it runs at once where their registers fit."""

    shared_bytes: float = 128.0
    copy_bytes: float = 32.0
    resident: int = 2


MULTIPROCESSOR = Multiprocessor()


def grid_cycles(plan: GridPlan, machine: Multiprocessor = MULTIPROCESSOR) -> float:
    """Cycles of all blocks, on one multiprocessor."""
    schedule, instruction = plan.schedule, plan.instruction
    blocks = plan.grid[0] * plan.grid[1]
    steps = plan.padded_k // instruction.extents[2]
    groups = schedule.groups_m * schedule.groups_n
    products = schedule.rows * schedule.columns * groups
    resident = min(machine.resident, REGISTERS // plan.block_registers)
    each = max(1 / instruction.rate.each_cycle, instruction.rate.latency / (products * resident))
    left, right = tile_bytes(instruction.lhs), tile_bytes(instruction.rhs)
    reads = groups * (schedule.rows * left + schedule.columns * right) / machine.shared_bytes
    copies = (plan.lhs_tiles * left + plan.rhs_tiles * right) / machine.copy_bytes
    return blocks * steps * (products * each + reads + copies)


def grid_plans(contraction: Contraction, instruction: Instruction) -> list[GridPlan]:
    """Every schedule worth a thought, the best by the model first."""
    plans: list[GridPlan] = []
    for rows, columns, down, across, steps in product(
        (1, 2, 4), (1, 2, 4, 8), (1, 2, 4), (1, 2, 4), (1, 2, 4)
    ):
        try:
            plans.append(GridPlan(contraction, instruction, GridSchedule(rows, columns, down, across, steps)))
        except ValueError:
            continue
    return sorted(plans, key=lambda plan: (grid_cycles(plan), plan.shared_bytes))


def grid_plan_for(
    contraction: Contraction,
    features: frozenset[str],
    instructions: tuple[Instruction, ...] = INSTRUCTIONS,
) -> GridPlan:
    """The best plan by the model, for a GPU with these features ("sm_80", "sm_90a", "allow-tf32"). Raises
    UsageError, with the reason of each instruction, where none computes the contraction."""
    matches, refusals = select(contraction, features, instructions)
    plans = [
        plan
        for match in matches
        if match.instruction.fragments is not None
        for plan in grid_plans(match.contraction, match.instruction)[:1]
    ]
    if not plans:
        reasons = "".join(f"\n  {refusal.instruction.name}: {refusal.reason}" for refusal in refusals)
        raise UsageError(f"no instruction of a GPU computes this contraction{reasons}")
    return min(plans, key=grid_cycles)
