"""Is an instruction inside an operation? Arithmetic and access isomorphism, with reasons."""

from .arithmetic import Binding, Mismatch, match_arithmetic
from .check import check_reading
from .inspect import Inspection, Way, inspect_formula, inspect_region
from .proved import prove_reading
from .read import ONES, Reading, Target, read_contraction
from .select import Match, Refusal, fit, select

__all__ = [
    "ONES",
    "Binding",
    "Inspection",
    "Match",
    "Mismatch",
    "Reading",
    "Refusal",
    "Target",
    "Way",
    "check_reading",
    "fit",
    "inspect_formula",
    "inspect_region",
    "match_arithmetic",
    "prove_reading",
    "read_contraction",
    "select",
]
