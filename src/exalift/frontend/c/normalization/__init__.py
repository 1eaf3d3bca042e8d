"""Drafts brought to affine form by proof: bounds, conditions, subscripts; selects for branches on data."""

from .context import Context, Ledger, affine_of
from .inequalities import implies
from .normalize import Normalizer, Site
from .normalize_expressions import expression
from .simplify import NotAffineError, Simplifier, SplitError, divide, show

__all__ = [
    "Context",
    "Ledger",
    "Normalizer",
    "NotAffineError",
    "Simplifier",
    "Site",
    "SplitError",
    "affine_of",
    "divide",
    "expression",
    "implies",
    "show",
]
