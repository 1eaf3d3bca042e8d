"""Sums over like ranges walk one loop together, and so share what they read and its lanes.

alpha * sum k. A[i,k] x[k] + beta * sum l. B[i,l] x[l]    =>    the same over one k, in one loop
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from exalift.affine import Affine, Expression, Reduce

from .program import Assignment, Block, Columns, Item, Product, Sequential, extent_of
from .terms import Pool, postorder, same_scope


@dataclass(frozen=True, slots=True)
class Joiner:
    """Gives floating-point reductions of one assignment the same axes where ranges and guards are alike. LLVM
    makes vectors of integer sums by itself, and single ones may go to dot-product instructions."""

    pool: Pool

    def items(self, items: Sequence[Item]) -> tuple[Item, ...]:
        found: list[Item] = []
        for item in items:
            match item:
                case Block(assignments):
                    found.append(replace(item, assignments=tuple(map(self._joined, assignments))))
                case Sequential(body=body):
                    # Loops nest as deep as the source's own do, so this recursion is short.
                    found.append(replace(item, body=self.items(body)))
                case Columns() | Product():
                    found.append(item)
                case _:
                    assert_never(item)
        return tuple(found)

    def _joined(self, assignment: Assignment) -> Assignment:
        first: dict[tuple[object, ...], Reduce] = {}
        replaced: dict[int, Expression] = {}
        for term in same_scope(assignment.body):
            if not isinstance(term, Reduce) or not term.dtype.is_float or _is_nested(term):
                continue
            extents = tuple(extent_of(axis) for axis in term.axes)
            other = first.setdefault((extents, self.pool.names(term)), term)
            made = term if other is term else self._along(term, other)
            if made is not None and made is not term:
                replaced[id(term)] = made
        if not replaced:
            return assignment
        return replace(assignment, body=self.pool.rewrite(assignment.body, replaced))

    def _along(self, term: Reduce, other: Reduce) -> Expression | None:
        """The reduction over another one's axes, of as many elements; None where their guards differ."""
        pairs = zip(term.axes, other.axes, strict=True)
        mapping = {own.name: Affine.symbol(its.name) for own, its in pairs}
        guard = term.guard.substitute(mapping)
        if guard != other.guard:
            return None
        body = self.pool.substitute(term.body, mapping)
        return self.pool.reduce(term.function, other.axes, body, term.dtype, guard)


def _is_nested(term: Reduce) -> bool:
    return any(isinstance(below, Reduce) for below in postorder(term.body))


def companions(body: Expression, pool: Pool) -> dict[int, tuple[Reduce, ...]]:
    """For every reduction of a body, by identity, those that can walk its loops with it, itself included: of
    the same axes and guard, that move with the same names."""
    groups: dict[tuple[object, ...], list[Reduce]] = {}
    for term in same_scope(body):
        if isinstance(term, Reduce):
            key = (id(term),) if _is_nested(term) else (term.axes, term.guard, pool.names(term))
            groups.setdefault(key, []).append(term)
    return {id(term): tuple(group) for group in groups.values() for term in group}
