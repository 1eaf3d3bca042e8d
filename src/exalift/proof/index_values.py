"""Values that are affine expressions of indices: what integer functions do with them, case by case.

Integers are elements of a ring, the integers modulo 2^n; only a value that is known to fit its type is
also a number that can be compared, divided or made wider. Known are values of signed types of 32 bits or
more that are affine in indices, where they fit as long as every size and index is below `REACH`; and others
whose least and greatest value are seen to fit.
"""

from __future__ import annotations

from exalift.affine import Affine, Condition, Constraint, Guard
from exalift.base import DType

from .opaque import Interval, Registry, cells
from .sums import INDEX, TRUTH, Factor, Sum, Term, index_number

Pieces = list[tuple[Condition, Affine]]
"""A value that is an affine expression on each of some conditions, which do not overlap."""

REACH = 1 << 24
"""Sizes and indices are assumed to be below this where a program calculates with them in a fixed width."""


def index_pieces(value: Sum, dtype: DType, where: Condition) -> Pieces | None:
    """The value as exact integers, case by case; None where it is not one or may not fit its type."""
    if not dtype.is_integer or not all(is_index(term) for term in value):
        return None
    found: Pieces = []
    for cell in cells([value], where):
        total = Affine()
        for term in value:
            if cell.implies(term.where):
                part = term.factors[0].indices[0] if term.factors else Affine.of(1)
                total = total + part * int(term.coefficient)
            elif not (cell & term.where).is_empty:
                return None
        if not _fits(total, dtype, cell):
            return None
        found.append((cell, total))
    return found


def _fits(value: Affine, dtype: DType, where: Condition) -> bool:
    if value.is_constant:
        low, high = type_range(dtype)
        return low <= value.constant <= high
    if dtype.bits < 32 or not _surely_fits(value, type_range(dtype)[1]):
        return False
    return dtype.is_signed or where.implies(Condition.of(Guard.of(Constraint(value))))


def _surely_fits(value: Affine, most: int) -> bool:
    """Whether the value is at most `most` if symbols are below `REACH`, or is not calculated with."""
    if value == Affine(value.terms) and len(value.terms) == 1 and value.terms[0][1] == 1:
        return True
    return _largest(value) <= most


def _largest(value: Affine) -> int:
    """More than the absolute value, if symbols are below `REACH`."""
    # Numerators nest as deep as divisions were written, and are few.
    parts = (
        abs(c) * (REACH if isinstance(atom, str) else _largest(atom.numerator) // atom.denominator + 1)
        for atom, c in value.terms
    )
    return abs(value.constant) + sum(parts)


def is_index(term: Term) -> bool:
    """Whether a term is an integer multiple of one index or of 1."""
    return (
        not term.bound
        and len(term.factors) <= 1
        and all(f.name == INDEX and f.power == 1 for f in term.factors)
        and term.coefficient.denominator == 1
    )


def combined(first: Pieces, second: Pieces) -> list[tuple[Condition, Affine, Affine]]:
    """The cases of two values together."""
    found = [(a & b, x, y) for a, x in first for b, y in second]
    return [(where, x, y) for where, x, y in found if not where.is_empty]


def of_pieces(pieces: Pieces) -> Sum:
    return tuple(term for where, value in pieces for term in index_number(value, where))


def by_sign(pieces: Pieces) -> list[tuple[Condition, Affine, bool]]:
    """The cases with those of negative values apart; the flag is set for these."""
    found: list[tuple[Condition, Affine, bool]] = []
    for where, value in pieces:
        not_negative = where & Condition.of(Guard.of(Constraint(value)))
        negative = where - not_negative
        found += [(w, value, s) for w, s in ((not_negative, False), (negative, True)) if not w.is_empty]
    return found


def constant_of(pieces: Pieces) -> int | None:
    """The value, where it is one number in all cases."""
    values = {value for _, value in pieces}
    return values.pop().constant if len(values) == 1 and all(v.is_constant for v in values) else None


def quotient(pieces: Pieces, divisor: int) -> Pieces:
    """Division by a positive number, rounding towards 0."""
    return [(w, -((-v) // divisor) if negative else v // divisor) for w, v, negative in by_sign(pieces)]


def extremum(first: Pieces, second: Pieces, largest: bool) -> Pieces:
    found: Pieces = []
    for where, x, y in combined(first, second):
        first_holds = where & Condition.of(Guard.of(Constraint(x - y if largest else y - x)))
        second_holds = where - first_holds
        found += [(w, v) for w, v in ((first_holds, x), (second_holds, y)) if not w.is_empty]
    return found


def type_range(dtype: DType) -> Interval:
    """The least and the greatest value of an integer type."""
    if dtype.is_signed:
        return -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
    return 0, (1 << dtype.bits) - 1


def interval(value: Sum, dtype: DType, registry: Registry) -> Interval | None:
    """Numbers between which the exact integer value lies; None where it may not fit its type.

    They hold whichever of the terms are there, so at all points.
    """
    low = high = 0
    for term in value:
        ranges = [_factor_range(factor, registry) for factor in term.factors]
        known = [r for r in ranges if r is not None]
        if term.bound or len(known) < len(ranges) or term.coefficient.denominator != 1:
            return None
        ends = [int(term.coefficient)]
        for one in known:
            ends = [a * b for a in ends for b in one]
        low, high = low + min(0, *ends), high + max(0, *ends)
    least, greatest = type_range(dtype)
    return (low, high) if least <= low and high <= greatest else None


def _factor_range(factor: Factor, registry: Registry) -> Interval | None:
    if factor.name.startswith(TRUTH) and factor.power == 1:
        return 0, 1
    return registry.within(factor)
