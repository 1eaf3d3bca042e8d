"""Counted loops over axes, their limits, and the lanes that count in the last vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exalift.affine import Affine
from exalift.base import DType

from .arithmetic import vector_of
from .bounds import Range
from .values import Point, Values


def spread(points: Sequence[Point], name: str, count: int, by: int) -> tuple[Point, ...]:
    return tuple({**point, name: copy * by} for point in points for copy in range(count))


def is_number(text: str) -> bool:
    """Whether LLVM text is a literal."""
    return text.lstrip("-").isdigit()


def counted(
    values: Values,
    name: str,
    start: str,
    limit: str,
    step: int,
    before: Callable[[], None] | None = None,
) -> _Counter:
    """A loop over an axis; `before` writes what runs once, before the first iteration."""
    return _Counter(values, name, start, limit, step, before)


def whole_limit(values: Values, start: str, limit: str, step: int) -> str:
    """The limit of the blocks of `step` that fit."""
    code = values.code
    if is_number(start) and is_number(limit):
        count = max(0, int(limit) - int(start)) // step
        return str(int(start) + count * step)
    length = code.value(f"sub nsw i64 {limit}, {start}")
    length = values.arithmetic.intrinsic("smax", DType.I64, 1, [length, "0"])
    rest = code.value(f"urem i64 {length}, {step}")
    whole = code.value(f"sub nsw i64 {length}, {rest}")
    return code.value(f"add nsw i64 {start}, {whole}")


class _Counter:
    """A counted loop that defines an axis, and a scope for what is computed in it."""

    def __init__(
        self,
        values: Values,
        name: str,
        start: str,
        limit: str,
        step: int,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.values, self.name = values, name
        hint = "".join(letter for letter in name if letter.isalnum())
        self.loop = values.code.loop(start, limit, step, name=hint, before=before)
        self.outer, self.scope = values.scope(), values.scope()

    def __enter__(self) -> str:
        self.outer.__enter__()
        counter = self.loop.__enter__()
        self.scope.__enter__()
        self.values.symbols[self.name] = counter
        return counter

    def __exit__(self, *raised: object) -> None:
        self.scope.__exit__(None, None, None)
        self.loop.__exit__(None, None, None)
        self.outer.__exit__(None, None, None)


def lanes_before(values: Values, counter: str, limit: str, width: int) -> str:
    """The mask of the lanes from a counter that are before the limit."""
    code, arithmetic = values.code, values.arithmetic
    # Bytes hold the number of any lane, and compare in one instruction.
    left = arithmetic.intrinsic(
        "smin", DType.I64, 1, [code.value(f"sub nsw i64 {limit}, {counter}"), str(width)]
    )
    along = arithmetic.splat(code.value(f"trunc i64 {left} to i8"), DType.I8, width)
    ramp = "<" + ", ".join(f"i8 {lane}" for lane in range(width)) + ">"
    return code.value(f"icmp slt {vector_of('i8', width)} {ramp}, {along}")


def limits(values: Values, range_: Range) -> tuple[str, str]:
    """The largest lower and the least upper bound, as i64."""
    return extreme(values, range_.lower, "smax"), extreme(values, range_.upper, "smin")


def extreme(values: Values, bounds: Sequence[Affine], function: str) -> str:
    """The largest ("smax") or least ("smin") of some bounds."""
    found = [values.index(bound, {}) for bound in bounds]
    result = found[0]
    for other in found[1:]:
        result = values.arithmetic.intrinsic(function, DType.I64, 1, [result, other])
    return result
