"""Every tensorized instruction, one file a family; see `description`."""

from . import (
    aarch64_dot,
    aarch64_matrix,
    aarch64_sme,
    aarch64_sve,
    nvidia_mma,
    nvidia_wgmma,
    x86_amx,
    x86_dot,
    x86_fma,
)
from .description import ACC, LANE, LHS, RHS, File, Fragments, Instruction, Moves, Rate, Register, llvm_type

FAMILIES = (
    x86_amx,
    x86_dot,
    x86_fma,
    aarch64_dot,
    aarch64_matrix,
    aarch64_sve,
    aarch64_sme,
    nvidia_mma,
    nvidia_wgmma,
)

INSTRUCTIONS: tuple[Instruction, ...] = tuple(
    instruction for family in FAMILIES for instruction in family.INSTRUCTIONS
)

BY_NAME = {instruction.name: instruction for instruction in INSTRUCTIONS}

__all__ = [
    "ACC",
    "BY_NAME",
    "INSTRUCTIONS",
    "LANE",
    "LHS",
    "RHS",
    "File",
    "Fragments",
    "Instruction",
    "Moves",
    "Rate",
    "Register",
    "llvm_type",
]
