"""Tensorized instructions, described once: inspector, rewriter, tuner, emission (UNIT's steps)."""

from .calling import Kernel, compile_kernel, usable_features
from .contraction import OUT, SUM, Access, Contraction, Dimension, Epilogue, Role, matrix_product
from .emission import Emitted, EmittedGrid, emit_grid, emit_kernel
from .inspector import (
    ONES,
    Inspection,
    Reading,
    Refusal,
    Target,
    check_reading,
    inspect_formula,
    inspect_region,
    prove_reading,
    read_contraction,
)
from .instructions import INSTRUCTIONS, Instruction
from .nibbles import Nibbles
from .rewriter import GridPlan, GridSchedule, LanePlan, LaneSchedule, Loops, Plan, Schedule
from .tuner import (
    Choice,
    best_plan_for,
    choices,
    grid_cycles,
    grid_plan_for,
    grid_plans,
    plan_for,
    planned_cycles,
)

__all__ = [
    "INSTRUCTIONS",
    "ONES",
    "OUT",
    "SUM",
    "Access",
    "Choice",
    "Contraction",
    "Dimension",
    "Emitted",
    "EmittedGrid",
    "Epilogue",
    "GridPlan",
    "GridSchedule",
    "Inspection",
    "Instruction",
    "Kernel",
    "LanePlan",
    "LaneSchedule",
    "Loops",
    "Nibbles",
    "Plan",
    "Reading",
    "Refusal",
    "Role",
    "Schedule",
    "Target",
    "best_plan_for",
    "check_reading",
    "choices",
    "compile_kernel",
    "emit_grid",
    "emit_kernel",
    "grid_cycles",
    "grid_plan_for",
    "grid_plans",
    "inspect_formula",
    "inspect_region",
    "matrix_product",
    "plan_for",
    "planned_cycles",
    "prove_reading",
    "read_contraction",
    "usable_features",
]
