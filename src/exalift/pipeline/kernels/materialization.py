"""Which values of a DAG get a buffer of their own, and which are computed where they are used.

A value that costs something (a reduction, a division, a function) is kept in a buffer where computing it
at every use would compute some of its elements more than once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from exalift.affine import FUNCTIONS, Apply, Expression, Formula, Kind, Load, Reduce
from exalift.affine.expressions import children
from exalift.base import UsageError
from exalift.dialects import Dialect, Node, Operation, postorder

_COSTLY = frozenset({"divide", "remainder"})


@dataclass(slots=True)
class Formulas:
    """The formulas of a program's ops, each asked for once."""

    dialect: Dialect
    sizes: Mapping[str, int]
    known: dict[Operation, Formula] = field(default_factory=dict[Operation, Formula])

    def of(self, node: Operation) -> Formula:
        """Raises UsageError for an op that the dialect does not define, or without a formula."""
        if node not in self.known:
            definition = self.dialect.by_name.get(node.name)
            if definition is None or definition.formula is None:
                raise UsageError(f"{node.name} has no formula, so that no kernel can be made of it")
            types = [operand.type for operand in node.operands]
            self.known[node] = definition.formula(types, node.attributes, node.type)
        return self.known[node]

    def points(self, node: Node) -> int:
        """The number of elements."""
        return prod(max(0, extent) for extent in node.type.at(self.sizes))


def is_costly(formula: Formula) -> bool:
    """Whether an element costs more than a few simple operations."""
    pending: list[Expression] = [formula.body]
    while pending:
        here = pending.pop()
        if isinstance(here, Reduce):
            return True
        if isinstance(here, Apply) and (
            FUNCTIONS[here.function].kind is Kind.TRANSCENDENTAL or here.function in _COSTLY
        ):
            return True
        pending += children(here)
    return False


def loads_with_reductions(formula: Formula, sizes: Mapping[str, int]) -> dict[int, int]:
    """For each operand, by position, how often one element of the result reads it."""
    found: dict[int, int] = {}
    pending: list[tuple[Expression, int]] = [(formula.body, 1)]
    while pending:
        here, times = pending.pop()
        match here:
            case Load(array=array):
                found[int(array)] = found.get(int(array), 0) + times
            case Reduce(axes=axes, body=body):
                pending.append((body, times * prod(max(0, axis.extent.at(sizes)) for axis in axes)))
            case _:
                pending += [(child, times) for child in children(here)]
    return found


def choose_buffers(root: Node, root_points: int, formulas: Formulas) -> tuple[Operation, ...]:
    """The nodes below the root that get a buffer, operands before users.

    `root_points`: how many elements of the root are computed.
    """
    order = postorder(root)
    times: dict[Node, int] = {root: root_points}
    costly: dict[Node, bool] = {}
    for node in order:
        if isinstance(node, Operation):
            below = any(costly.get(operand, False) for operand in node.operands)
            costly[node] = below or is_costly(formulas.of(node))
    chosen: dict[Operation, None] = {}
    for node in reversed(order):
        if not isinstance(node, Operation):
            continue
        here = times.get(node, 0)
        if node is not root and costly[node] and here > formulas.points(node):
            chosen[node] = None
            here = formulas.points(node)
        for position, count in loads_with_reductions(formulas.of(node), formulas.sizes).items():
            operand = node.operands[position]
            times[operand] = times.get(operand, 0) + here * count
    return tuple(node for node in order if isinstance(node, Operation) and node in chosen)
