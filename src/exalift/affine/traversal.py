"""Walks over scalar expressions: bottom-up, memoised and iterative, so that depth never matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar, assert_never

from .affine_expression import Affine
from .expressions import (
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)

T = TypeVar("T")


def fold(expression: Expression, combine: Callable[[Expression, tuple[T, ...]], T]) -> T:
    """The value that `combine(node, values of its children)` gives at the root."""
    results: dict[int, T] = {}
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, expanded = stack.pop()
        if id(node) in results:
            continue
        below = children(node)
        if expanded or not below:
            results[id(node)] = combine(node, tuple(results[id(child)] for child in below))
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(below))
    return results[id(expression)]


def nodes(expression: Expression) -> tuple[Expression, ...]:
    """Every node, children before parents; equal nodes at different places appear once an object."""
    found: list[Expression] = []

    def visit(node: Expression, _: tuple[None, ...]) -> None:
        found.append(node)

    fold(expression, visit)
    return tuple(found)


def with_children(node: Expression, below: tuple[Expression, ...]) -> Expression:
    """The node with other direct sub-expressions; the node itself where they are the same objects."""
    if all(new is old for new, old in zip(below, children(node), strict=True)):
        return node
    match node:
        case Apply():
            return replace(node, operands=below)
        case Cast():
            return replace(node, operand=below[0])
        case Reduce():
            return replace(node, body=below[0])
        case Constant() | IndexValue() | GuardValue() | Load():
            return node
        case _:
            assert_never(node)


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Rebuild bottom-up; `change` sees each node after its children were rewritten."""
    return fold(expression, lambda node, below: change(with_children(node, below)))


def substitute(expression: Expression, mapping: Mapping[str, Affine]) -> Expression:
    """Replace symbols (axes, sizes, induction variables) by affine expressions, all at once.

    Axes that a `Reduce` binds are expected to be unlike the symbols replaced and those that come in;
    an axis name in `mapping` that a `Reduce` binds is renamed there too if it maps to a plain symbol.
    """

    def change(node: Expression) -> Expression:
        match node:
            case IndexValue(index=index):
                return replace(node, index=index.substitute(mapping))
            case GuardValue(guard=guard):
                return replace(node, guard=guard.substitute(mapping))
            case Load(indices=indices):
                return replace(node, indices=tuple(index.substitute(mapping) for index in indices))
            case Reduce(axes=axes, guard=guard):
                renamed = tuple(Axis(_renamed(a.name, mapping), a.extent.substitute(mapping)) for a in axes)
                return replace(node, axes=renamed, guard=guard.substitute(mapping))
            case _:
                return node

    return rewrite(expression, change) if mapping else expression


def _renamed(name: str, mapping: Mapping[str, Affine]) -> str:
    target = mapping.get(name)
    if target is None:
        return name
    if len(target.terms) == 1 and target == Affine.symbol(str(target.terms[0][0])):
        return str(target.terms[0][0])
    raise ValueError(f"the bound axis {name!r} can only be renamed, not replaced by {target}")


@lru_cache(maxsize=65536)
def free_symbols(expression: Expression) -> frozenset[str]:
    """The symbols that occur, without the axes that a `Reduce` inside binds."""

    def combine(node: Expression, below: tuple[frozenset[str], ...]) -> frozenset[str]:
        names: frozenset[str] = frozenset[str]().union(*below)
        match node:
            case IndexValue(index=index):
                return index.names
            case GuardValue(guard=guard):
                return guard.names
            case Load(indices=indices):
                return frozenset[str]().union(*(index.names for index in indices))
            case Reduce(axes=axes, guard=guard):
                extents = frozenset[str]().union(*(axis.extent.names for axis in axes))
                return (names | guard.names | extents) - {axis.name for axis in axes}
            case _:
                return names

    return fold(expression, combine)


def loads(expression: Expression) -> tuple[Load, ...]:
    """The distinct loads, in the order of a left-to-right walk."""
    return tuple(dict.fromkeys(node for node in nodes(expression) if isinstance(node, Load)))
