"""LLVM behind one door: what the CPU can do, compiling modules, calling kernels on arrays."""

from .cpu import Cpu, host_cpu
from .engine import Library, compile_module, emit_object
from .kernels import Kernel, compile_kernel

__all__ = ["Cpu", "Kernel", "Library", "compile_kernel", "compile_module", "emit_object", "host_cpu"]
