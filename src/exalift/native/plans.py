"""Plans of tensorized kernels: as they were tuned for this processor, where they were, else by the model."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.llvm import Target
from exalift.tensorize import Contraction, Plan, plan_for, planned_cycles, remembered_plan


@dataclass(frozen=True, slots=True)
class Planner:
    """`features` are what kernels may use, `threads` the team's; what was measured on `target` is looked up
    (None: nothing is)."""

    features: frozenset[str]
    threads: int
    target: Target | None = None

    def plan(self, contraction: Contraction) -> tuple[Plan, float]:
        """A plan, and the cycles that the model gives the contraction, by which ways are compared. Measures
        nothing. Raises UsageError where no instruction fits."""
        modelled = plan_for(contraction, self.features, self.threads)
        cycles = planned_cycles(modelled, self.threads)
        tuned = None
        if self.target is not None:
            tuned = remembered_plan(contraction, self.features, self.threads, self.target)
        return tuned or modelled, cycles
