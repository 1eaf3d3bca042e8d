"""Plans as LLVM IR."""

from .expressions import lacks_emission
from .grid import EmittedGrid, emit_grid
from .kernel import emit_kernel
from .module import Emitted

__all__ = ["Emitted", "EmittedGrid", "emit_grid", "emit_kernel", "lacks_emission"]
