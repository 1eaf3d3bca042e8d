"""Choosing a plan: an analytic model first, measurements second."""

from .choose import MACHINE, Choice, best_plan_for, choices, plan_for, planned_cycles
from .grid import Multiprocessor, grid_cycles, grid_plan_for, grid_plans
from .measure import tune
from .memory import Tuned, cache_key, cache_path, remembered_plan
from .model import Estimate, Machine, candidates, estimate

__all__ = [
    "MACHINE",
    "Choice",
    "Estimate",
    "Machine",
    "Multiprocessor",
    "Tuned",
    "best_plan_for",
    "cache_key",
    "cache_path",
    "candidates",
    "choices",
    "estimate",
    "grid_cycles",
    "grid_plan_for",
    "grid_plans",
    "plan_for",
    "planned_cycles",
    "remembered_plan",
    "tune",
]
