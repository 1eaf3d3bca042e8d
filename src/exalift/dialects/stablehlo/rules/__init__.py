"""Rewrites of single ops that keep their meaning, in groups; `ALL_RULES` is what `simplify` applies.

Every rule keeps the type, and is right for NaN and infinities. The sign of a zero may change where 0 is
added or subtracted, and sums may be combined in another order, which StableHLO leaves open too.
"""

from .clamping import CLAMPING_RULES
from .contraction import CONTRACTION_RULES
from .elementwise import ELEMENTWISE_RULES
from .layout import LAYOUT_RULES
from .parts import PART_RULES
from .rule import Rewrites, Rule, Rules

ALL_RULES: Rules = (*ELEMENTWISE_RULES, *CLAMPING_RULES, *LAYOUT_RULES, *PART_RULES, *CONTRACTION_RULES)

__all__ = ["ALL_RULES", "Rewrites", "Rule", "Rules"]
