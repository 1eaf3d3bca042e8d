"""Plans as LLVM IR."""

from .kernel import Emitted, emit_kernel

__all__ = ["Emitted", "emit_kernel"]
