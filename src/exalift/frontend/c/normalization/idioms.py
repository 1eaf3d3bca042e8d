"""Selects that are minimum, maximum or absolute value."""

from __future__ import annotations

from fractions import Fraction

from exalift.affine import Constant
from exalift.base import DType

from ..terms import NO_NAN, Converted, Draft, Operation, rounded

_FLIPPED = {
    "compare_lt": "compare_gt",
    "compare_le": "compare_ge",
    "compare_gt": "compare_lt",
    "compare_ge": "compare_le",
}


def negation(condition: Draft) -> Draft:
    """Not a condition. Comparisons of floating point are not turned round: NaN makes all of them false."""
    if isinstance(condition, Constant):
        return Constant(not condition.value, DType.I1)
    if isinstance(condition, Operation):
        if condition.function == "not":
            return condition.operands[0]
        inverse = {"compare_eq": "compare_ne", "compare_ne": "compare_eq"}
        if not condition.operands[0].dtype.is_float:
            inverse |= {"compare_lt": "compare_ge", "compare_ge": "compare_lt"}
            inverse |= {"compare_gt": "compare_le", "compare_le": "compare_gt"}
        if condition.function in inverse:
            return Operation(inverse[condition.function], condition.operands, DType.I1)
    return Operation("not", (condition,), DType.I1)


def select(condition: Draft, then: Draft, otherwise: Draft, assumptions: dict[str, None]) -> Draft:
    """`condition ? then : otherwise`, in the simplest form that means the same."""
    if isinstance(condition, Constant):
        return then if condition.value else otherwise
    if isinstance(condition, Operation) and condition.function == "not":
        condition, then, otherwise = condition.operands[0], otherwise, then
    if then == otherwise:
        return then
    # Both arms were converted alike: convert what is chosen. (Not from i1, which has no minimum.)
    if (
        isinstance(then, Converted)
        and isinstance(otherwise, Converted)
        and then.operand.dtype is otherwise.operand.dtype
        and then.operand.dtype is not DType.I1
    ):
        chosen = select(condition, then.operand, otherwise.operand, assumptions)
        return Converted(chosen, then.dtype)
    extremum = _extremum(condition, then, otherwise)
    if extremum is not None:
        if then.dtype.is_float:
            assumptions[NO_NAN] = None
        return extremum
    return Operation("select", (condition, then, otherwise), then.dtype)


def _extremum(condition: Draft, then: Draft, otherwise: Draft) -> Draft | None:
    if not isinstance(condition, Operation) or condition.function not in _FLIPPED or then.dtype is DType.I1:
        return None
    function = condition.function
    left, right = (_narrowed(operand, then.dtype) for operand in condition.operands)
    if left is None or right is None:
        return None
    if (left, right) == (otherwise, then):
        function, left, right = _FLIPPED[function], right, left
    if (left, right) == (then, otherwise):
        smaller = function in ("compare_lt", "compare_le")
        return Operation("minimum" if smaller else "maximum", (then, otherwise), then.dtype)
    return _absolute(function, left, right, then, otherwise)


def _absolute(function: str, left: Draft, right: Draft, then: Draft, otherwise: Draft) -> Draft | None:
    """`x < 0 ? -x : x`."""
    if not (isinstance(right, Constant) and not right.value and then.dtype in _SIGNED):
        return None
    negative, positive = (then, otherwise) if function in ("compare_lt", "compare_le") else (otherwise, then)
    if positive == left and negative == Operation("negate", (left,), left.dtype):
        return Operation("abs", (left,), left.dtype)
    return None


_SIGNED = {DType.I8, DType.I16, DType.I32, DType.I64, DType.F32, DType.F64}


def _narrowed(operand: Draft, dtype: DType) -> Draft | None:
    """The operand of a comparison, as it is in the type of the arms; None where it cannot be.

    Comparing after a widening conversion gives what comparing before it gives.
    """
    if operand.dtype is dtype:
        return operand
    if isinstance(operand, Converted) and operand.operand.dtype is dtype and widens(dtype, operand.dtype):
        return operand.operand
    if isinstance(operand, Constant) and widens(dtype, operand.dtype):
        value = operand.value
        if dtype.is_float:
            if rounded(value, dtype) == value:
                return Constant(Fraction(value) if not isinstance(value, float) else value, dtype)
        elif isinstance(value, int) and not operand.dtype.is_float:
            low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
            if low <= value < low + (1 << dtype.bits):
                return Constant(value, dtype)
    return None


def widens(narrow: DType, wide: DType) -> bool:
    """Whether every value of one type is kept, and their order too, by conversion to the other."""
    if narrow is DType.I1:
        return False
    if narrow.is_float:
        return wide.is_float and wide.bits >= narrow.bits
    if wide.is_float:
        return narrow.bits <= (24 if wide is DType.F32 else 53) - 1
    if narrow.is_signed:
        return wide.is_signed and wide.bits > narrow.bits
    return wide.bits > narrow.bits
