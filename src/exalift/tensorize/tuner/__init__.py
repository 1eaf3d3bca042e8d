"""Choosing a plan: an analytic model first, measurements second."""

from .choose import MACHINE, Choice, choices, plan_for
from .model import Estimate, Machine, candidates, estimate

__all__ = ["MACHINE", "Choice", "Estimate", "Machine", "candidates", "choices", "estimate", "plan_for"]
