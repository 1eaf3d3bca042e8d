"""Values kept within ends: `x < 0 ? 0 : min(x, 6)` and `min(6, max(x, 0))` are `max(0, min(x, 6))`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from exalift.affine import Condition
from exalift.base import DType

from .extrema import combination
from .index_values import type_range
from .opaque import Registry
from .sums import Sum, Work, difference_is_zero, scaled

Order = tuple[Sum, Sum, Sum, Sum]
"""`low < high ? end : other`. At a tie either choice may be taken."""


def integer_orders(low: Sum, high: Sum, yes: Sum, no: Sum) -> Iterator[Order]:
    """`low < high ? yes : no`, and the same the other way round."""
    yield low, high, yes, no
    yield high, low, no, yes


def real_orders(distance: Sum, yes: Sum, no: Sum) -> Iterator[Order]:
    """`distance > 0 ? yes : no`, where the number that is chosen may be either end of the distance."""
    back = scaled(distance, -1)
    yield yes + back, yes, yes, no
    yield yes, yes + distance, yes, no
    yield no + distance, no, no, yes
    yield no, no + back, no, yes


def clamped(order: Order, of: DType, where: Condition, registry: Registry, work: Work) -> str | None:
    """`maximum` or `minimum`, where the choice is that of its two alternatives at all points of `where`.

    `low < high ? high : min(low, c, ...)` is the larger of the two if every `c` is at least `high`, a number:
    below `high` the minimum is too, and from there on it is not below. The other way round for the smaller.
    """
    low, high, end, other = order
    limit = _number(end, of, where)
    if limit is None:
        return None
    for function, inner, edge, value in (
        ("maximum", "minimum", high, low),
        ("minimum", "maximum", low, high),
    ):
        if not difference_is_zero(end, edge, where, work):
            continue
        kept = _kept(other, inner, of, where, registry)
        if kept is None:
            continue
        numbers, rest = kept
        beyond = all(n >= limit if function == "maximum" else n <= limit for n in numbers)
        if numbers and beyond and difference_is_zero(rest, value, where, work):
            return function
    return None


def raised(
    values: tuple[Sum, ...], of: DType, where: Condition, registry: Registry
) -> tuple[Fraction, Fraction, Sum] | None:
    """`low`, `high` and `x`, where the minimum of the values is `max(low, min(high, x))`.

    The values are `high` and the maximum of `x` and numbers, which may be larger than `high`.
    """
    if len(values) != 2:
        return None
    for end, other in (values, values[::-1]):
        high, kept = _number(end, of, where), _kept(other, "maximum", of, where, registry)
        if high is not None and kept is not None and kept[0]:
            return min(high, max(kept[0])), high, kept[1]
    return None


def _number(value: Sum, of: DType, where: Condition) -> Fraction | None:
    """The number of the type that a value is at all points of `where`."""
    if any(term.bound or term.factors or not where.implies(term.where) for term in value):
        return None
    total = sum((term.coefficient for term in value), Fraction(0))
    return total if _is_of(total, of) else None


def _is_of(number: Fraction, of: DType) -> bool:
    """Whether a number compares as it does in the type: integers of a ring may be written in several ways."""
    if of.is_float:
        return True
    least, greatest = type_range(of)
    return least <= number <= greatest


def _kept(
    value: Sum, function: str, of: DType, where: Condition, registry: Registry
) -> tuple[list[Fraction], Sum] | None:
    """The numbers and the one other value of which `value` is the extremum."""
    how = combination(function, of, where)
    sign = -1 if how.negated else 1
    if len(value) != 1 or value[0].bound or value[0].coefficient != sign or len(value[0].factors) != 1:
        return None
    found = registry.arguments(value[0].factors[0], how.name)
    if found is None or not where.implies(value[0].where):
        return None
    members = scaled(found[0], sign)
    if any(term.bound or not where.implies(term.where) for term in members):
        return None
    numbers = [term.coefficient for term in members if not term.factors]
    others = [term for term in members if term.factors]
    if len(others) != 1 or not all(_is_of(number, of) for number in numbers):
        return None
    # A sum of several terms is a member under a name of its own.
    whole = registry.arguments(others[0].factors[0], "value") if len(others[0].factors) == 1 else None
    return numbers, (others[0],) if whole is None else scaled(whole[0], others[0].coefficient)
