"""What values an integer expression may have, from its operations: codes of four bits fit a byte.

(i32(w[j]) & 15) - 8    =>    -8 to 7
"""

from __future__ import annotations

from exalift.affine import Apply, Cast, Constant, Expression

from .terms import postorder

Range = tuple[int, int]


def value_range(root: Expression) -> Range:
    """Bounds of an integer expression's value, both included. Operations that may wrap have their type's."""
    found: dict[int, Range] = {}
    for term in postorder(root):
        if term.dtype.is_float:
            continue
        whole = term.dtype.limits
        match term:
            case Constant(value=value):
                found[id(term)] = int(value), int(value)
            case Cast(operand) if not operand.dtype.is_float:
                found[id(term)] = _inside(found[id(operand)], whole)
            case Apply(function, operands) if not any(one.dtype.is_float for one in operands):
                ranges = [found[id(one)] for one in operands]
                found[id(term)] = _inside(_applied(function, ranges) or whole, whole)
            case _:
                found[id(term)] = whole
    return found[id(root)]


def _inside(found: Range, whole: Range) -> Range:
    return found if whole[0] <= found[0] and found[1] <= whole[1] else whole


def _applied(function: str, ranges: list[Range]) -> Range | None:
    """Bounds of what a function gives before it wraps; None for one that is not known here."""
    lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
    match function:
        case "add":
            return sum(lows), sum(highs)
        case "subtract":
            return lows[0] - highs[1], highs[0] - lows[1]
        case "multiply":
            ends = [one * other for one in ranges[0] for other in ranges[1]]
            return min(ends), max(ends)
        case "negate":
            return -highs[0], -lows[0]
        case "maximum":
            return max(lows), max(highs)
        case "minimum":
            return min(lows), min(highs)
        case "select":
            return min(lows[1:]), max(highs[1:])
        case "and":
            # Bits that one operand has not are not in the result either.
            return (0, min(high for low, high in ranges if low >= 0)) if max(lows) >= 0 else None
        case "shift_right_arithmetic" if lows[1] == highs[1] and lows[1] >= 0:
            return lows[0] >> lows[1], highs[0] >> lows[1]
        case "shift_right_arithmetic" | "shift_right_logical" if lows[0] >= 0:
            return 0, highs[0]
        case _:
            return None
