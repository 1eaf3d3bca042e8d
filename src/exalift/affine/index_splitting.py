"""Index-set splitting: a loop cut in two where all that it carries crosses the cut.

    for k                                  for k
      for i in [0, n)                        for i in [0, k + 1)   (carries nothing)
        A[i] = A[i] + A[k]       =>            A[i] = A[i] + A[k]
                                             for i in [k + 1, n)   (carries nothing)
                                               A[i] = A[i] + A[k]

Source: M. Griebl, P. Feautrier, C. Lengauer, "Index set splitting" (IJPP 2000), for a single cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import islpy as isl

from .affine_expression import Affine
from .dependences import Dependence, Kind
from .distribution import LoopPlan, leaf_costs, loop_plans
from .domains import DomainError, affine_text, bounds, condition_of_points, encode, limited, names_text
from .ir import Assign, If, Loop, Program, Statement
from .planning import Planned


@dataclass(frozen=True, slots=True)
class Split:
    """Cut the loop over `iv` before `point`, which the loops around and the sizes determine."""

    iv: str
    point: Affine


def find_splits(planned: Planned) -> list[Split]:
    """Cuts that leave a sequential loop nothing to carry in either part, inner loops last."""
    sizes = [size.name for size in planned.program.sizes]
    found: list[Split] = []
    for plan in loop_plans(planned.plans):
        blocking = [
            edge
            for edge in plan.carried
            if edge.level == plan.depth + 1 and not (edge.is_self and edge.kind is not Kind.FLOW)
        ]
        if not blocking:
            continue
        try:
            with limited():
                point = _cut(plan, blocking, sizes)
        except DomainError:
            continue
        if point is not None:
            found.append(Split(plan.node.iv, point))
    return found


def _cut(plan: LoopPlan, blocking: list[Dependence], sizes: list[str]) -> Affine | None:
    iv, depth = plan.node.iv, plan.depth
    given = [*sizes, *plan.leaves[0].ivs[:depth]]
    edge = blocking[0]
    first = bounds(condition_of_points(edge.relation.domain(), edge.source.ivs), iv, given)
    last = bounds(condition_of_points(edge.relation.range(), edge.sink.ivs), iv, given)
    for point in dict.fromkeys((first.upper, last.lower)):
        if all(_crosses(edge, depth, point) for edge in blocking):
            return point
    return None


def _crosses(edge: Dependence, depth: int, point: Affine) -> bool:
    """Whether every pair of a dependence has its source before the cut and its sink behind."""
    left = [f"a_{k}" for k in range(len(edge.source.ivs))]
    right = [f"b_{k}" for k in range(len(edge.sink.ivs))]
    around = edge.source.ivs[:depth]
    symbols = sorted(point.names)
    # The loops around are the same for both ends, so that the cut may be read at the source.
    equal = [f"{encode(iv)} = a_{k}" for k, iv in enumerate(around) if iv in point.names]
    cut = affine_text(point)
    rows = " and ".join([*equal, f"a_{depth} < {cut}", f"b_{depth} >= {cut}"])
    crossing = isl.Map(
        f"[{names_text(symbols)}] -> {{ {edge.source.name}[{', '.join(left)}] -> "
        f"{edge.sink.name}[{', '.join(right)}] : {rows} }}"
    )
    for iv in around:
        position = crossing.find_dim_by_name(isl.dim_type.param, encode(iv))
        if position >= 0:
            crossing = crossing.project_out(isl.dim_type.param, position, 1)
    return bool(edge.relation.is_subset(crossing))


def split(program: Program, cut: Split) -> Program:
    """The program with the loop in two; induction variables occur twice then."""

    def parts(statement: Statement) -> tuple[Statement, ...]:
        match statement:
            case Loop() if statement.iv == cut.iv:
                return (
                    replace(statement, upper=(*statement.upper, cut.point)),
                    replace(statement, lower=(*statement.lower, cut.point)),
                )
            case Loop(body=body):
                return (replace(statement, body=inside(body)),)
            case If(then=then, otherwise=otherwise):
                return (replace(statement, then=inside(then), otherwise=inside(otherwise)),)
            case Assign():
                return (statement,)

    def inside(body: Iterable[Statement]) -> tuple[Statement, ...]:
        return tuple(part for statement in body for part in parts(statement))

    return replace(program, body=inside(program.body))


def deepest(planned: Planned, ivs: set[str]) -> int:
    """The most sequential loops around one of the statements in the loops over `ivs`."""
    costs = leaf_costs(planned.plans)
    return max((costs[leaf.number] for leaf in planned.leaves if ivs & set(leaf.ivs)), default=0)
