"""Polynomials and conditions brought to affine form at a place, by proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from exalift.affine import ALWAYS, NEVER, Affine, Constraint, Guard
from exalift.base import DType

from ..terms import (
    Atom,
    Both,
    Choice,
    Comparison,
    Condition,
    Either,
    Floor,
    Known,
    Negation,
    Poly,
    Quotient,
    Test,
    Trips,
    Wrapped,
    compare,
    floor,
    quotient,
    trips,
    type_range,
    wrapped,
)
from .context import Context, Ledger, affine_of

MAX_DISJUNCTS = 24
_MOST_TURNS = 4
FITS = "unsigned index arithmetic does not exceed its type"
# Sizes and counters are taken to stay below this where unsigned arithmetic on them is taken to fit its
# type: then it does. Larger multiples of them wrap, as hashes and generators of random numbers mean to.
_REACH = 1 << 24


class Ask(Enum):
    """Which conditions on the sizes may be added, so that something holds."""

    NOTHING = "none"
    WIDE = "that integers of 32 bits and more do not wrap around"
    ALL = "any"


class NotAffineError(Exception):
    """It cannot be proved affine; the text says why."""


class SplitError(Exception):
    """Which arm of a choice it is depends on the condition; the caller makes two cases of the place."""

    def __init__(self, condition: Condition) -> None:
        super().__init__(str(condition))
        self.condition = condition


@dataclass
class Simplifier:
    """Simplification by what the ledger and a context say. `table` gives placeholders their closed forms."""

    ledger: Ledger
    table: dict[str, Poly]
    assumptions: dict[str, None]
    known: dict[Poly, Poly] = field(default_factory=dict[Poly, Poly])

    def define(self, symbol: str, form: Poly) -> None:
        """Give one more symbol a closed form."""
        self.table[symbol] = form
        self.known.clear()

    def resolved(self, poly: Poly) -> Poly:
        """Without placeholders of loops that have closed forms."""
        result = self.known.get(poly)
        if result is None:
            result = poly
            while result.symbols & self.table.keys():
                names = result.symbols & self.table.keys()
                result = result.substitute({name: self.table[name] for name in names})
            self.known[poly] = result
        return result

    def resolved_condition(self, condition: Condition) -> Condition:
        while True:
            known = condition.symbols & self.table.keys()
            if not known:
                return condition
            condition = condition.substitute({name: self.table[name] for name in known})

    def plain(self, poly: Poly, context: Context, ask: Ask = Ask.ALL) -> Poly:
        """The polynomial with no atoms but floors. `ask` says which conditions on sizes may be added.

        Raises NotAffineError and SplitError.
        """
        poly = self.resolved(poly)
        if not poly.atoms:
            return poly

        def change(atom: Atom) -> Poly:
            match atom:
                case str():
                    return Poly.of(atom)
                case Floor(numerator, denominator):
                    return floor(self.plain(numerator, context, ask), denominator)
                case Quotient():
                    return self._quotient(atom, context, ask)
                case Wrapped():
                    return self._wrapped(atom, context, ask)
                case Trips(operand):
                    return self._trips(operand, context, ask)
                case Choice(condition, then, otherwise):
                    verdict = self._verdict(condition, context)
                    if verdict is None:
                        raise SplitError(condition)
                    return self.plain(then if verdict else otherwise, context, ask)
                case _:
                    assert_never(atom)

        return poly.map_atoms(change)

    def _quotient(self, atom: Quotient, context: Context, ask: Ask) -> Poly:
        above = self.plain(atom.numerator, context, ask)
        below = self.plain(atom.denominator, context, ask)
        simple = quotient(above, below, atom.dtype)
        if not any(isinstance(a, Quotient) for a in simple.atoms):
            return simple
        divisor = below.constant
        if divisor is not None and divisor > 0:
            if self.ledger.implies(context, above):
                return floor(above, divisor)
            if self.ledger.implies(context, -above):
                return -floor(-above, divisor)
            if affine_of(above) is not None:
                # C rounds towards zero: two cases.
                raise SplitError(compare("ge", above, Poly(), DType.I64))
            raise NotAffineError(
                f"`{show(above)}` divided by {divisor} might be negative, and C rounds towards zero"
            )
        whole = self._whole(above, below, context)
        if whole is not None:
            return whole
        raise NotAffineError(f"`{show(above)}` is divided by `{show(below)}`, which is not a constant")

    def _whole(self, above: Poly, below: Poly, context: Context) -> Poly | None:
        """A quotient by a size, where the place tells it; None where it is not known.

        Raises SplitError where it takes few values, as in `(i + n - 1) % n`.
        """
        divided = divide(above, below)
        if divided is None:
            return None
        for carry in (0, 1, -1, 2, -2):
            whole, rest = divided[0] + carry, divided[1] - below * carry
            inside = (rest, below - 1 - rest, whole)
            if all(self.ledger.implies(context, part) for part in inside):
                return whole
        if self.ledger.implies(context, above):
            for turns in range(2, _MOST_TURNS + 1):
                if self.ledger.implies(context, below * turns - 1 - above):
                    raise SplitError(compare("lt", above, below * (turns - 1), DType.I64))
        return None

    def _wrapped(self, atom: Wrapped, context: Context, ask: Ask) -> Poly:
        operand = self.plain(atom.operand, context, ask)
        simple = wrapped(operand, atom.dtype)
        if simple.constant is not None:
            return simple
        low, high = type_range(atom.dtype)
        goals = [operand - low]
        if atom.dtype.bits < 32:
            goals.append(-operand + high)
        else:
            constant = operand.constant_term
            if sum(abs(c) for _, c in (operand - constant).terms) * _REACH + abs(constant) > high:
                raise NotAffineError(f"`{show(operand)}` may be too large for its type, {atom.dtype}")
            self.assumptions[FITS] = None
        asks = ask is Ask.ALL or (ask is Ask.WIDE and atom.dtype.bits >= 32)
        for goal in goals:
            known = self.ledger.ask(context, goal) if asks else self.ledger.implies(context, goal)
            if not known:
                raise NotAffineError(
                    f"`{show(operand)}` may leave the range of its type, {atom.dtype}, and wrap around"
                )
        return operand

    def _trips(self, operand: Poly, context: Context, ask: Ask) -> Poly:
        count = self.plain(operand, context, ask)
        if trips(count).constant is not None:
            return trips(count)
        if self.ledger.implies(context, -count):
            return Poly()
        asks = ask is not Ask.NOTHING
        known = self.ledger.ask(context, count) if asks else self.ledger.implies(context, count)
        if not known:
            raise NotAffineError(f"a loop that runs `{show(count)}` times, or not at all")
        return count

    def affine(self, poly: Poly, context: Context, ask: Ask = Ask.ALL) -> Affine:
        """As an affine expression. Raises NotAffineError and SplitError."""
        simple = self.plain(poly, context, ask)
        result = affine_of(simple)
        if result is None:
            raise NotAffineError(f"`{show(simple)}` is not affine")
        return result

    # Conditions.

    def decide(self, condition: Condition, context: Context) -> bool | None:
        """Whether a condition on indices holds at the place, None where it depends."""
        try:
            return self._verdict(condition, context)
        except SplitError:
            return None

    def _verdict(self, condition: Condition, context: Context) -> bool | None:
        """As `decide`; raises SplitError for a choice inside the condition, which is to be made first."""
        try:
            guard = self.guard(condition, context, ask=Ask.NOTHING)
        except NotAffineError:
            return None
        if guard is None:
            return None
        return True if guard.is_always else None if guard.disjuncts else False

    def guard(self, condition: Condition, context: Context, ask: Ask = Ask.WIDE) -> Guard | None:
        """A condition as a guard without what the context says already; None for a condition on data.

        Raises NotAffineError and SplitError.
        """
        resolved = self.resolved_condition(condition)
        match resolved:
            case Known(value):
                return ALWAYS if value else NEVER
            case Test() | Negation():
                return None
            case Comparison() as comparison:
                return self._comparison(comparison, context, ask)
            case Both(left, right):
                first = self.guard(left, context, ask)
                if first is None or not first.disjuncts:
                    return first
                second = self.guard(right, context.assume_guard(first), ask)
                return None if second is None else self._limited(first & second, context)
            case Either(left, right):
                first = self.guard(left, context, ask)
                if first is None or first.is_always:
                    return first
                refuted = context.assume_guard(self.negation(first, context))
                second = self.guard(right, refuted, ask)
                return None if second is None else self._limited(first | second, context)
            case _:
                assert_never(resolved)

    def _comparison(self, comparison: Comparison, context: Context, ask: Ask) -> Guard:
        left, right = self.resolved(comparison.left), self.resolved(comparison.right)
        if comparison.relation in ("eq", "ne"):
            remainder = _remainder_test(left - right)
            if remainder is not None:
                left, right = remainder, Poly()
        left, right = self.plain(left, context, ask), self.plain(right, context, ask)
        conjunctions: tuple[tuple[Poly, ...], ...]
        match comparison.relation:
            case "lt":
                conjunctions = ((right - left - 1,),)
            case "le":
                conjunctions = ((right - left,),)
            case "gt":
                conjunctions = ((left - right - 1,),)
            case "ge":
                conjunctions = ((left - right,),)
            case "eq":
                return self._equal(left - right, context)
            case _:
                conjunctions = ((left - right - 1,), (right - left - 1,))
        return self._pruned(conjunctions, context)

    def _equal(self, difference: Poly, context: Context) -> Guard:
        expression = affine_of(difference)
        if expression is None:
            raise NotAffineError(f"`{show(difference)}` is not affine")
        if difference.constant is not None:
            return ALWAYS if difference.constant == 0 else NEVER
        above, below = (self.ledger.implies(context, side) for side in (difference, -difference))
        if above and below:
            return ALWAYS
        if self.ledger.impossible(context.assume(difference, -difference)):
            return NEVER
        return Guard.of(Constraint(expression, equality=True))

    def _pruned(self, conjunctions: tuple[tuple[Poly, ...], ...], context: Context) -> Guard:
        disjuncts: list[tuple[Constraint, ...]] = []
        for conjunction in conjunctions:
            if self.ledger.impossible(context.assume(*conjunction)):
                continue
            kept: list[Constraint] = []
            for fact in conjunction:
                if self.ledger.implies(context, fact):
                    continue
                expression = affine_of(fact)
                if expression is None:
                    raise NotAffineError(f"`{show(fact)}` is not affine")
                kept.append(Constraint(expression))
            disjuncts.append(tuple(kept))
        guard = Guard(tuple(dict.fromkeys(disjuncts)))
        return ALWAYS if guard.is_always or self._covered(conjunctions, context) else guard

    def _covered(self, conjunctions: tuple[tuple[Poly, ...], ...], context: Context) -> bool:
        """Whether, in each case that the context leaves, one of the conjunctions holds."""
        if len(context.cases) < 2 or len(conjunctions) < 2:
            return False
        return all(
            any(all(self.ledger.implies(Context((case,)), fact) for fact in facts) for facts in conjunctions)
            for case in context.cases
        )

    def negation(self, guard: Guard, context: Context) -> Guard:
        """`not guard`, without cases that cannot be at the place."""
        result = ALWAYS
        for conjunction in guard.disjuncts:
            result = self._limited(result & ~Guard((conjunction,)), context)
        return result

    def _limited(self, guard: Guard, context: Context) -> Guard:
        """Without disjuncts that cannot hold."""
        if len(guard.disjuncts) > MAX_DISJUNCTS:
            raise NotAffineError("the condition has too many cases")
        if guard.is_always:
            return ALWAYS
        kept = [d for d in guard.disjuncts if not self.ledger.impossible(context.assume_guard(Guard((d,))))]
        facts = tuple(Context().assume_guard(Guard((d,))).cases[0] for d in kept)
        return ALWAYS if self._covered(facts, context) else Guard(tuple(kept))


def _remainder_test(difference: Poly) -> Poly | None:
    """`x % c == 0` asks the same of C's remainder and of the one by floors, for negative x too."""
    for atom in difference.atoms:
        if not isinstance(atom, Quotient):
            continue
        divisor = atom.denominator.constant
        remainder = atom.numerator - atom.denominator * Poly.atom(atom)
        if divisor is not None and divisor > 0 and difference in (remainder, -remainder):
            return atom.numerator - floor(atom.numerator, divisor) * divisor
    return None


