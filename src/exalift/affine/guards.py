"""Conditions on integer points: unions of conjunctions of affine constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from .affine_expression import Affine


@dataclass(frozen=True, slots=True)
class Constraint:
    """`expression >= 0`, or `expression == 0` where `equality` is set."""

    expression: Affine
    equality: bool = False

    def __str__(self) -> str:
        return f"{self.expression} {'==' if self.equality else '>='} 0"

    def negated(self) -> Guard:
        if self.equality:
            return Guard(((Constraint(self.expression - 1),), (Constraint(-self.expression - 1),)))
        return Guard(((Constraint(-self.expression - 1),),))


@dataclass(frozen=True, slots=True)
class Guard:
    """A union (`disjuncts`) of conjunctions of constraints. `ALWAYS` has one empty conjunction."""

    disjuncts: tuple[tuple[Constraint, ...], ...]

    @staticmethod
    def of(*constraints: Constraint) -> Guard:
        """The conjunction of the constraints."""
        return Guard((tuple(constraints),))

    @property
    def is_always(self) -> bool:
        return any(not conjunction for conjunction in self.disjuncts)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(n for d in self.disjuncts for c in d for n in c.expression.names)

    def __and__(self, other: Guard) -> Guard:
        pairs = product(self.disjuncts, other.disjuncts)
        return Guard(tuple(tuple(dict.fromkeys(a + b)) for a, b in pairs))

    def __or__(self, other: Guard) -> Guard:
        return Guard(tuple(dict.fromkeys(self.disjuncts + other.disjuncts)))

    def __invert__(self) -> Guard:
        result = ALWAYS
        for conjunction in self.disjuncts:
            negated = NEVER
            for constraint in conjunction:
                negated = negated | constraint.negated()
            result = result & negated
        return result

    def substitute(self, mapping: Mapping[str, Affine]) -> Guard:
        return Guard(
            tuple(
                tuple(Constraint(c.expression.substitute(mapping), c.equality) for c in conjunction)
                for conjunction in self.disjuncts
            )
        )

    def at(self, values: Mapping[str, int]) -> bool:
        """Whether the condition holds where every symbol has an integer."""
        return any(
            all((v == 0) if c.equality else (v >= 0) for c in d for v in (c.expression.at(values),))
            for d in self.disjuncts
        )

    def least(self, name: str, otherwise: int) -> int:
        """A value that the symbol never falls below, by the constraints on it alone and `otherwise`."""
        found: list[int] = []
        for conjunction in self.disjuncts:
            least = otherwise
            for constraint in conjunction:
                expression = constraint.expression
                coefficient = expression.coefficient(name)
                if expression.names == frozenset({name}) and expression.is_linear and coefficient > 0:
                    least = max(least, -(expression.constant // coefficient))
            found.append(least)
        return min(found, default=otherwise)

    def __str__(self) -> str:
        if not self.disjuncts:
            return "never"
        if self.is_always:
            return "always"
        return " or ".join(" and ".join(str(c) for c in d) for d in self.disjuncts)


ALWAYS = Guard(((),))
NEVER = Guard(())
