"""LLVM, through llvmlite: IR written as text, compiled for the processor at hand, and called."""

from .conversions import saturating
from .jit import Library, assembly, compile_text, object_code, optimised_text, ptx_text
from .target import Target, host_target, plain_target
from .text import Code, Metadata, llvm_type, memory_type
from .threads import Team, available_threads, bound_call, can_use_threads, spin_microseconds, team
from .waiting import BARRIER_BYTES, waiting_text

__all__ = [
    "BARRIER_BYTES",
    "Code",
    "Library",
    "Metadata",
    "Target",
    "Team",
    "assembly",
    "available_threads",
    "bound_call",
    "can_use_threads",
    "compile_text",
    "host_target",
    "llvm_type",
    "memory_type",
    "object_code",
    "optimised_text",
    "plain_target",
    "ptx_text",
    "saturating",
    "spin_microseconds",
    "team",
    "waiting_text",
]
