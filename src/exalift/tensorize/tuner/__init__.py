"""Choosing a plan: an analytic model first, measurements second."""

from .choose import MACHINE, Choice, choices, plan_for
from .measure import Tuned, cache_key, cache_path, tune
from .model import Estimate, Machine, candidates, estimate

__all__ = [
    "MACHINE",
    "Choice",
    "Estimate",
    "Machine",
    "Tuned",
    "cache_key",
    "cache_path",
    "candidates",
    "choices",
    "estimate",
    "plan_for",
    "tune",
]
