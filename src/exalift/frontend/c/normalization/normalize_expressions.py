"""Expressions with subscripts and conditions proved affine; what is not affine stays exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from exalift.affine import Affine, Constant, GuardValue, IndexValue
from exalift.base import DType, Span

from ..reading import refusal
from ..terms import (
    Access,
    Atom,
    Both,
    Choice,
    Comparison,
    Condition,
    Converted,
    Draft,
    Either,
    Fetch,
    Floor,
    Integer,
    Known,
    Monomial,
    Negation,
    Operation,
    Poly,
    Quotient,
    Test,
    TooComplexError,
    Trips,
    Truth,
    Wrapped,
    fetches,
    wrap,
)
from . import idioms
from .context import Context
from .simplify import Ask, NotAffineError, SplitError

if TYPE_CHECKING:
    from .normalize import Normalizer


def expression(normalizer: Normalizer, draft: Draft, context: Context, span: Span) -> Draft:
    """The expression, normalised. Raises Refusal where a subscript is not affine."""
    match draft:
        case Constant() | IndexValue() | GuardValue():
            return draft
        case Integer(value, dtype):
            return integer(normalizer, value, dtype, context, span)
        case Truth(condition):
            return truth(normalizer, condition, context, span)
        case Fetch(access, dtype):
            return _fetch(normalizer, access, dtype, context)
        case Converted(operand, dtype):
            return converted(expression(normalizer, operand, context, span), dtype)
        case Operation("select", (condition, then, otherwise)):
            test = expression(normalizer, condition, context, span)
            if isinstance(test, Constant):
                return expression(normalizer, then if test.value else otherwise, context, span)
            first = expression(normalizer, then, implied(test, context), span)
            second = expression(normalizer, otherwise, refuted(normalizer, test, context), span)
            return idioms.select(test, first, second, normalizer.assumptions)
        case Operation(function, operands, dtype):
            done = tuple(expression(normalizer, operand, context, span) for operand in operands)
            return Operation(function, done, dtype)
        case _:
            assert_never(draft)


def converted(operand: Draft, dtype: DType) -> Draft:
    """A conversion; index values are given in the type asked for where that is the same number, and what
    was widened from it is what it was."""
    if operand.dtype is dtype:
        return operand
    if (
        isinstance(operand, Converted)
        and operand.operand.dtype is dtype
        and idioms.widens(dtype, operand.dtype)
    ):
        return operand.operand
    if isinstance(operand, IndexValue) and operand.dtype.is_integer:
        own = operand.dtype
        same = own.is_signed and own.bits >= 32 and (dtype.is_float or dtype.bits >= own.bits)
        if same or (dtype.is_integer and dtype.bits <= own.bits):
            return IndexValue(operand.index, dtype)
    return Converted(operand, dtype)


def implied(test: Draft, context: Context) -> Context:
    """What a condition that holds says of indices."""
    match test:
        case GuardValue(guard):
            return context.assume_guard(guard)
        case Operation("and", (left, right)):
            return implied(right, implied(left, context))
        case Operation("select", (left, right, Constant(False))):
            return implied(right, implied(left, context))
        case _:
            return context


def refuted(normalizer: Normalizer, test: Draft, context: Context) -> Context:
    """What a condition that does not hold says of indices."""
    match test:
        case GuardValue(guard):
            return normalizer.sides(guard, context)[1]
        case Operation("or", (left, right)):
            return refuted(normalizer, right, refuted(normalizer, left, context))
        case Operation("select", (left, Constant(True), right)):
            return refuted(normalizer, right, refuted(normalizer, left, context))
        case _:
            return context


def _fetch(normalizer: Normalizer, access: Access, dtype: DType, context: Context) -> Draft:
    try:
        return Fetch(normalizer.access(access, context, False), dtype)
    except SplitError as split:

        def arm(inside: Context) -> Draft:
            return _fetch(normalizer, access, dtype, inside)

        return _cases(normalizer, split.condition, context, access.span, arm)


def _cases(
    normalizer: Normalizer,
    condition: Condition,
    context: Context,
    span: Span,
    arm: Callable[[Context], Draft],
) -> Draft:
    """A select between the two cases of a condition on indices."""
    normalizer.count(span)
    guard = normalizer.guard(condition, context)
    if guard is None:
        raise refusal(
            span,
            "which element this is depends on a condition that is not affine",
            "compare counters and sizes in the condition, or choose between elements instead of subscripts",
        )
    inside, outside = normalizer.sides(guard, context)
    decided = normalizer.simplifier.decide
    if decided(condition, inside) is not True or decided(condition, outside) is not False:
        raise refusal(
            span, "too many conditions decide which element this is", "write them as `if` statements"
        )
    then, otherwise = arm(inside), arm(outside)
    return idioms.select(GuardValue(guard), then, otherwise, normalizer.assumptions)


# Conditions as data.


def truth(normalizer: Normalizer, condition: Condition, context: Context, span: Span) -> Draft:
    """A condition as an i1."""
    guard = normalizer.guard(condition, context)
    if guard is not None:
        if guard.is_always or not guard.disjuncts:
            return Constant(guard.is_always, DType.I1)
        return GuardValue(guard)
    match condition:
        case Known(value):
            return Constant(value, DType.I1)
        case Comparison(relation, left, right, dtype):
            sides = tuple(integer(normalizer, side, dtype, context, span) for side in (left, right))
            return Operation(f"compare_{relation}", sides, DType.I1)
        case Test(inner):
            return expression(normalizer, inner, context, span)
        case Negation(Test(inner)):
            return idioms.negation(expression(normalizer, inner, context, span))
        case Both(left, right):
            first = truth(normalizer, left, context, span)
            second = truth(normalizer, right, implied(first, context), span)
            return _joined(first, second, conjunction=True)
        case Either(left, right):
            first = truth(normalizer, left, context, span)
            second = truth(normalizer, right, refuted(normalizer, first, context), span)
            return _joined(first, second, conjunction=False)
        case _:
            assert_never(condition)


def _joined(first: Draft, second: Draft, conjunction: bool) -> Draft:
    """`first && second` or `first || second`. The second is not looked at when the first decides, which
    matters where the first says that an element exists."""
    if isinstance(first, Constant):
        return second if first.value == conjunction else first
    if isinstance(second, Constant) and second.value == conjunction:
        return first
    if isinstance(first, GuardValue) and isinstance(second, GuardValue):
        guard = first.guard & second.guard if conjunction else first.guard | second.guard
        return GuardValue(guard)
    if _guards(first) and any(True for _ in fetches(second)):
        arms = (second, Constant(False, DType.I1)) if conjunction else (Constant(True, DType.I1), second)
        return Operation("select", (first, *arms), DType.I1)
    return Operation("and" if conjunction else "or", (first, second), DType.I1)


def _guards(test: Draft) -> bool:
    match test:
        case GuardValue():
            return True
        case Operation("and" | "or" | "select" | "not", operands):
            return any(_guards(operand) for operand in operands)
        case _:
            return False


# Followed integers as data.


def integer(normalizer: Normalizer, value: Poly, dtype: DType, context: Context, span: Span) -> Draft:
    """A followed integer as data of an integer type: an index value, or exact arithmetic on some."""
    try:
        poly = normalizer.simplifier.resolved(value)
    except TooComplexError:
        raise refusal(span, "an integer expression that is too large") from None
    try:
        affine = normalizer.simplifier.affine(poly, context, ask=Ask.NOTHING)
        if affine.is_constant:
            return Constant(wrap(affine.constant, dtype), dtype)
        return IndexValue(affine, dtype)
    except NotAffineError:
        return _composed(normalizer, poly, dtype, context, span)
    except SplitError as split:
        condition = split.condition

        def arm(inside: Context) -> Draft:
            return integer(normalizer, value, dtype, inside, span)

        if normalizer.guard(condition, context) is None:
            return _by_test(normalizer, poly, condition, dtype, context, span)
        return _cases(normalizer, condition, context, span, arm)
    except TooComplexError:
        raise refusal(span, "an integer expression that is too large") from None


def _by_test(
    normalizer: Normalizer, poly: Poly, condition: Condition, dtype: DType, context: Context, span: Span
) -> Draft:
    """A choice by a condition that is not affine, such as `i * j < n`."""
    test = truth(normalizer, condition, context, span)
    arms = [_with_choice(poly, condition, which) for which in (True, False)]
    then, otherwise = (integer(normalizer, arm, dtype, context, span) for arm in arms)
    return idioms.select(test, then, otherwise, normalizer.assumptions)


def _with_choice(poly: Poly, condition: Condition, which: bool) -> Poly:
    def change(atom: Atom) -> Poly:
        match atom:
            case Choice(found, then, otherwise) if found == condition:
                return _with_choice(then if which else otherwise, condition, which)
            case Choice(found, then, otherwise):
                return Poly.atom(
                    Choice(
                        found, _with_choice(then, condition, which), _with_choice(otherwise, condition, which)
                    )
                )
            case Floor(numerator, denominator):
                return Poly.atom(Floor(_with_choice(numerator, condition, which), denominator))
            case Quotient(numerator, denominator, dtype):
                above = _with_choice(numerator, condition, which)
                return Poly.atom(Quotient(above, _with_choice(denominator, condition, which), dtype))
            case Wrapped(operand, dtype):
                return Poly.atom(Wrapped(_with_choice(operand, condition, which), dtype))
            case Trips(operand):
                return Poly.atom(Trips(_with_choice(operand, condition, which)))
            case _:
                return Poly.atom(atom)

    return poly.map_atoms(change)


def _composed(normalizer: Normalizer, poly: Poly, dtype: DType, context: Context, span: Span) -> Draft:
    """A polynomial as a sum of products; remainders are found again."""
    for atom in poly.atoms:
        if not isinstance(atom, Quotient):
            continue
        taken = _remainder_part(poly, atom)
        if taken is None:
            continue
        factor, rest = taken
        sides = tuple(
            integer(normalizer, side, atom.dtype, context, span)
            for side in (atom.numerator, atom.denominator)
        )
        remainder = converted(Operation("remainder", sides, atom.dtype), dtype)
        return _sum(_times(remainder, factor), rest, normalizer, context, span)
    total: Draft | None = None
    plain: list[tuple[Monomial, int]] = []
    for monomial, coefficient in poly.terms:
        if len(monomial) <= 1 and all(isinstance(atom, str) for atom in monomial):
            plain.append((monomial, coefficient))
            continue
        factors = [_atom(normalizer, atom, dtype, context, span) for atom in monomial]
        product = factors[0]
        for factor in factors[1:]:
            product = Operation("multiply", (product, factor), dtype)
        product = _times(product, coefficient)
        total = product if total is None else Operation("add", (total, product), dtype)
    assert total is not None
    return _sum(total, Poly.collect(plain), normalizer, context, span)


def _remainder_part(poly: Poly, atom: Quotient) -> tuple[int, Poly] | None:
    """`poly = factor * (n % d) + rest`, the quotient n / d not in the rest."""
    remainder = atom.numerator - atom.denominator * Poly.atom(atom)
    lead, unit = next(((m, c) for m, c in (-remainder).terms if atom in m), ((), 0))
    found = next((c for m, c in poly.terms if m == lead), 0)
    if not unit or not found or found % unit:
        return None
    factor = -found // unit
    rest = poly - remainder * factor
    return None if atom in rest.atoms else (factor, rest)


def _times(value: Draft, factor: int) -> Draft:
    if factor == 1:
        return value
    if factor == -1:
        return Operation("negate", (value,), value.dtype)
    return Operation("multiply", (value, Constant(wrap(factor, value.dtype), value.dtype)), value.dtype)


def _sum(value: Draft, rest: Poly, normalizer: Normalizer, context: Context, span: Span) -> Draft:
    if not rest.terms:
        return value
    other = integer(normalizer, rest, value.dtype, context, span)
    return Operation("add", (value, other), value.dtype)


def _atom(normalizer: Normalizer, atom: Atom, dtype: DType, context: Context, span: Span) -> Draft:
    match atom:
        case str():
            return IndexValue(Affine.symbol(atom), dtype)
        case Quotient(numerator, denominator, own):
            try:
                simple = normalizer.simplifier.affine(Poly.atom(atom), context, ask=Ask.NOTHING)
                return IndexValue(simple, dtype)
            except (NotAffineError, SplitError):
                pass
            sides = tuple(integer(normalizer, side, own, context, span) for side in (numerator, denominator))
            return converted(Operation("divide", sides, own), dtype)
        case Wrapped(operand, own):
            return converted_exactly(integer(normalizer, operand, own, context, span), dtype)
        case Floor(numerator, denominator) if denominator & (denominator - 1) == 0:
            whole = integer(normalizer, numerator, DType.I64, context, span)
            amount = Constant(denominator.bit_length() - 1, DType.I64)
            return converted(Operation("shift_right_arithmetic", (whole, amount), DType.I64), dtype)
        case Trips(operand):
            count = integer(normalizer, operand, DType.I64, context, span)
            zero = Constant(0, DType.I64)
            return converted(Operation("maximum", (count, zero), DType.I64), dtype)
        case Choice(condition):
            return _by_test(normalizer, Poly.atom(atom), condition, dtype, context, span)
        case _:
            raise refusal(span, "this integer expression is not supported", "compute it in a loop")


def converted_exactly(operand: Draft, dtype: DType) -> Draft:
    """A conversion that is kept, because the operand wraps in its own type."""
    if isinstance(operand, Constant) and isinstance(operand.value, int):
        return Constant(wrap(operand.value, dtype), dtype)
    return operand if operand.dtype is dtype else Converted(operand, dtype)
