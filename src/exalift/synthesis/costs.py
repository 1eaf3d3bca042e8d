"""What a candidate costs: work and traffic at nominal sizes, and a toll for each op.

The numbers only rank candidates of equal value. Unit: about one floating-point operation.
"""

from __future__ import annotations

from collections.abc import Mapping

from exalift.affine import Apply, Cast, Expression, Formula, Load, Reduce
from exalift.dialects import TensorType

_OP = 2000.0
_ELEMENT = 2.0


def elements(type: TensorType, nominal: Mapping[str, int]) -> int:
    """The number of elements of a type at nominal sizes."""
    count = 1
    for extent in type.at(nominal):
        count *= max(0, extent)
    return count


def op_cost(formula: Formula, operands: tuple[TensorType, ...], nominal: Mapping[str, int]) -> float:
    """The cost of one op: its scalar work, the elements that it reads and writes, the toll; positive."""
    points = 1
    for axis in formula.axes:
        points *= max(0, axis.extent.at(nominal))
    moved = points + sum(elements(operand, nominal) for operand in operands)
    return _OP + points * _work(formula.body, nominal) + _ELEMENT * moved


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
