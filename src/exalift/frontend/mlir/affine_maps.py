"""Affine maps and integer sets applied to operands."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Constraint, Guard

from .scalars import Extremum
from .source import Unsupported
from .syntax import AffineMap, Instruction, IntegerSet


def apply_map(given: AffineMap, operands: Sequence[Extremum]) -> tuple[Extremum, ...]:
    """The results of a map: dimensions first, then symbols, as MLIR orders operands.

    Raises Unsupported for a semi-affine map (a product or quotient of two symbols).
    """
    return tuple(_evaluate(steps, given, operands) for steps in given.results)


def apply_set(given: IntegerSet, operands: Sequence[Extremum]) -> Guard:
    """The condition that a set states of the operands."""
    constraints: list[Constraint] = []
    for result, equality in zip(apply_map(given.map, operands), given.equalities, strict=True):
        if result.single is None:
            raise Unsupported("a condition on a minimum or maximum of indices is not supported")
        constraints.append(Constraint(result.single, equality))
    known = [c for c in constraints if c.expression.is_constant]
    if not Guard.of(*known).at({}):
        return Guard(())
    return Guard.of(*(c for c in constraints if not c.expression.is_constant))


def _evaluate(steps: tuple[Instruction, ...], given: AffineMap, operands: Sequence[Extremum]) -> Extremum:
    stack: list[Extremum] = []
    for kind, number in steps:
        match kind:
            case "constant":
                stack.append(Extremum.of(number))
            case "dim":
                stack.append(operands[number])
            case "symbol":
                stack.append(operands[given.dims + number])
            case _:
                right, left = stack.pop(), stack.pop()
                stack.append(_combine(kind, left, right))
    (result,) = stack
    return result


def _combine(kind: str, left: Extremum, right: Extremum) -> Extremum:
    factor = _constant(right)
    result: Extremum | None = None
    match kind:
        case "add":
            result = left.plus(right)
        case "mul":
            other = _constant(left)
            if factor is not None:
                result = left.times(factor)
            elif other is not None:
                result = right.times(other)
        case "floordiv" | "ceildiv" if factor is not None and factor > 0:
            result = left.divided(factor, up=kind == "ceildiv")
        case "mod" if factor is not None and factor > 0:
            result = left.remainder(factor)
        case _:
            pass
    if result is None:
        raise Unsupported(f"a map is not affine: '{kind}' of two values of which none is a suitable constant")
    return result


def _constant(value: Extremum) -> int | None:
    return value.single.constant if value.single is not None and value.single.is_constant else None
