"""What a split may know of the place where its goal stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from exalift.affine import Affine, Axis, Constraint, Formula, Guard, is_implied
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
            coefficient = expression.coefficient(loop.iv)
            if coefficient:
                bound = loop.lower[0] if coefficient > 0 else loop.upper[0] - 1
                expression = expression.substitute({loop.iv: bound})
        return expression

    def highest(self, expression: Affine) -> Affine:
        """An upper bound without induction variables."""
        return -self.lowest(-expression)


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
