"""The algebra of goals: how a goal falls into smaller ones. Splits know formulas, never ops."""

from .propose import propose
from .reductions import identity_of
from .scope import IterationRange, Scope, Split, goal_type, hints_for
from .write_back import WriteBack, write_back

__all__ = [
    "IterationRange",
    "Scope",
    "Split",
    "WriteBack",
    "goal_type",
    "hints_for",
    "identity_of",
    "propose",
    "write_back",
]
