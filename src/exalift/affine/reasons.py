"""Why a loop stays, in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from .dependences import Accesses, Dataflow, Dependence, Kind, find_dataflow
from .distribution import LoopPlan
from .domains import DomainError, limited


@dataclass(slots=True)
class Reasons:
    """Describes sequential loops; the dataflow of an array is computed when first asked for."""

    accesses: Accesses
    _flows: dict[str, Dataflow | None] = field(default_factory=dict[str, "Dataflow | None"])

    def dataflow(self, array: str) -> Dataflow | None:
        """The dataflow of an array, or None where isl gives up."""
        if array not in self._flows:
            try:
                self._flows[array] = find_dataflow(self.accesses.get(array, ()))
            except DomainError:
                self._flows[array] = None
        return self._flows[array]

    def is_by_value(self, edge: Dependence) -> bool:
        """Whether a flow dependence moves a value, and not only reuses storage."""
        if edge.kind is not Kind.FLOW:
            return False
        flow = self.dataflow(edge.array)
        if flow is None:
            return True
        pairs = flow.between(edge.source, edge.sink)
        if pairs is None:
            return False
        try:
            with limited():
                return not pairs.intersect(edge.relation).is_empty()
        except DomainError:
            return True

    def describe(self, plan: LoopPlan) -> str:
        """For example "flow of `A` from line 12 to line 14, carried by `t`".

        "Partial results" are those of an accumulation that something reads on the way, "reuse" is that of
        storage alone.
        """
        flow = next((edge for edge in plan.carried if self.is_by_value(edge)), None)
        edge = flow or next(iter(plan.carried), None)
        if edge is None:
            return "its dependences are too complex to analyse"
        first, second = edge.source.assign.span.line, edge.sink.assign.span.line
        where = f"within line {first}" if first == second else f"from line {first} to line {second}"
        if flow is not None:
            return f"flow of `{edge.array}` {where}, carried by `{plan.node.iv}`"
        summed = any(leaf.accumulation and leaf.assign.array == edge.array for leaf in plan.leaves)
        what = "partial results of" if summed else "reuse of"
        return f"{what} `{edge.array}` {where}, carried by `{plan.node.iv}`"
