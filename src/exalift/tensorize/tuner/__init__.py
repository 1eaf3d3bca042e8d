"""Choosing a plan: an analytic model first, measurements second."""

from .choose import MACHINE, plan_for
from .model import Estimate, Machine, candidates, estimate

__all__ = ["MACHINE", "Estimate", "Machine", "candidates", "estimate", "plan_for"]
