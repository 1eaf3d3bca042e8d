"""Lifted programs as kernels of the virtual ISA."""

from .lowering import LoopCounter, lower_program, lower_steps

__all__ = ["LoopCounter", "lower_program", "lower_steps"]
