"""Regions that write different parts of one array by different values, as one region with cases.

    A[i,j] = v   where i <= k                A[i,j] = i <= k ? v : w'
    A[i,j] = w   where i > k          =>

One pass over the array takes the place of two, and where the cases fill the array nothing of the old
contents is left. Where both come from one assignment, which a cut of a loop took apart, `w'` is `w` with
what it reads of the first region put in, so that everything reads the old contents; regions of
different assignments are joined only where nothing has to be put in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import islpy as isl

from .absorption import match_all
from .affine_expression import Affine
from .domains import DomainError, bounds, condition, gist, implies, limited, nominal
from .expressions import Apply, Axis, Expression, GuardValue, Load, children
from .forwarding import LARGEST_VALUE, Cover, Forwarding, has_reduction, tree_size
from .functions import FUNCTIONS, Kind
from .region_facts import RegionFacts, hull, points_of
from .regions import Region, RegionStep, SequentialLoop
from .traversal import rewrite, substitute, with_children

_MOST_DISJUNCTS = 2


@dataclass(frozen=True, slots=True)
class Cases:
    """Joins neighbouring regions. `sizes` are the symbols that extents may have."""

    sizes: frozenset[str]
    facts: RegionFacts

    def run(self, steps: tuple[RegionStep, ...], known: isl.Set) -> tuple[RegionStep, ...]:
        """The recursion is over the nesting of loops."""
        made: list[RegionStep] = []
        for step in steps:
            if isinstance(step, SequentialLoop):
                step = replace(step, body=self.run(step.body, self.facts.inside(step, known)))
            elif made and isinstance(made[-1], Region):
                one = self._one(made[-1], step, known)
                if one is not None:
                    made[-1] = one
                    continue
            made.append(step)
        return tuple(made)

    def _one(self, first: Region, second: Region, known: isl.Set) -> Region | None:
        if first.array != second.array or has_reduction(first.value) or has_reduction(second.value):
            return None
        try:
            with limited():
                return self._joined(first, second, known)
        except DomainError:
            return None

    def _joined(self, first: Region, second: Region, known: isl.Set) -> Region | None:
        moved = _on_axes_of(first, second)
        if moved is None:
            return None
        mine, theirs = points_of(first, known), points_of(moved, known)
        if not self.facts.written(first, known).is_disjoint(self.facts.written(second, known)):
            return None
        value = self._reading_old(first, moved, known, theirs)
        if value is None:
            return None
        both = mine.union(theirs).coalesce()
        axes = self._hull(first, moved, both)
        if axes is None:
            return None
        guard = gist(both, known.intersect(condition(hull(axes))))
        case, branches = gist(mine, both), (first.value, value)
        if len(case.disjuncts) > 1:
            case, branches = gist(theirs, both), (value, first.value)
        if len(guard.disjuncts) > _MOST_DISJUNCTS or len(case.disjuncts) != 1:
            return None
        chosen = choice(GuardValue(case), *branches)
        if tree_size(chosen) > LARGEST_VALUE:
            return None
        lines = (min(first.lines[0], second.lines[0]), max(first.lines[1], second.lines[1]))
        return replace(first, axes=axes, value=chosen, guard=guard, lines=lines)

    def _reading_old(
        self, first: Region, second: Region, known: isl.Set, points: isl.Set
    ) -> Expression | None:
        """The second region's value in terms of what was there before the first one."""
        forwarding = Forwarding(first, second, known)
        items = forwarding.loads()
        covers = [forwarding.cover(item) for item in items]
        if Cover.SOME in covers:
            return None
        covered = [item for item, cover in zip(items, covers, strict=True) if cover is Cover.ALL]
        if covered and first.span != second.span:
            return None
        return decided(forwarding.applied(covered).value, points)

    def _hull(self, first: Region, second: Region, both: isl.Set) -> tuple[Axis, ...] | None:
        """The axes of the union, where they are about as long as those of either region."""
        axes: list[Axis] = []
        for mine, theirs in zip(first.axes, second.axes, strict=True):
            span = bounds(both, mine.name, self.sizes)
            longest = nominal(span.upper)
            if span.lower != Affine() or longest > 2 * min(nominal(mine.extent), nominal(theirs.extent)):
                return None
            axes.append(Axis(mine.name, span.upper))
        return tuple(axes)


def _on_axes_of(first: Region, second: Region) -> Region | None:
    """The second region over axes named like the first one's, where both write `array[same indices]`."""
    if len(first.axes) != len(second.axes):
        return None
    apart = {axis.name: Affine.symbol(f"{axis.name}.") for axis in second.axes}
    indices = tuple(index.substitute(apart) for index in second.indices)
    dtype = second.value.dtype
    names = [f"{axis.name}." for axis in second.axes]
    point = match_all([(Load("", indices, dtype), Load("", first.indices, dtype))], names)
    if point is None:
        return None
    back = {name.removesuffix("."): value for name, value in point.items()}
    extents = {axis.name: axis.extent for axis in second.axes}
    axes: list[Axis] = []
    for axis in first.axes:
        old = next((name for name, value in back.items() if value == Affine.symbol(axis.name)), None)
        if old is None:
            return None
        axes.append(Axis(axis.name, extents[old]))
    guard = second.guard.substitute(back)
    return replace(
        second, axes=tuple(axes), indices=first.indices, value=substitute(second.value, back), guard=guard
    )


def choice(test: GuardValue, then: Expression, otherwise: Expression) -> Expression:
    """`test ? then : otherwise`, with the choice as far inside as both branches are alike.

    `c ? min(d, p + q) : min(d, p + r)` becomes `min(d, p + (c ? q : r))`. Iterative, operands first.
    """
    made: dict[tuple[int, int], Expression] = {}
    stack = [(then, otherwise)]
    while stack:
        left, right = stack[-1]
        pairs: list[tuple[Expression, Expression]] = []
        if _is_alike(left, right):
            pairs = list(zip(children(left), children(right), strict=True))
        waiting = [(a, b) for a, b in pairs if a != b and (id(a), id(b)) not in made]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        if pairs:
            below = tuple(a if a == b else made[id(a), id(b)] for a, b in pairs)
            made[id(left), id(right)] = with_children(left, below)
        else:
            made[id(left), id(right)] = Apply("select", (test, left, right), left.dtype)
    return then if then == otherwise else made[id(then), id(otherwise)]


def _is_alike(left: Expression, right: Expression) -> bool:
    """Whether two expressions apply one arithmetic function."""
    match left, right:
        case Apply(), Apply():
            kind = FUNCTIONS[left.function].kind
            return left.function == right.function and kind is Kind.ARITHMETIC
        case _:
            return False


def decided(value: Expression, points: isl.Set) -> Expression:
    """The expression without selects whose condition on indices is the same at all points."""

    def change(node: Expression) -> Expression:
        match node:
            case Apply("select", (GuardValue(guard), then, otherwise)):
                if implies(points, guard):
                    return then
                return otherwise if points.is_disjoint(condition(guard)) else node
            case _:
                return node

    return rewrite(value, change)
