"""Plans as LLVM IR."""

from .grid import EmittedGrid, emit_grid
from .kernel import Emitted, emit_kernel

__all__ = ["Emitted", "EmittedGrid", "emit_grid", "emit_kernel"]
