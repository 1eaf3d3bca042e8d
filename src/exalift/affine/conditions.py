"""Conditions on integer points as values: combined, compared, renamed; and points with weights.

Every symbol of a condition (size, induction variable, axis) is an isl parameter, so conditions of
different origin combine by name (see `domains`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import islpy as isl

from .affine_expression import Affine
from .domains import (
    DomainError,
    condition,
    encode,
    equalities,
    exists,
    limited,
    parameter_names,
    size_context,
    to_affine,
    tuple_set,
)
from .guards import Constraint, Guard
from .ir import Program

__all__ = ["Condition", "DomainError", "WeightedPoints", "limited"]

_PARAM = isl.dim_type.param


@dataclass(frozen=True, slots=True)
class Condition:
    """A set of integer points over named symbols; symbols that it does not name are free.

    Every method may raise `DomainError` inside `limited`, where isl takes more work than allowed.
    """

    points: isl.Set

    @staticmethod
    def of(guard: Guard) -> Condition:
        return Condition(condition(guard))

    @staticmethod
    def on_sizes(program: Program) -> Condition:
        """What is known of a program's sizes: their minima, and its constraints."""
        return Condition(size_context(program))

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.points.intersect(other.points))

    def __or__(self, other: Condition) -> Condition:
        return Condition(self.points.union(other.points).coalesce())

    def __sub__(self, other: Condition) -> Condition:
        return Condition(self.points.subtract(other.points).coalesce())

    @property
    def is_empty(self) -> bool:
        return bool(self.points.is_empty())

    def implies(self, other: Condition) -> bool:
        return bool(self.points.is_subset(other.points))

    def equals(self, other: Condition) -> bool:
        return bool(self.points.is_equal(other.points))

    def exists(self, names: Iterable[str]) -> Condition:
        """That some values of `names` satisfy this."""
        return Condition(exists(self.points, names))

    def given(self, known: Condition) -> Condition:
        """A condition, simple if possible, that agrees with this one wherever `known` holds."""
        if known.implies(self):
            return Condition(isl.Set("{ : }"))
        return Condition(self.points.coalesce().gist(known.points).coalesce())

    @property
    def names(self) -> frozenset[str]:
        """The symbols that constraints mention."""
        points = self.points
        names = parameter_names(points)
        return frozenset(name for k, name in enumerate(names) if points.involves_dims(_PARAM, k, 1))

    def rename(self, mapping: Mapping[str, str]) -> Condition:
        """Symbols renamed, all at once. New names must not be symbols that stay."""
        points = exists(self.points, set(parameter_names(self.points)) - self.names)
        found = [(k, mapping[n]) for k, n in enumerate(parameter_names(points)) if n in mapping]
        staying = {n for n in parameter_names(points) if n not in mapping}
        if staying & {name for _, name in found} or len({name for _, name in found}) < len(found):
            raise ValueError("renaming would identify two symbols")
        for k, _ in found:
            points = points.set_dim_name(_PARAM, k, f"renamed_{k}")
        for k, name in found:
            points = points.set_dim_name(_PARAM, k, encode(name))
        return Condition(points)

    def substitute(self, values: Mapping[str, Affine]) -> Condition:
        """The condition with expressions in the place of symbols, which the expressions do not mention."""
        present = self.names & values.keys()
        if not present:
            return self
        if any(values[name].names & present for name in present):
            raise ValueError("an expression mentions a symbol that it is to replace")
        rows = [Constraint(Affine.symbol(name) - values[name], True) for name in sorted(present)]
        return (self & Condition.of(Guard.of(*rows))).exists(present)

    @property
    def equalities(self) -> tuple[Affine, ...]:
        """Expressions that are 0 at all points, as far as the affine hull tells."""
        return equalities(self.points)

    def interval(self, name: str) -> tuple[tuple[Condition, Affine, Affine], ...] | None:
        """The least and greatest value of `name` as functions of the other symbols, piece by piece.

        None where values in between are missing, or where there is no such function.
        """
        points = tuple_set(self.points, "", [name])
        try:
            lowest, highest = points.dim_min(0), points.dim_max(0)
        except isl.Error:
            return None
        low: list[tuple[isl.Set, Affine]] = []
        high: list[tuple[isl.Set, Affine]] = []
        lowest.foreach_piece(lambda where, aff: low.append((where.params(), to_affine(aff))))
        highest.foreach_piece(lambda where, aff: high.append((where.params(), to_affine(aff))))
        found: list[tuple[Condition, Affine, Affine]] = []
        symbol = Affine.symbol(name)
        for below, least in low:
            for above, greatest in high:
                where = Condition(below.intersect(above))
                if where.is_empty:
                    continue
                between = Guard.of(Constraint(symbol - least), Constraint(greatest - symbol))
                if not (where & Condition.of(between)).implies(self):
                    return None
                found.append((where, least, greatest))
        return tuple(found)


class WeightedPoints:
    """A function from integer points to rationals that is constant on pieces; zero at first."""

    def __init__(self) -> None:
        self.pieces: dict[Fraction, isl.Set] = {}

    def add(self, weight: Fraction, where: Condition) -> None:
        """Add `weight` at every point of `where`."""
        if not weight:
            return
        rest = where.points
        pieces: dict[Fraction, isl.Set] = {}
        for value, points in self.pieces.items():
            common = points.intersect(rest)
            if common.is_empty():
                _put(pieces, value, points)
                continue
            _put(pieces, value, points.subtract(common))
            _put(pieces, value + weight, common)
            rest = rest.subtract(common)
        _put(pieces, weight, rest)
        self.pieces = pieces

    @property
    def is_zero(self) -> bool:
        return not self.pieces

    @property
    def weights(self) -> frozenset[Fraction]:
        """All weights other than 0 that some point has."""
        return frozenset(self.pieces)

    @property
    def support(self) -> Condition:
        """The points of a weight other than 0."""
        found = isl.Set("{ : 0 = 1 }")
        for points in self.pieces.values():
            found = found.union(points)
        return Condition(found.coalesce())

    def where(self, weight: Fraction) -> Condition:
        """The points of a weight other than 0."""
        return Condition(self.pieces.get(weight, isl.Set("{ : 0 = 1 }")))


def _put(pieces: dict[Fraction, isl.Set], value: Fraction, points: isl.Set) -> None:
    if not value or points.is_empty():
        return
    known = pieces.get(value)
    pieces[value] = (points if known is None else known.union(points)).coalesce()
