"""Bounds of floating-point expressions: where an integer type holds them, conversions need no care."""

from __future__ import annotations

import math
from collections.abc import Callable

from exalift.affine import Apply, Cast, Constant, Expression, fold
from exalift.base import DType

Range = tuple[float, float]

_SLACK = 2.0**-7
"""More than any type rounds by, relative to the number."""

_LARGEST = {DType.F16: 6e4, DType.BF16: 3e38, DType.F32: 3e38, DType.F64: 1e308}


def float_range(root: Expression) -> Range | None:
    """Bounds of a value, somewhat wide; None where it may be infinite or NaN, or is not known."""
    return fold(root, _bounds)


def _bounds(node: Expression, below: tuple[Range | None, ...]) -> Range | None:
    match node:
        case Constant(value, dtype):
            number = float(value)
            return _rounded((number, number), dtype) if math.isfinite(number) else None
        case Cast(operand, dtype):
            if operand.dtype.is_float and not dtype.is_float:
                return _whole(dtype)
            return _rounded(below[0], dtype) if dtype.is_float else _whole(dtype)
        case Apply(function, operands, dtype) if dtype.is_float:
            known = [found for found in below[-2:] if found is not None]
            if len(known) != min(2, len(operands)):
                return None
            return _rounded(_applied(function, known), dtype)
        case _:
            return None if node.dtype.is_float else _whole(node.dtype)


def _whole(dtype: DType) -> Range:
    """All of an integer type."""
    least, greatest = dtype.limits
    return float(least), float(greatest)


def _rounded(found: Range | None, dtype: DType) -> Range | None:
    """Bounds after rounding to a type; None where that may overflow."""
    if found is None or not dtype.is_float:
        return found
    low, high = found[0] - abs(found[0]) * _SLACK, found[1] + abs(found[1]) * _SLACK
    return (low, high) if max(-low, high) < _LARGEST[dtype] else None


def _applied(function: str, ranges: list[Range]) -> Range | None:
    first, last = ranges[0], ranges[-1]
    combined: dict[str, Callable[[], Range]] = {
        "add": lambda: (first[0] + last[0], first[1] + last[1]),
        "subtract": lambda: (first[0] - last[1], first[1] - last[0]),
        "negate": lambda: (-first[1], -first[0]),
        "multiply": lambda: _ends([one * other for one in first for other in last]),
        "maximum": lambda: (max(first[0], last[0]), max(first[1], last[1])),
        "minimum": lambda: (min(first[0], last[0]), min(first[1], last[1])),
        "select": lambda: (min(first[0], last[0]), max(first[1], last[1])),
        "abs": lambda: (0.0, max(-first[0], first[1])),
    }
    if function in ("floor", "ceil", "round_nearest_even", "round_nearest_afz"):
        return first[0] - 1.0, first[1] + 1.0
    return combined[function]() if function in combined else None


def _ends(products: list[float]) -> Range:
    return min(products), max(products)
