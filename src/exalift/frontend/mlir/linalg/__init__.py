"""Modules of `linalg` and what goes with it that somebody else wrote, as tensor programs."""

from .modules import import_linalg, linalg_functions, linalg_signature
from .spellings import with_current_names

__all__ = ["import_linalg", "linalg_functions", "linalg_signature", "with_current_names"]
