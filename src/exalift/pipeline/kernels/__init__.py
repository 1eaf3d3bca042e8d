"""Lifted programs as kernels of the virtual ISA."""

from .lowering import LoopCounter, lower_program, lower_steps
from .routines import kernel_text

__all__ = ["LoopCounter", "kernel_text", "lower_program", "lower_steps"]
