"""Is an instruction inside an operation? Arithmetic and access isomorphism, with reasons."""

from .arithmetic import Binding, Mismatch, match_arithmetic
from .select import Match, Refusal, select

__all__ = ["Binding", "Match", "Mismatch", "Refusal", "match_arithmetic", "select"]
