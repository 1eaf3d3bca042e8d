"""How small and how large an affine expression can be where it stands.

A scope is the list of variables around, outermost first, each with affine bounds. The innermost variable
of an expression is replaced by the bound that makes the expression largest (or smallest), and so on
outwards: what comes out bounds the expression at every point of the scope. Of several bounds of one
variable each is tried, and the tightest answer taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from .index import Index, Quotient
from .ir import Constraint, Parameter, Range

_MOST_TRIALS = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables in sight, outermost first. `uniform`: those that are the same for all work-items."""

    ranges: tuple[Range, ...] = ()
    uniform: frozenset[str] = frozenset()

    @staticmethod
    def of(parameters: tuple[Parameter, ...]) -> Scope:
        ranges = tuple(Range(p.name, (Index.of(p.lower),), (Index.of(p.upper),)) for p in parameters)
        return Scope(ranges, frozenset(p.name for p in parameters))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(range.name for range in self.ranges)

    def inside(self, range: Range, uniform: bool) -> Scope:
        """The scope of a loop's body."""
        return Scope((*self.ranges, range), self.uniform | {range.name} if uniform else self.uniform)

    def where(self, constraints: tuple[Constraint, ...]) -> Scope:
        """The scope in which the constraints hold too; those that bound no variable by 1 are not used."""
        ranges = list(self.ranges)
        order = {name: position for position, name in enumerate(self.names)}
        for constraint in constraints:
            for index in (
                (constraint.index, -constraint.index) if constraint.equality else (constraint.index,)
            ):
                names = index.names
                if not names or not names <= set(order):
                    continue
                position = max(order[name] for name in names)
                made = bounded(ranges[position], index)
                if made is not None:
                    ranges[position] = made
        return Scope(tuple(ranges), self.uniform)

    def least(self, index: Index) -> int:
        """A lower bound of the expression."""
        return -self.most(-index)

    def most(self, index: Index) -> int:
        """An upper bound of the expression."""
        return _most(index, self.ranges, [_MOST_TRIALS])


def bounded(range: Range, index: Index) -> Range | None:
    """The range in which `index >= 0` too; None where its variable does not occur once, by 1 or -1."""
    factor = index.coefficient(range.name)
    rest = index - Index.of(range.name) * factor
    if abs(factor) != 1 or range.name in rest.names:
        return None
    if factor == 1:
        return Range(range.name, (*range.lower, -rest), range.upper)
    return Range(range.name, range.lower, (*range.upper, rest + 1))


def _most(index: Index, ranges: tuple[Range, ...], trials: list[int]) -> int:
    """The recursion is over the variables of the scope."""
    index = _without_quotients(index, ranges, trials)
    for position in reversed(range(len(ranges))):
        here = ranges[position]
        factor = index.coefficient(here.name)
        if not factor:
            continue
        candidates = [bound - 1 for bound in here.upper] if factor > 0 else list(here.lower)
        trials[0] -= len(candidates) - 1
        if trials[0] <= 0:
            candidates = candidates[:1]
        rest = index - Index.of(here.name) * factor
        return min(_most(rest + candidate * factor, ranges[:position], trials) for candidate in candidates)
    if index.terms:
        raise KeyError(next(iter(index.names)))
    return index.constant


def _without_quotients(index: Index, ranges: tuple[Range, ...], trials: list[int]) -> Index:
    """Each quotient replaced by its own largest (or smallest) value."""
    result = Index((), index.constant)
    for atom, coefficient in index.terms:
        if isinstance(atom, Quotient):
            if coefficient > 0:
                extreme = _most(atom.numerator, ranges, trials) // atom.denominator
            else:
                extreme = -_most(-atom.numerator, ranges, trials) // atom.denominator
            result = result + extreme * coefficient
        else:
            result = result + Index.of(atom) * coefficient
    return result


def extent_of(axis: Range, scope: Scope) -> int:
    """The most points that an axis, whose bounds stand in the scope, can have."""
    return max(0, min(scope.most(upper - lower) for upper in axis.upper for lower in axis.lower))
