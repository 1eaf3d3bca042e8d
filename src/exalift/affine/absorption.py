"""Putting a first or last case, which the source writes apart, back to the others.

m[r] = max(x[r,0], max i < n-1. x[r,i+1])      =>    m[r] = max i < n. x[r,i]
c[i,i] = 1   for i < n-1;  c[n-1,n-1] = 1      =>    c[i,i] = 1   for i < n
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from .affine_expression import Affine
from .domains import DomainError, bounds, condition, exists, gist, implies, limited
from .expressions import (
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    IndexValue,
    Load,
    Reduce,
    children,
)
from .forwarding import has_reduction
from .guards import ALWAYS, Constraint, Guard
from .points import solve
from .region_facts import RegionFacts, hull, points_of, targets
from .regions import Region, RegionStep, SequentialLoop
from .traversal import substitute, with_children

_IDEMPOTENT = ("maximum", "minimum", "and", "or")


def match(pattern: Expression, target: Expression, unknowns: Sequence[str]) -> dict[str, Affine] | None:
    """Values of the unknowns at which the pattern is the target, node by node; None where there are none.

    Patterns with reductions do not match.
    """
    return match_all([(pattern, target)], unknowns)


def match_all(
    pairs: Sequence[tuple[Expression, Expression]], unknowns: Sequence[str]
) -> dict[str, Affine] | None:
    """Values of the unknowns at which every pattern is its target."""
    equations: list[Affine] = []
    pending = list(pairs)
    while pending:
        left, right = pending.pop()
        match left, right:
            case Load(), Load() if left.array == right.array:
                equations += [a - b for a, b in zip(left.indices, right.indices, strict=True)]
            case IndexValue(), IndexValue() if left.dtype is right.dtype:
                equations.append(left.index - right.index)
            case Constant(), Constant() if left == right:
                pass
            case Apply(), Apply() if left.function == right.function:
                pending += zip(left.operands, right.operands, strict=True)
            case Cast(), Cast() if left.dtype is right.dtype:
                pending.append((left.operand, right.operand))
            case _:
                return None
    point = solve_all(equations, unknowns)
    if point is None or any(substitute(left, point) != right for left, right in pairs):
        return None
    return point


def solve_all(equations: Sequence[Affine], unknowns: Iterable[str]) -> dict[str, Affine] | None:
    """Values of the unknowns that make all equations 0, found one after the other."""
    point: dict[str, Affine] = {}
    open_names = list(unknowns)
    progress = True
    while open_names and progress:
        progress = False
        for name in list(open_names):
            for equation in equations:
                value = solve(equation.substitute(point), name)
                if value is not None and not value.names & set(open_names):
                    point[name] = value
                    open_names.remove(name)
                    progress = True
                    break
    if open_names or any(equation.substitute(point) != Affine() for equation in equations):
        return None
    return point


def _rewrite_outside(value: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Rewrite bottom-up all but what stands inside reductions, which ranges over more points."""
    done: dict[int, Expression] = {}
    stack: list[tuple[Expression, bool]] = [(value, False)]
    while stack:
        node, expanded = stack.pop()
        below = () if isinstance(node, Reduce) else children(node)
        if expanded or not below:
            done[id(node)] = change(with_children(node, tuple(done[id(c)] for c in below)) if below else node)
        elif id(node) not in done:
            stack.append((node, True))
            stack.extend((child, False) for child in below)
    return done[id(value)]


@dataclass(frozen=True, slots=True)
class _Joined:
    """Axes over a set of points, moved to start at 0: an old name stands for `moves[name]` on them."""

    axes: tuple[Axis, ...]
    guard: Guard
    moves: Mapping[str, Affine]


def _joined(
    axes: tuple[Axis, ...], guard: Guard, extra: isl.Set, known: isl.Set, sizes: frozenset[str]
) -> _Joined | None:
    """The axes' points under the guard, and those of `extra`; None where that takes a larger guard."""
    both = known.intersect(condition(hull(axes) & guard)).union(known.intersect(extra)).coalesce()
    ranges = {axis.name: bounds(both, axis.name, sizes) for axis in axes}
    box = ALWAYS
    for name, span in ranges.items():
        box = box & span.guard(name)
    small = gist(both, known.intersect(condition(box)))
    if len(small.disjuncts) != 1 or len(small.disjuncts[0]) > sum(map(len, guard.disjuncts)):
        return None
    moves = {name: Affine.symbol(name) + span.lower for name, span in ranges.items()}
    made = tuple(Axis(axis.name, ranges[axis.name].extent) for axis in axes)
    return _Joined(made, small.substitute(moves), moves)


