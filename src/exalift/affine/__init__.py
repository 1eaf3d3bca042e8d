"""Affine programs: IR, algebras, domains, dependences, regions."""

from .abstraction import abstract_sizes
from .affine_expression import Affine, Atom, FloorDiv
from .at_sizes import at_sizes, fix_sizes, merge_sizes
from .conditions import Condition, DomainError, WeightedPoints, limited
from .constant_folding import fold_constants, fold_literals
from .domains import is_implied, renew_operations, simplify_guard, without
from .evaluate import evaluate, guard_mask
from .evaluate_regions import evaluate_regions
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
    same_literal,
)
from .functions import FUNCTIONS, Function, Kind
from .guards import ALWAYS, NEVER, Constraint, Guard
from .index_notation import Formula
from .initial_contents import initial_contents_needed
from .inputs import bind_arrays, bind_sizes
from .interpreter import interpret
from .ir import Array, Assign, If, Loop, Program, Role, Size, Statement
from .printer import print_expression, print_program
from .regions import Region, RegionProgram, RegionStep, SequentialLoop
from .size_equations import solve_sizes
from .splitting import split_in_source_order, split_into_regions
from .traversal import fold, free_symbols, loads, nodes, rewrite, substitute, with_children
from .verifier import verify_program
from .written import parameter_arrays, written_arrays

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
    "Condition",
    "Constant",
    "Constraint",
    "DomainError",
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
    "WeightedPoints",
    "abstract_sizes",
    "at_sizes",
    "bind_arrays",
    "bind_sizes",
    "children",
    "evaluate",
    "evaluate_regions",
    "fix_sizes",
    "fold",
    "fold_constants",
    "fold_literals",
    "free_symbols",
    "guard_mask",
    "initial_contents_needed",
    "interpret",
    "is_implied",
    "limited",
    "loads",
    "merge_sizes",
    "nodes",
    "parameter_arrays",
    "print_expression",
    "print_program",
    "renew_operations",
    "rewrite",
    "same_literal",
    "simplify_guard",
    "solve_sizes",
    "split_in_source_order",
    "split_into_regions",
    "substitute",
    "verify_program",
    "with_children",
    "without",
    "written_arrays",
]
