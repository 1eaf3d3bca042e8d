"""Plans as LLVM IR."""

from .grid import EmittedGrid, emit_grid
from .kernel import emit_kernel
from .module import Emitted

__all__ = ["Emitted", "EmittedGrid", "emit_grid", "emit_kernel"]
