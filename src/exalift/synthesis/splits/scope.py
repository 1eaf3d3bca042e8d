"""What a split may know of the place where its goal stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from exalift.affine import Affine, Axis, Constraint, FloorDiv, Formula, Guard, is_implied
from exalift.dialects import Hints, TensorType


@dataclass(frozen=True, slots=True)
class IterationRange:
    """The bounds of a loop around: `max(lower) <= iv < min(upper)`."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]


@dataclass(frozen=True)
class Scope:
    """The arrays that goals read, the loops around (outermost first) and how large a tensor may get.

    `context` holds for the sizes. `nominal` gives every size a value, at which `element_limit`
    bounds the number of elements of an intermediate.
    """

    arrays: Mapping[str, TensorType]
    loops: tuple[IterationRange, ...]
    context: Guard
    nominal: Mapping[str, int]
    element_limit: int

    @property
    def ivs(self) -> frozenset[str]:
        return frozenset(loop.iv for loop in self.loops)

    def fits(self, axes: tuple[Axis, ...]) -> bool:
        """Whether a tensor over these axes is within the limit."""
        return prod(max(0, axis.extent.at(self.nominal)) for axis in axes) <= self.element_limit

    def nonnegative(self, expression: Affine) -> bool:
        """Whether `expression >= 0` follows for all sizes and all iterations of the loops around."""
        if expression.is_constant:
            return expression.constant >= 0
        rows = [
            Constraint(bound)
            for loop in self.loops
            for bound in (
                *(Affine.symbol(loop.iv) - lower for lower in loop.lower),
                *(upper - Affine.symbol(loop.iv) - 1 for upper in loop.upper),
            )
        ]
        return is_implied(Constraint(expression), self.context & Guard.of(*rows))

    def lowest(self, expression: Affine) -> Affine:
        """A lower bound without induction variables; exact where loops have one lower and upper bound."""
        for loop in reversed(self.loops):
            expression = _bound(expression, loop, lowest=True)
        return expression

    def at_least_sizes(self, expression: Affine, falling: bool) -> Affine:
        """The expression with sizes at their least: those that it falls with, or all of them."""
        result = Affine((), expression.constant)
        for atom, coefficient in expression.terms:
            kept = Affine(((atom, 1),))
            if not falling or coefficient < 0:
                kept = kept.substitute({name: Affine.of(self.context.least(name, 1)) for name in kept.names})
            result = result + kept * coefficient
        return result


def _bound(expression: Affine, loop: IterationRange, lowest: bool) -> Affine:
    """A bound of the expression over the iterations of one loop; floor divisions are monotone."""
    result = Affine((), expression.constant)
    for atom, coefficient in expression.terms:
        down = lowest == (coefficient > 0)
        match atom:
            case str():
                end = loop.lower[0] if down else loop.upper[0] - 1
                piece = end if atom == loop.iv else Affine.symbol(atom)
            case FloorDiv(numerator, denominator):
                piece = _bound(numerator, loop, down) // denominator
        result = result + piece * coefficient
    return result


@dataclass(frozen=True, slots=True)
class Split:
    """Subgoals; once they are solved, one op on their solutions (or none) is expected to give the goal.

    A split knows the algebra of the goal, never an op: which op joins the solutions is what the
    search finds. `hints` suggest attributes to it.
    """

    subgoals: tuple[Formula, ...]
    hints: Hints
    why: str


def goal_type(goal: Formula) -> TensorType:
    return TensorType(goal.shape, goal.body.dtype)


def hints_for(
    goal: Formula,
    *,
    offsets: tuple[Affine, ...] = (),
    strides: tuple[int, ...] = (),
    extents: tuple[Affine, ...] = (),
    functions: tuple[str, ...] = (),
    corner: tuple[tuple[Affine, int], ...] = (),
) -> Hints:
    """Hints with the goal's type and extents, and zero and one among offsets and strides."""
    return Hints(
        offsets=tuple(dict.fromkeys((Affine(), *offsets))),
        strides=tuple(dict.fromkeys((1, *strides))),
        extents=tuple(dict.fromkeys((*goal.shape, *extents))),
        functions=frozenset(functions),
        goal=goal_type(goal),
        corners=(corner,) if corner else (),
    )


def rewritten(goal: Formula, why: str) -> Split:
    """A split whose one subgoal has the same value, said in another way."""
    return Split((goal,), hints_for(goal), why)
