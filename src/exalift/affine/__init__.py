"""Affine programs: IR, algebras, domains, dependences, regions."""

from .affine_expression import Affine, Atom, FloorDiv
from .expressions import (
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)
from .functions import FUNCTIONS, Function, Kind
from .guards import ALWAYS, NEVER, Constraint, Guard
from .index_notation import Formula
from .ir import Array, Assign, If, Loop, Program, Role, Size, Statement
from .printer import print_expression, print_program
from .regions import Region, RegionProgram, RegionStep, SequentialLoop
from .traversal import fold, free_symbols, loads, nodes, rewrite, substitute, with_children
from .verifier import verify_program

__all__ = [
    "ALWAYS",
    "FUNCTIONS",
    "NEVER",
    "Affine",
    "Apply",
    "Array",
    "Assign",
    "Atom",
    "Axis",
    "Cast",
    "Constant",
    "Constraint",
    "Expression",
    "FloorDiv",
    "Formula",
    "Function",
    "Guard",
    "GuardValue",
    "If",
    "IndexValue",
    "Kind",
    "Load",
    "Loop",
    "Program",
    "Reduce",
    "Region",
    "RegionProgram",
    "RegionStep",
    "Role",
    "SequentialLoop",
    "Size",
    "Statement",
    "children",
    "fold",
    "free_symbols",
    "loads",
    "nodes",
    "print_expression",
    "print_program",
    "rewrite",
    "substitute",
    "verify_program",
    "with_children",
]