@dataclass(frozen=True, slots=True)
class Absorption:
    """Absorbs single cases all over a list of steps. `sizes` are the symbols that extents may have."""

    sizes: frozenset[str]
    facts: RegionFacts

    def run(self, steps: tuple[RegionStep, ...], known: isl.Set) -> tuple[RegionStep, ...]:
        made: list[RegionStep] = []
        for step in steps:
            match step:
                case Region():
                    made.append(self.region(step, known))
                case SequentialLoop():
                    made.append(replace(step, body=self.run(step.body, self.facts.inside(step, known))))
        return self._united(tuple(made), known)

    # A term beside a reduction.

    def region(self, region: Region, known: isl.Set) -> Region:
        """The region with terms absorbed into the reductions beside them."""
        points = points_of(region, known)

        def change(node: Expression) -> Expression:
            match node:
                case Apply(_, (Reduce() as reduce, term)) | Apply(_, (term, Reduce() as reduce)):
                    return self._absorbed(node, reduce, term, points)
                case _:
                    return node

        value = _rewrite_outside(region.value, change)
        return region if value is region.value else replace(region, value=value)

    def _absorbed(self, node: Apply, reduce: Reduce, term: Expression, points: isl.Set) -> Expression:
        if reduce.function != node.function or has_reduction(term):
            return node
        names = [axis.name for axis in reduce.axes]
        point = match(reduce.body, term, names)
        if point is None:
            return node
        inside = (hull(reduce.axes) & reduce.guard).substitute(point)
        try:
            with limited():
                if node.function in _IDEMPOTENT:
                    if implies(points, inside):
                        return reduce
                elif not points.is_disjoint(condition(inside)):
                    return node
                extra = condition(Guard.of(*(Constraint(Affine.symbol(n) - point[n], True) for n in names)))
                joined = _joined(reduce.axes, reduce.guard, extra, points, self.sizes)
        except DomainError:
            return node
        if joined is None:
            return node
        body = substitute(reduce.body, joined.moves)
        return replace(reduce, axes=joined.axes, body=body, guard=joined.guard)

    # A region that continues another one.

    def _united(self, steps: tuple[RegionStep, ...], known: isl.Set) -> tuple[RegionStep, ...]:
        made = list(steps)
        position = 0
        while position < len(made):
            step = made[position]
            for later in range(position + 1, len(made)):
                other = made[later]
                if not isinstance(step, Region) or not isinstance(other, Region):
                    continue
                between = made[position + 1 : later]
                one = self._union(step, other, known) if self._may_advance(other, between, known) else None
                if one is not None:
                    made[position] = step = one
                    del made[later]
                    break
            else:
                position += 1
        return tuple(made)

    def _may_advance(self, region: Region, steps: Sequence[RegionStep], known: isl.Set) -> bool:
        """Whether a region may as well run before the steps."""
        sources = self.facts.arrays_read(region)
        if sources & targets(steps):
            return False
        for step in steps:
            if region.array not in self.facts.arrays_of([step]):
                continue
            if isinstance(step, SequentialLoop):
                return False
            own = self.facts.written(region, known)
            seen = self.facts.read(step, region.array, known)
            if seen is not None and not seen.is_disjoint(own):
                return False
            if step.array == region.array and not self.facts.written(step, known).is_disjoint(own):
                return False
        return True

    def _union(self, first: Region, second: Region, known: isl.Set) -> Region | None:
        """One region for both, where the second does what the first does at other points."""
        if first.array != second.array or has_reduction(first.value) or has_reduction(second.value):
            return None
        if first.array in self.facts.arrays_read(first):
            return None
        apart = {axis.name: Affine.symbol(f"{axis.name}.") for axis in second.axes}
        value = substitute(second.value, apart)
        indices = [index.substitute(apart) for index in second.indices]
        names = [axis.name for axis in first.axes]
        pairs = [(Load("", first.indices, value.dtype), Load("", tuple(indices), value.dtype))]
        point = match_all([*pairs, (first.value, value)], names)
        if point is None:
            return None
        second_axes = tuple(Axis(f"{axis.name}.", axis.extent) for axis in second.axes)
        image = hull(second_axes) & second.guard.substitute(apart)
        image = image & Guard.of(*(Constraint(Affine.symbol(n) - point[n], True) for n in names))
        try:
            with limited():
                extra = exists(condition(image), [axis.name for axis in second_axes])
                joined = _joined(first.axes, first.guard, extra, known, self.sizes)
        except DomainError:
            return None
        if joined is None:
            return None
        return Region(
            first.array,
            joined.axes,
            tuple(index.substitute(joined.moves) for index in first.indices),
            substitute(first.value, joined.moves),
            joined.guard,
            first.span,
            (min(first.lines[0], second.lines[0]), max(first.lines[1], second.lines[1])),
        )
