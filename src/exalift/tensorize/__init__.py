"""Tensorized instructions, described once: inspector, rewriter, tuner, emission (UNIT's steps), and a JIT."""

from .contraction import SUM, Access, Contraction, Dimension, Epilogue, Role, matrix_product
from .emission import Emitted, emit_kernel
from .instructions import INSTRUCTIONS, Instruction
from .jit import Cpu, Kernel, compile_kernel, compile_module, host_cpu
from .rewriter import Plan, Schedule
from .tuner import plan_for

__all__ = [
    "INSTRUCTIONS",
    "SUM",
    "Access",
    "Contraction",
    "Cpu",
    "Dimension",
    "Emitted",
    "Epilogue",
    "Instruction",
    "Kernel",
    "Plan",
    "Role",
    "Schedule",
    "compile_kernel",
    "compile_module",
    "emit_kernel",
    "host_cpu",
    "matrix_product",
    "plan_for",
]
