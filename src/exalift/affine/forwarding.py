"""Putting the value that one region writes in the place where another region reads it.

X[i] = v(i);  Y[j] = f(X[j + 1])    =>    Y[j] = f(v(j + 1))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import islpy as isl

from .accumulations import identity_constant
from .affine_expression import Affine
from .domains import DomainError, condition, limited
from .expressions import (
    Apply,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)
from .guards import Constraint, Guard
from .naming import fresh_name
from .region_facts import hull, points_of
from .regions import Region
from .statements import BoundLoad, bound_loads
from .traversal import free_symbols, nodes, rewrite, substitute

LARGEST_VALUE = 400
"""The number of nodes up to which a value may grow by forwarding."""


class Cover(Enum):
    """How much of what a load reads was written by a region."""

    ALL = "all"
    NONE = "none"
    SOME = "some, or not known"


def is_copy(value: Expression) -> bool:
    """Whether computing the value again costs nothing: a load, a constant, an index."""
    while isinstance(value, Cast):
        value = value.operand
    return isinstance(value, Load | Constant | IndexValue | GuardValue)


def has_reduction(value: Expression) -> bool:
    return any(isinstance(node, Reduce) for node in nodes(value))


def tree_size(value: Expression) -> int:
    """The number of nodes of the expression written out as a tree."""
    sizes: dict[int, int] = {}
    for node in nodes(value):
        sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children(node))
    return sizes[id(value)]


def occurrences(value: Expression, load: Load) -> int:
    """How often a load stands in the expression written out as a tree."""
    counts: dict[int, int] = {}
    for node in nodes(value):
        counts[id(node)] = int(node == load) + sum(counts[id(child)] for child in children(node))
    return counts[id(value)]


def inverse(region: Region, indices: Sequence[Affine]) -> dict[str, Affine] | None:
    """The point of a region that writes `indices`, where each axis is some subscript plus an offset."""
    found: dict[str, Affine] = {}
    for mine, theirs in zip(region.indices, indices, strict=True):
        for axis in region.axes:
            if axis.name in found or mine.coefficient(axis.name) != 1:
                continue
            rest = mine - Affine.symbol(axis.name)
            if not rest.names & {other.name for other in region.axes}:
                found[axis.name] = theirs - rest
    return found if len(found) == len(region.axes) else None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """`writer`'s value, to be put in the place of `reader`'s loads; both run under `known`."""

    writer: Region
    reader: Region
    known: isl.Set

    def cover(self, item: BoundLoad) -> Cover:
        """How much of what a load of `reader` sees was written by `writer`."""
        point = inverse(self.writer, item.load.indices)
        if point is None:
            return Cover.SOME
        inside = hull(self.writer.axes) & self.writer.guard
        same = [
            Constraint(mine.substitute(point) - theirs, True)
            for mine, theirs in zip(self.writer.indices, item.load.indices, strict=True)
        ]
        inside = Guard(tuple(tuple(_at(row, point) for row in d) for d in inside.disjuncts)) & Guard.of(*same)
        try:
            with limited():
                reads = points_of(self.reader, self.known).intersect(condition(item.guard))
                hit = condition(inside)
                if reads.is_subset(hit):
                    return Cover.ALL
                return Cover.NONE if reads.is_disjoint(hit) else Cover.SOME
        except DomainError:
            return Cover.SOME

    def loads(self) -> list[BoundLoad]:
        return [item for item in bound_loads(self.reader.value) if item.load.array == self.writer.array]

    def once_each(self, item: BoundLoad) -> bool:
        """Whether no two points of the reader, reductions included, need the same point of the writer."""
        point = inverse(self.writer, item.load.indices)
        if point is None:
            return False
        alone = {
            name
            for value in point.values()
            for name in value.names
            if abs(value.coefficient(name)) == 1 and len(value.terms) == 1
        }
        return all(axis.name in alone for axis in (*self.reader.axes, *item.axes))

    def applied(self, covered: Sequence[BoundLoad]) -> Region:
        """The reader with the covered loads replaced."""
        places = {item.load: self._value_at(item.load) for item in covered}
        return replace(self.reader, value=replace_loads(self.reader.value, places))

    def _value_at(self, load: Load) -> Expression:
        point = inverse(self.writer, load.indices)
        assert point is not None
        return substitute(_with_fresh_axes(self.writer.value, self._taken()), point)

    def _taken(self) -> set[str]:
        """The names that must not be bound inside the value once it stands in the reader."""
        taken = {axis.name for axis in self.reader.axes}
        taken |= {axis.name for item in self.loads() for axis in item.axes}
        return taken | free_symbols(self.reader.value) | free_symbols(self.writer.value)


def _at(row: Constraint, point: Mapping[str, Affine]) -> Constraint:
    return Constraint(row.expression.substitute(point), row.equality)


def _with_fresh_axes(value: Expression, taken: set[str]) -> Expression:
    """The expression with every reduction's axes renamed where their names are taken."""
    names: dict[str, str] = {}

    def change(node: Expression) -> Expression:
        if not isinstance(node, Reduce):
            return node
        for axis in node.axes:
            if axis.name in taken and axis.name not in names:
                names[axis.name] = fresh_name(axis.name, taken)
        renamed = {a.name: Affine.symbol(names[a.name]) for a in node.axes if a.name in names}
        return substitute(node, renamed)

    return rewrite(value, change)


def replace_loads(value: Expression, places: Mapping[Load, Expression]) -> Expression:
    """Replace loads; an identity that so becomes an operand goes away, as in `0 + sum`."""
    constants = [new for new in places.values() if isinstance(new, Constant)]

    def change(node: Expression) -> Expression:
        match node:
            case Load():
                return places.get(node, node)
            case Cast(operand=Constant()) if any(node.operand is c for c in constants):
                return _cast_constant(node, constants)
            case Apply(function=function, operands=(left, right)):
                if any(left is c for c in constants):
                    return _without_left(node, function, left, right)
                if any(right is c for c in constants) and function != "subtract":
                    return _without_left(node, function, right, left)
                return node
            case _:
                return node

    return rewrite(value, change)


def _cast_constant(node: Cast, constants: list[Constant]) -> Expression:
    """A number that every type has, in the type that it is cast to."""
    operand = node.operand
    assert isinstance(operand, Constant)
    widens = operand.dtype.is_float and node.dtype.is_float and operand.dtype.bits <= node.dtype.bits
    if widens or (operand.value in (0, 1) and node.dtype.bits > 1):
        made = Constant(operand.value if widens else int(operand.value), node.dtype)
        constants.append(made)
        return made
    return node


def _without_left(node: Apply, function: str, constant: Expression, other: Expression) -> Expression:
    assert isinstance(constant, Constant)
    dtype = constant.dtype
    if function == "subtract":
        return (
            Apply("negate", (other,), dtype) if constant.value == 0 and node.operands[0] is constant else node
        )
    if function not in ("add", "multiply", "maximum", "minimum", "and", "or", "xor"):
        return node
    return other if constant.value == identity_constant(function, dtype).value else node
