"""Is an instruction inside an operation? Arithmetic and access isomorphism, with reasons."""

from .arithmetic import Binding, Mismatch, match_arithmetic
from .check import check_reading
from .epilogues import Target, Unfit, epilogue_of
from .inspect import Inspection, Way, inspect_formula, inspect_region
from .proved import prove_reading
from .read import ONES, Reading, read_contraction
from .select import Match, Refusal, fit, select
from .zero_points import ZeroPoint, with_zero_points, without_zero_point

__all__ = [
    "ONES",
    "Binding",
    "Inspection",
    "Match",
    "Mismatch",
    "Reading",
    "Refusal",
    "Target",
    "Unfit",
    "Way",
    "ZeroPoint",
    "check_reading",
    "epilogue_of",
    "fit",
    "inspect_formula",
    "inspect_region",
    "match_arithmetic",
    "prove_reading",
    "read_contraction",
    "select",
    "with_zero_points",
    "without_zero_point",
]
