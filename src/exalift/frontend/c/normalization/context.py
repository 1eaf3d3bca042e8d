"""What is known at a place of the program, and what has to be asked of the sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from random import Random

from exalift.affine import Affine, Constraint, Guard

from ..terms import Atom, Floor, Poly, floor
from .inequalities import contradictory, implies, projected, upper_bounds

MAX_CASES = 16
_STEPS = (0, 1, 2, 3, 5, 9, 20, 50)


@dataclass(frozen=True, slots=True)
class Context:
    """Facts, each a polynomial that is not negative; one of the `cases` holds."""

    cases: tuple[tuple[Poly, ...], ...] = ((),)

    def assume(self, *facts: Poly) -> Context:
        return Context(tuple((*case, *facts) for case in self.cases))

    def assume_guard(self, guard: Guard) -> Context:
        """With a condition that holds; one of too many cases is forgotten, which is safe."""
        if len(guard.disjuncts) * len(self.cases) > MAX_CASES:
            return self
        combined = [(*case, *facts) for case in self.cases for facts in map(_facts, guard.disjuncts)]
        return Context(tuple(combined))


def _facts(conjunction: Iterable[Constraint]) -> tuple[Poly, ...]:
    facts: list[Poly] = []
    for constraint in conjunction:
        poly = poly_of(constraint.expression)
        facts.append(poly)
        if constraint.equality:
            facts.append(-poly)
    return tuple(facts)


def poly_of(expression: Affine) -> Poly:
    """An affine expression as a polynomial."""
    total = Poly.of(expression.constant)
    for atom, coefficient in expression.terms:
        if isinstance(atom, str):
            total = total + Poly.of(atom) * coefficient
        else:
            total = total + Poly.atom(Floor(poly_of(atom.numerator), atom.denominator)) * coefficient
    return total


def affine_of(poly: Poly) -> Affine | None:
    """A polynomial as an affine expression; None where it has products or atoms other than floors."""
    total = Affine()
    for monomial, coefficient in poly.terms:
        if len(monomial) > 1:
            return None
        piece = _affine_atom(monomial[0]) if monomial else Affine.of(1)
        if piece is None:
            return None
        total = total + piece * coefficient
    return total


def _affine_atom(atom: Atom) -> Affine | None:
    if isinstance(atom, str):
        return Affine.symbol(atom)
    if isinstance(atom, Floor):
        numerator = affine_of(atom.numerator)
        return None if numerator is None else numerator // atom.denominator
    return None


def value_at(poly: Poly, values: Mapping[str, int]) -> int:
    """A polynomial of symbols and floors at given numbers."""
    total = 0
    for monomial, coefficient in poly.terms:
        for atom in monomial:
            match atom:
                case str():
                    coefficient *= values[atom]
                case Floor(numerator, denominator):
                    coefficient *= value_at(numerator, values) // denominator
                case _:
                    raise AssertionError("conditions on sizes have no other atoms")
        total += coefficient
    return total


def samples(minimum: Mapping[str, int]) -> list[dict[str, int]]:
    """Sizes to judge conditions by: small, middling and large ones, in all orders."""
    names = sorted(minimum)
    if len(names) <= 3:
        grid = product(_STEPS, repeat=len(names))
    else:
        chosen = Random(0)
        grid = (tuple(chosen.choice(_STEPS) for _ in names) for _ in range(400))
    return [{n: minimum[n] + step for n, step in zip(names, steps, strict=True)} for steps in grid]


@dataclass
class Ledger:
    """The sizes: at least their `minimum`, and what had to be asked of them so far."""

    minimum: Mapping[str, int]
    asked: list[Poly] = field(default_factory=list[Poly])
    proved: set[tuple[Context, Poly]] = field(default_factory=set[tuple["Context", Poly]])

    @property
    def facts(self) -> tuple[Poly, ...]:
        return (*(Poly.of(name) - least for name, least in self.minimum.items()), *self.asked)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.minimum)

    def checkpoint(self) -> tuple[Poly, ...]:
        """What was asked so far, for `restore`."""
        return tuple(self.asked)

    def restore(self, asked: tuple[Poly, ...]) -> None:
        """Take back what was asked since the checkpoint, and what was proved with it."""
        if tuple(self.asked) != asked:
            self.asked[:] = asked
            self.proved.clear()

    def admitted(self, *more: Poly) -> int:
        """How many of a fixed sample of sizes satisfy what was asked, and `more`: the fewer, the harsher."""
        asked = (*self.asked, *more)
        return sum(all(value_at(fact, sizes) >= 0 for fact in asked) for sizes in samples(self.minimum))

    def implies(self, context: Context, goal: Poly) -> bool:
        """Whether `goal >= 0` holds at the place."""
        if goal.constant is not None:
            return goal.constant >= 0
        if (context, goal) in self.proved:
            return True
        base = self.facts
        holds = all(self._implied((*base, *case), goal) for case in context.cases)
        if holds:
            # More conditions on the sizes cannot change this.
            self.proved.add((context, goal))
        return holds

    def _implied(self, facts: tuple[Poly, ...], goal: Poly) -> bool:
        if self._evident(facts, goal):
            return True
        near = _near(facts, goal, self.names)
        # Most goals follow from the loops of their own counters; the others ask everybody.
        return implies(near, goal) or (len(near) < len(facts) and implies(facts, goal))

    def _evident(self, facts: tuple[Poly, ...], goal: Poly) -> bool:
        """Whether the goal is a sum of products of what is not negative, such as `i * m + j`."""
        if any(coefficient < 0 for _, coefficient in goal.terms) or not goal.is_plain:
            return False
        counters = goal.symbols - self.names
        return all(Poly.of(symbol) in facts for symbol in counters)

    def impossible(self, context: Context) -> bool:
        """Whether the place is never reached."""
        base = self.facts
        return all(contradictory((*base, *case)) for case in context.cases)

    def ask(self, context: Context, goal: Poly) -> bool:
        """Make `goal >= 0` hold at the place by a condition on the sizes alone; False where there is none."""
        if self.implies(context, goal):
            return True
        return all(self._ask_case(case, goal) for case in context.cases)

    def _ask_case(self, case: tuple[Poly, ...], goal: Poly) -> bool:
        base = self.facts
        wanted = goal.symbols & self.names
        candidates: dict[Poly, None] = {}
        for floors in (False, True):
            try:
                rows = self._violations(case, goal, floors)
            except OverflowError:
                continue
            if rows is None:
                return True
            candidates |= dict.fromkeys(-row - 1 for row in rows)
        possible = [c for c in candidates if affine_of(c) is not None and not contradictory((*base, c))]
        if not possible:
            return False
        # Any of them is enough: the one that leaves the most sizes.
        order = {c: (-self.admitted(c), -len(c.symbols & wanted), len(c.terms), str(c)) for c in possible}
        self.asked.append(min(possible, key=lambda c: order[c]))
        return True

    def _violations(self, case: tuple[Poly, ...], goal: Poly, floors: bool) -> list[Poly] | None:
        """Conditions on sizes that all hold where the goal is violated somewhere; None where it never is.

        With `floors`, divisions of sizes may occur in them. Raises OverflowError.
        """
        base = self.facts
        facts = (*base, *case)
        try:
            violated = projected((*facts, -goal - 1), self.names, floors)
        except OverflowError:
            facts = _near(facts, goal, self.names)
            violated = projected((*facts, -goal - 1), self.names, floors)
        domain = projected(facts, self.names, floors)
        if violated is None:
            return None
        # What already follows from the place being reached is not what violates the goal; denying it
        # would only empty the loops around.
        reached = (*base, *(domain or ()))
        return _irredundant([row for row in violated if not implies(reached, row)], reached)

    def demand(self, goal: Poly) -> bool:
        """Make a condition on sizes hold; False where it cannot."""
        if implies(self.facts, goal):
            return True
        if affine_of(goal) is None or contradictory((*self.facts, goal)):
            return False
        self.asked.append(goal)
        return True

    def bounds(self, context: Context, value: Poly) -> tuple[tuple[Poly, ...], ...]:
        """For each case, upper bounds of `value` by sizes alone."""
        base = self.facts
        found: list[tuple[Poly, ...]] = []
        for case in context.cases:
            if contradictory((*base, *case)):
                continue
            bounds = upper_bounds((*base, *case), value, self.names)
            if not bounds:
                bounds = upper_bounds(_near((*base, *case), value, self.names), value, self.names)
            found.append(tuple(floor(bound.bound, bound.factor) for bound in bounds))
        return tuple(found)

    @property
    def guard(self) -> Guard:
        """What was asked, as a condition on the sizes, without what follows from the rest."""
        kept = list(dict.fromkeys(self.asked))
        for fact in list(kept):
            others = [other for other in kept if other is not fact]
            if implies((*(Poly.of(n) - m for n, m in self.minimum.items()), *others), fact):
                kept.remove(fact)
        constraints: list[Constraint] = []
        for fact in kept:
            expression = affine_of(fact)
            assert expression is not None
            constraints.append(Constraint(expression))
        return Guard.of(*constraints)


def _irredundant(rows: list[Poly], base: tuple[Poly, ...]) -> list[Poly]:
    """The rows that do not follow from the others."""
    kept = list(dict.fromkeys(rows))
    for row in list(kept):
        others = [other for other in kept if other is not row]
        if implies((*base, *others), row):
            kept.remove(row)
    return kept


def _near(facts: tuple[Poly, ...], goal: Poly, names: frozenset[str]) -> tuple[Poly, ...]:
    """The facts about sizes, and those that share counters with the goal, directly or through others."""
    reached = set(goal.symbols - names)
    kept = [fact for fact in facts if fact.symbols <= names]
    remaining = [fact for fact in facts if not fact.symbols <= names]
    grew = True
    while grew:
        grew = False
        rest: list[Poly] = []
        for fact in remaining:
            if fact.symbols & reached:
                kept.append(fact)
                reached |= fact.symbols - names
                grew = True
            else:
                rest.append(fact)
        remaining = rest
    return tuple(kept)
