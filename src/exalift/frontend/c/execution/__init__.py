"""Symbolic execution of one function: tree in, drafts of loops and assignments out.

One file for each thing that C does: statements, loops (`induction`, `domains`), pointers, calls,
initialisers.
"""

from . import variables
from .execution import Execution, Frame
from .indices import maybe_extents

__all__ = ["Execution", "Frame", "maybe_extents", "variables"]
