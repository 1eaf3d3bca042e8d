"""Contractions with loops reordered, tiled, and mapped onto an instruction."""

from .grid import GridPlan, GridSchedule
from .lanes import LanePlan, LaneSchedule
from .loops import Loops, Nest, order_loops
from .plan import Plan, Schedule

__all__ = [
    "GridPlan",
    "GridSchedule",
    "LanePlan",
    "LaneSchedule",
    "Loops",
    "Nest",
    "Plan",
    "Schedule",
    "order_loops",
]
