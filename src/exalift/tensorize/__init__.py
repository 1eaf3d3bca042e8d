"""Tensorized instructions, described once: inspector, rewriter, tuner, emission (UNIT's steps)."""

from .calling import Kernel, compile_kernel, usable_features
from .contraction import SUM, Access, Contraction, Dimension, Epilogue, Role, matrix_product
from .emission import Emitted, emit_kernel
from .instructions import INSTRUCTIONS, Instruction
from .rewriter import Plan, Schedule
from .tuner import plan_for

__all__ = [
    "INSTRUCTIONS",
    "SUM",
    "Access",
    "Contraction",
    "Dimension",
    "Emitted",
    "Epilogue",
    "Instruction",
    "Kernel",
    "Plan",
    "Role",
    "Schedule",
    "compile_kernel",
    "emit_kernel",
    "matrix_product",
    "plan_for",
    "usable_features",
]