def show(poly: Poly) -> str:
    """A polynomial for a message: counters by their own names."""
    text = str(poly)
    for symbol in sorted(poly.symbols, key=len, reverse=True):
        text = text.replace(symbol, symbol.split("@")[0])
    return text


def divide(poly: Poly, divisor: Poly) -> tuple[Poly, Poly] | None:
    """`poly = quotient * divisor + remainder`, the remainder free of the divisor's leading term.

    None for divisors that have atoms other than symbols and floors.
    """
    if not divisor.terms or not all(isinstance(atom, Floor) for atom in divisor.atoms):
        return None
    lead, factor = divisor.terms[-1]
    whole: Poly = Poly()
    rest = poly
    for _ in range(40):
        step = _step(rest, lead, factor)
        if step is None:
            return whole, rest
        whole = whole + step
        rest = rest - step * divisor
    return None


def _step(poly: Poly, lead: tuple[Atom, ...], factor: int) -> Poly | None:
    for monomial, coefficient in reversed(poly.terms):
        remaining = list(monomial)
        for atom in lead:
            if atom not in remaining:
                break
            remaining.remove(atom)
        else:
            if coefficient % factor == 0:
                return Poly.collect(((tuple(remaining), coefficient // factor),))
    return None


def in_range(value: Poly, dtype: DType) -> tuple[Poly, ...]:
    """What must not be negative for a value to be in the range of its type. The upper end of types that
    no index reaches is left out."""
    low, high = type_range(dtype)
    return (value - low, -value + high) if dtype.bits < 32 else (value - low,)
