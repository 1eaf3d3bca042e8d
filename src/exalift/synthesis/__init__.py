"""Synthesis: regions to graphs of dialect ops, by bottom-up enumeration over a bank of values."""

from .lift_regions import LiftedRegions, LiftOptions, RegionProgress, RegionReport, lift_regions
from .statistics import Statistics

__all__ = [
    "LiftOptions",
    "LiftedRegions",
    "RegionProgress",
    "RegionReport",
    "Statistics",
    "lift_regions",
]
