"""The bounds of loops, from the constraints of a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exalift.affine import Affine, Axis, Constraint, FloorDiv

from .inequalities import implied
from .program import box, extent_of


@dataclass(frozen=True, slots=True)
class Range:
    """`max(lower) <= axis < min(upper)`."""

    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ranges of axes, each by those before it; `before` are constraints on none of the axes, `tests` those
    that are no bounds and must be asked at every point."""

    ranges: Mapping[str, Range]
    before: tuple[Constraint, ...]
    tests: tuple[Constraint, ...]


def bounds_of(
    axes: Sequence[Axis],
    constraints: Sequence[Constraint],
    context: Sequence[Constraint],
    moving: Mapping[str, int] | None = None,
) -> Bounds:
    """Bounds of loops over `axes`, outermost first, under constraints and the axes' boxes.

    `moving` are symbols that stand for several values at once, from what they are up to so much more
    (lanes, neighbours): bounds hold for all of them together, and constraints on them stay tests.
    """
    moving = moving or {}
    needed = _needed([*constraints], [*context, *box(axes)])
    lower: dict[str, list[Affine]] = {axis.name: [Affine()] for axis in axes}
    upper: dict[str, list[Affine]] = {axis.name: [Affine.of(extent_of(axis))] for axis in axes}
    before: list[Constraint] = []
    tests: list[Constraint] = []
    for constraint in needed:
        name = next((a.name for a in reversed(axes) if a.name in constraint.expression.names), None)
        if constraint.expression.names & set(moving):
            tests.append(constraint)
        elif name is None:
            before.append(constraint)
        if name is None:
            continue
        parts = (
            (constraint.expression, -constraint.expression)
            if constraint.equality
            else (constraint.expression,)
        )
        found = [_bound(part, name, moving) for part in parts]
        if any(bound is None for bound in found):
            tests += [constraint] if constraint not in tests else []
            continue
        for bound in found:
            assert bound is not None
            (lower if bound[0] else upper)[name].append(bound[1])
    ranges: dict[str, Range] = {}
    for axis in axes:
        known = [*context, *box(a for a in axes if a is not axis), *_outer(axes, axis, needed)]
        lows = _without_weaker(lower[axis.name], known, largest=True)
        highs = _without_weaker(upper[axis.name], known, largest=False)
        ranges[axis.name] = Range(lows, highs)
    return Bounds(ranges, tuple(before), tuple(tests))


def _outer(axes: Sequence[Axis], axis: Axis, constraints: Sequence[Constraint]) -> list[Constraint]:
    """Constraints on the axes outside of one."""
    inner = {a.name for a in axes[list(axes).index(axis) :]}
    return [c for c in constraints if not c.expression.names & inner]


def _needed(constraints: list[Constraint], context: Sequence[Constraint]) -> list[Constraint]:
    """The constraints without those that the context forces."""
    return [c for c in dict.fromkeys(constraints) if not implied(c, context)]


def _bound(expression: Affine, name: str, moving: Mapping[str, int]) -> tuple[bool, Affine] | None:
    """What `expression >= 0` says of a name: (True, least value) or (False, first value beyond); None where
    it is inside a floor division."""
    if any(
        isinstance(atom, FloorDiv) and atom.numerator.names & {name, *moving} for atom, _ in expression.terms
    ):
        return None
    factor = expression.coefficient(name)
    rest = expression - Affine.symbol(name) * factor
    for other, more in moving.items():
        # The most that the rest reaches gives the widest range.
        rest = rest + max(0, rest.coefficient(other) * more)
    if factor > 0:
        return True, (-rest + (factor - 1)) // factor
    return False, rest // -factor + 1


def _without_weaker(
    bounds: Sequence[Affine], known: Sequence[Constraint], largest: bool
) -> tuple[Affine, ...]:
    """Bounds that no other one makes superfluous; constants are folded."""
    constants = [b.constant for b in bounds if b.is_constant]
    rest = list(dict.fromkeys(b for b in bounds if not b.is_constant))
    if constants:
        rest.append(Affine.of(max(constants) if largest else min(constants)))
    kept = list(rest)
    for bound in rest:
        others = [other for other in kept if other is not bound]
        gaps = (other - bound if largest else bound - other for other in others)
        if any(implied(Constraint(gap), known) for gap in gaps):
            kept.remove(bound)
    return tuple(kept)
