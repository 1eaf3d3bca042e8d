"""The analytic model of plans along the lanes: which axes and tiles, and how long each should take."""

from __future__ import annotations

from itertools import product

from ..contraction import Contraction, Role
from ..instructions import Instruction
from ..rewriter import LanePlan, LaneSchedule
from .model import Estimate, Machine, edges

_ROWS, _COLUMNS = (8, 7, 4, 2, 1), (1, 2)


def lane_plans(contraction: Contraction, instruction: Instruction, machine: Machine) -> list[LanePlan]:
    """Every plan worth a thought, the best by the model first; none where the lanes cannot be used so."""
    axes = [d.name for d in contraction.dimensions if d.role in (Role.BATCH, Role.M)]
    plans: list[LanePlan] = []
    if not instruction.lanewise or contraction.of_role(Role.N):
        return plans
    for axis, rows, columns in product(axes, _ROWS, _COLUMNS):
        try:
            plan = LanePlan(contraction, instruction, axis, LaneSchedule(rows, columns))
        except ValueError:
            continue
        if _registers(plan) <= instruction.registers:
            plans.append(plan)
    return sorted(plans, key=lambda plan: lane_estimate(plan, 1, machine).cycles)


def _registers(plan: LanePlan) -> int:
    """Sums, weights, and what is loaded: vectors that rows share, or those that are being interleaved."""
    rows, columns = plan.schedule.rows, plan.schedule.columns
    k = plan.instruction.extents[2]
    return rows * columns + columns + (2 * columns if k == 1 else 2 * k)


def lane_estimate(plan: LanePlan, threads: int, machine: Machine) -> Estimate:
    """Cycles of the longest part: products at their rate, or the loads and shuffles that make the left
    factor, whichever takes longer; the copy with margins; what is stored. Weights are taken as constant."""
    instruction, loops = plan.instruction, plan.loops
    k = instruction.extents[2]
    rate = machine.issue or instruction.rate.each_cycle
    each = max(1 / rate, k / machine.loads + (k - 1) / 4)
    cycles = 0.0
    for height, down in edges(loops.m.extent, plan.schedule.rows):
        for width, across in edges(loops.n.extent, plan.width):
            vectors = height * -(-width // instruction.extents[1])
            steps = plan.steps * max(vectors * each, instruction.rate.latency)
            cycles += down * across * (steps + 20 + 2 * vectors)
    share = -(-plan.units // threads)
    padded = loops.padded_lhs.elements * plan.contraction.lhs.dtype.bytes if loops.padded_lhs else 0
    stored = loops.m.extent * loops.n.extent * plan.contraction.out.dtype.bytes
    if loops.n.stride(loops.out) != 1:
        stored *= machine.gather
    return Estimate(
        cycles * share, padded / threads / machine.copy_bytes, stored * share / machine.copy_bytes
    )
