"""Opaque values: functions that sums of products do not explain, told apart by their arguments alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice, permutations

from exalift.affine import Affine, Condition

from .sums import (
    Factor,
    Sum,
    Term,
    UndecidedError,
    Work,
    difference_is_zero,
    renamed,
    same_values,
    substituted,
)
from .unify import correspondences

_MOST_CELLS = 12
_MOST_TRIES = 24

Interval = tuple[int, int]
"""The least and the greatest integer that a value may be."""


class Reading(Enum):
    """What the terms of an argument stand for."""

    SUM = "their sum"
    SET = "a set of values"
    BAG = "values with their multiplicities"


@dataclass(frozen=True, slots=True)
class Opaque:
    """`function(arguments)` at the axes `%p0`, `%p1`, ...: defined at all integers by its arguments."""

    name: str
    axes: int
    arguments: tuple[Sum, ...]
    within: Interval | None = None

    def at(self, indices: tuple[Affine, ...], work: Work) -> tuple[Sum, ...]:
        """The arguments at some indices, with bound axes of their own."""
        values = dict(zip((f"%p{k}" for k in range(self.axes)), indices, strict=True))
        return tuple(_with_own_axes(substituted(argument, values), work) for argument in self.arguments)


class Registry:
    """The opaque values of one comparison, shared by both sides."""

    def __init__(self, work: Work, symbols: Iterable[str]) -> None:
        self.work = work
        self.symbols = frozenset(symbols)
        self.known: dict[tuple[str, int], list[Opaque]] = {}
        self.by_name: dict[str, tuple[str, Opaque]] = {}

    def arguments(self, factor: Factor, function: str) -> tuple[Sum, ...] | None:
        """The arguments at its indices, where a factor is an opaque value of the function."""
        found = self.by_name.get(factor.name)
        if found is None or found[0] != function or factor.power != 1:
            return None
        return found[1].at(factor.indices, self.work)

    def within(self, factor: Factor) -> Interval | None:
        """What is known of the values of a factor."""
        found = self.by_name.get(factor.name)
        return None if found is None or factor.power != 1 else found[1].within

    def value(
        self,
        function: str,
        alternatives: Sequence[tuple[Sum, ...]],
        where: Condition,
        within: Interval | None = None,
        reading: Reading = Reading.SUM,
    ) -> Factor:
        """The atom of a function of arguments that are given at the points of `where`.

        `alternatives` are arguments of which any gives the same value. Two values are one atom where
        their arguments are proved equal at all these points.
        """
        self.work.check()
        told = determined(where, where.names - self.symbols)
        here = where.exists(told)
        choices = [
            tuple(_simplified(substituted(argument, told), here) for argument in arguments)
            for arguments in alternatives
        ]
        known = self.known.setdefault((function, len(choices[0])), [])
        for candidate in known:
            for arguments in choices:
                at = self._agreement(candidate, arguments, here, reading)
                if at is not None:
                    return Factor(candidate.name, at)
        stored, at = self._as_function(choices[0])
        opaque = Opaque(f"%{function}#{len(self.by_name)}", len(at), stored, within)
        known.append(opaque)
        self.by_name[opaque.name] = (function, opaque)
        return Factor(opaque.name, at)

    def _as_function(self, arguments: tuple[Sum, ...]) -> tuple[tuple[Sum, ...], tuple[Affine, ...]]:
        """Arguments as functions of `%p0`, `%p1`, ..., and the indices at which they are the ones given.

        A value of `A[i - k]` is a function of the one place that is read, wherever it is met again. What has
        more places than axes, or conditions of its own, is a function of its axes.
        """
        terms = [term for argument in arguments for term in argument]
        axes = sorted({name for term in terms for name in term.free} - self.symbols)
        places = dict.fromkeys(
            index for term in terms for f in term.factors for index in f.indices if index.names - self.symbols
        )
        if len(places) > len(axes) or any(term.bound or term.where.names for term in terms):
            names = {axis: f"%p{k}" for k, axis in enumerate(axes)}
            return tuple(renamed(argument, names) for argument in arguments), tuple(map(Affine.symbol, axes))
        moved = {place: Affine.symbol(f"%p{k}") for k, place in enumerate(places)}
        return tuple(_moved(argument, moved) for argument in arguments), tuple(places)

    def _agreement(
        self, known: Opaque, arguments: tuple[Sum, ...], where: Condition, reading: Reading
    ) -> tuple[Affine, ...] | None:
        """Indices at which a known value has these arguments at all points of `where`."""
        names = [f"%p{k}" for k in range(known.axes)]
        free = {n for argument in arguments for term in argument for n in term.free} - self.symbols
        for values in islice(self._tries(known, arguments, names, sorted(free)), _MOST_TRIES):
            at = tuple(values[name] for name in names)
            if all(
                self._same(mine, theirs, where, reading)
                for mine, theirs in zip(known.at(at, self.work), arguments, strict=True)
            ):
                return at
        return None

    def _same(self, left: Sum, right: Sum, where: Condition, reading: Reading) -> bool:
        if reading is Reading.SUM:
            return difference_is_zero(left, right, where, self.work)
        return same_values(left, right, where, self.work, counted=reading is Reading.BAG)

    def _tries(
        self, known: Opaque, arguments: tuple[Sum, ...], names: list[str], free: list[str]
    ) -> Iterator[dict[str, Affine]]:
        """Values of the axes of a known value that may give these arguments; no promise that they do."""
        for values in correspondences(known.arguments, arguments, names):
            missing = [name for name in names if name not in values]
            if not missing:
                yield values
                continue
            used = {name for value in values.values() for name in value.names}
            unused = [name for name in free if name not in used]
            for order in permutations(unused, len(missing)):
                yield {**values, **dict(zip(missing, map(Affine.symbol, order), strict=True))}


def determined(where: Condition, names: Iterable[str]) -> dict[str, Affine]:
    """Those of the names that the other symbols determine by an equality, as expressions in those."""
    names = frozenset(names)
    told: dict[str, Affine] = {}
    for zero in where.equalities:
        zero = zero.substitute(told)
        for name in sorted(zero.names & names):
            coefficient = zero.coefficient(name)
            rest = zero - Affine.symbol(name) * coefficient
            if abs(coefficient) == 1 and name not in rest.names:
                value = rest * -coefficient
                told = {known: old.substitute({name: value}) for known, old in told.items()}
                told[name] = value
                break
    return told


def _moved(value: Sum, places: Mapping[Affine, Affine]) -> Sum:
    """The value with whole indices replaced."""

    def at(factor: Factor) -> Factor:
        return replace(factor, indices=tuple(places.get(index, index) for index in factor.indices))

    return tuple(replace(term, factors=tuple(map(at, term.factors))) for term in value)


def _with_own_axes(value: Sum, work: Work) -> Sum:
    """Bound axes with fresh names, so that a value may be used twice."""
    found: list[Term] = []
    for term in value:
        if term.bound:
            names = {name: work.fresh() for name in term.bound}
            (moved,) = renamed((replace(term, bound=()),), names)
            term = replace(moved, bound=tuple(names.values()))
        found.append(term)
    return tuple(found)


def _simplified(value: Sum, where: Condition) -> Sum:
    """The value with conditions that hold throughout `where` left out; the same at all points of `where`."""
    found: list[Term] = []
    for term in value:
        if (term.where & where).is_empty:
            continue
        term = without_told_axes(replace(term, where=term.where & where))
        found.append(Term(term.coefficient, term.where.given(where), term.bound, term.factors))
    return tuple(found)


def without_told_axes(term: Term) -> Term:
    """The same term without bound axes that an equality in its condition determines."""
    if not term.bound:
        return term
    own = frozenset(term.bound)
    told = {name: value for name, value in determined(term.where, own).items() if not value.names & own}
    if not told:
        return term
    bound = tuple(name for name in term.bound if name not in told)
    (moved,) = substituted((replace(term, bound=bound),), told)
    return moved


def cells(values: Iterable[Sum], where: Condition) -> list[Condition]:
    """A partition of `where` into parts on which the same terms are there; one part if there are too many."""
    found = [where]
    for value in values:
        for term in value:
            condition = term.where.exists(term.bound)
            split: list[Condition] = []
            for cell in found:
                inside = cell & condition
                outside = cell - condition
                split += [part for part in (inside, outside) if not part.is_empty]
            if len(split) > _MOST_CELLS:
                return [where]
            found = split
    return found


def inverted(value: Sum, where: Condition, registry: Registry) -> Factor | Term:
    """One over a value: term by term for a product, else opaque. Division by zero is left out."""
    if len(value) == 1 and not value[0].bound and where.implies(value[0].where):
        term = value[0]
        factors = tuple(
            sorted((Factor(f.name, f.indices, -f.power) for f in term.factors), key=lambda f: f.kind)
        )
        return Term(1 / term.coefficient, where, (), factors)
    if not value:
        raise UndecidedError("a division by zero")
    return registry.value("inverse", [(value,)], where)
