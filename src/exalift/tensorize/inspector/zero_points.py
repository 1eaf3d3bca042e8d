"""Zero points of a product's factors, read and multiplied out.

sum k. (l + a) (r + b)    =>    sum k. l r + b sum k. l + a sum k. r + count a b
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exalift.affine import Apply, Constant, Expression


@dataclass(frozen=True, slots=True)
class ZeroPoint:
    """What is added to a factor and does not move with the sum: a number, and an expression (data)."""

    number: int = 0
    added: Expression | None = None

    @property
    def is_none(self) -> bool:
        return not self.number and self.added is None


def without_zero_point(
    factor: Expression, moves: Callable[[Expression], bool]
) -> tuple[Expression, ZeroPoint]:
    """`x` and what is added to it, of an integer factor `x + a` or `x - a`; any other factor as it is.

    `moves` tells whether an expression moves with the sum: `x` does, `a` does not.
    """
    none = factor, ZeroPoint()
    if not isinstance(factor, Apply) or factor.function not in ("add", "subtract"):
        return none
    inner, other = factor.operands
    if factor.function == "add" and not moves(inner):
        inner, other = other, inner
    if not factor.dtype.is_integer or moves(other) or not moves(inner):
        return none
    adds = factor.function == "add"
    if isinstance(other, Constant):
        return inner, ZeroPoint(int(other.value) if adds else -int(other.value))
    negated = Apply("subtract", (Constant(0, factor.dtype), other), factor.dtype)
    return inner, ZeroPoint(0, other if adds else negated)


def with_zero_points(
    sums: tuple[Expression, Expression, Expression], left: ZeroPoint, right: ZeroPoint, count: int
) -> Expression:
    """`sum k. (l + a) (r + b)` of the sums of `l r`, `l` and `r`: the first, plus b times the second, a times
    the third, and `count * a * b`; exact where integers wrap. A number that is added to the left factor is
    in the first sum already (`Contraction.lhs_shift`)."""
    total, rows, columns = sums
    dtype = total.dtype
    ours, theirs = left.added, right.added
    if right.number:
        theirs = Constant(right.number, dtype)

    def times(*factors: Expression) -> Expression:
        product = factors[0]
        for factor in factors[1:]:
            product = Apply("multiply", (product, factor), dtype)
        return product

    terms: list[Expression] = []
    if theirs is not None:
        terms.append(times(theirs, rows))
        if left.number:
            terms.append(times(theirs, Constant(left.number * count, dtype)))
    if ours is not None:
        terms.append(times(ours, columns))
    if ours is not None and theirs is not None:
        terms.append(times(ours, theirs, Constant(count, dtype)))
    for term in terms:
        total = Apply("add", (total, term), dtype)
    return total
