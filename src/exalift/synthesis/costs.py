"""What a candidate costs: work and traffic at nominal sizes, and a toll for each op.

The numbers only rank candidates of equal value. Unit: about one floating-point operation.
"""

from __future__ import annotations

from collections.abc import Mapping

from exalift.affine import Affine, Apply, Cast, Expression, Formula, Load, Reduce, nodes
from exalift.dialects import TensorType

_MOVEMENT_TOLL = 500.0
_ELEMENTWISE_TOLL = 1000.0
_REDUCTION_TOLL = 4000.0
_MOVED = 0.25
_WRITTEN = 0.5
_MATERIALISED = 2.0


def elements(type: TensorType, nominal: Mapping[str, int]) -> int:
    """The number of elements of a type at nominal sizes."""
    count = 1
    for extent in type.at(nominal):
        count *= max(0, extent)
    return count


def op_cost(formula: Formula, operands: tuple[TensorType, ...], nominal: Mapping[str, int]) -> float:
    """The cost of one op; positive.

    Compilers fuse movements and element-wise ops into what uses them; a reduction or contraction reads
    its operands from memory and writes its result there.
    """
    points = 1
    for axis in formula.axes:
        points *= max(0, axis.extent.at(nominal))
    read = sum(elements(operand, nominal) for operand in operands)
    if isinstance(formula.body, Load):
        return _MOVEMENT_TOLL + _MOVED * min(points, read)
    work = points * _work(formula.body, nominal)
    below = nodes(formula.body)
    if any(isinstance(node, Reduce) for node in below):
        return _REDUCTION_TOLL + work + _MATERIALISED * (points + read)
    here = tuple(Affine.symbol(axis.name) for axis in formula.axes)
    in_place = all(node.indices == here for node in below if isinstance(node, Load))
    return _ELEMENTWISE_TOLL + (0 if in_place else _MOVEMENT_TOLL) + work + _WRITTEN * points


def _work(body: Expression, nominal: Mapping[str, int]) -> float:
    """Scalar operations for one point. Casts, loads and constants are free."""
    total = 0.0
    stack: list[tuple[Expression, int]] = [(body, 1)]
    while stack:
        expression, times = stack.pop()
        match expression:
            case Apply(operands=operands):
                total += times
                stack += [(operand, times) for operand in operands]
            case Cast(operand=operand):
                stack.append((operand, times))
            case Reduce(axes=axes, body=inner):
                for axis in axes:
                    times *= max(0, axis.extent.at(nominal))
                total += times
                stack.append((inner, times))
            case Load() | _:
                pass
    return total
