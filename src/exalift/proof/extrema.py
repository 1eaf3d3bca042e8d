"""Functions that combine any number of values: maxima, products, and the logic of bits and truths.

Maximum, minimum, `and` and `or` are idempotent, commutative and associative, so that a value is a
function of a set of values; products and `xor` are functions of values with multiplicities. Nested
ones are taken apart, an empty one is the identity, and one of a single value is that value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from exalift.affine import Condition
from exalift.base import DType

from .index_values import type_range
from .opaque import Interval, Reading, Registry, cells, without_told_axes
from .sums import Factor, Sum, Term, UndecidedError, restricted, scaled

INFINITY = Factor("%infinity")


@dataclass(frozen=True, slots=True)
class Combination:
    """How values of one type are combined: the name that the normal form has for it, and its identity."""

    name: str
    reading: Reading
    identity: Term
    negated: bool = False


def combination(function: str, dtype: DType, everywhere: Condition) -> Combination:
    """Raises UndecidedError for functions that have no such form."""

    def constant(value: int, factors: tuple[Factor, ...] = ()) -> Term:
        return Term(Fraction(value), everywhere, (), factors)

    if dtype is DType.I1:
        match function:
            case "or" | "maximum":
                return Combination("is any", Reading.SET, constant(0))
            case "and" | "minimum" | "multiply":
                return Combination("is all", Reading.SET, constant(1))
            case "xor":
                return Combination("is odd", Reading.BAG, constant(0))
            case _:
                raise UndecidedError(f"{function} over truths")
    kind = "real" if dtype.is_float else str(dtype)
    match function:
        case "multiply":
            return Combination(f"product_{kind}", Reading.BAG, constant(1))
        case "maximum" | "minimum" if dtype.is_float:
            # The least is the greatest of the negated values, negated.
            return Combination("maximum_real", Reading.SET, constant(-1, (INFINITY,)), function == "minimum")
        case "maximum":
            return Combination(f"maximum_{kind}", Reading.SET, constant(type_range(dtype)[0]))
        case "minimum":
            return Combination(f"minimum_{kind}", Reading.SET, constant(type_range(dtype)[1]))
        case "and":
            ones = -1 if dtype.is_signed else type_range(dtype)[1]
            return Combination(f"and_{kind}", Reading.SET, constant(ones))
        case "or":
            return Combination(f"or_{kind}", Reading.SET, constant(0))
        case "xor":
            return Combination(f"xor_{kind}", Reading.BAG, constant(0))
        case _:
            raise UndecidedError(f"{function} over many values")


def members(value: Sum, where: Condition, bound: tuple[str, ...], registry: Registry) -> Sum:
    """The values of a family over `bound`, one term each; `value` is given at the points of `where`."""
    found: list[Term] = []
    for cell in cells([value], where):
        here = [without_told_axes(term) for term in restricted(value, cell)]
        plain = all(not term.bound and cell.implies(term.where) for term in here)
        if not here:
            found.append(Term(Fraction(0), cell, bound))
        elif len(here) == 1 and plain:
            found.append(Term(here[0].coefficient, cell, bound, here[0].factors))
        elif plain and all(not term.factors for term in here):
            total = sum((term.coefficient for term in here), Fraction(0))
            found.append(Term(total, cell, bound))
        else:
            factor = registry.value("value", [(tuple(here),)], cell)
            found.append(Term(Fraction(1), cell, bound, (factor,)))
    return tuple(found)


def combine(
    how: Combination, values: Sum, where: Condition, registry: Registry, within: Interval | None = None
) -> Sum:
    """The combination of the values that the terms of `values` stand for, at the points of `where`."""
    taken = scaled(values, -1) if how.negated else values
    flat = _without_identity(how, _flattened(how, taken, registry))
    found: list[Term] = []
    for cell in cells([flat], where):
        here = restricted(flat, cell)
        there = [term for term in here if not term.where.is_empty]
        if how.reading is Reading.SET:
            there = _distinct(there, cell)
        if not there:
            found.append(replace(how.identity, where=cell))
            continue
        single = _single(there, cell)
        if single is not None:
            found.append(single)
            continue
        covered = there[0].where.exists(there[0].bound)
        for term in there[1:]:
            covered = covered | term.where.exists(term.bound)
        if not cell.implies(covered):
            raise UndecidedError("a combination of values of which there may be none")
        factor = registry.value(how.name, [(tuple(there),)], cell, within, how.reading)
        found.append(Term(Fraction(1), cell, (), (factor,)))
    return scaled(tuple(found), -1) if how.negated else tuple(found)


def _flattened(how: Combination, values: Sum, registry: Registry) -> Sum:
    """The values with those of nested combinations in the place of these."""
    found: list[Term] = []
    for term in values:
        inner = None
        if term.coefficient == 1 and len(term.factors) == 1 and how.reading is Reading.SET:
            inner = registry.arguments(term.factors[0], how.name)
        if inner is None:
            found.append(term)
            continue
        for part in inner[0]:
            found.append(replace(part, where=part.where & term.where, bound=part.bound + term.bound))
    return tuple(found)


def _without_identity(how: Combination, values: Sum) -> Sum:
    neutral = how.identity
    return tuple(t for t in values if (t.coefficient, t.factors) != (neutral.coefficient, neutral.factors))


def _distinct(there: list[Term], cell: Condition) -> list[Term]:
    """The values without those that are there already, at all points of the cell."""
    found: dict[tuple[Fraction, tuple[Factor, ...]], Term] = {}
    others: list[Term] = []
    for term in there:
        if term.bound or not cell.implies(term.where):
            others.append(term)
        else:
            found.setdefault((term.coefficient, term.factors), term)
    return [*found.values(), *others]


def _single(there: list[Term], cell: Condition) -> Term | None:
    """The only value, where there is one and its axes are told."""
    if len(there) != 1:
        return None
    term = without_told_axes(there[0])
    return replace(term, where=cell) if not term.bound and cell.implies(term.where) else None
