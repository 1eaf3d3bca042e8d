"""Assignments that happen at once, as steps one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...graph import Argument, ArrayValue, ConstantValue, IndexScalar, Node, Operation, Step, Update
from ..walks import walk


def reads(node: Node) -> frozenset[str]:
    """The arrays that a node reads."""
    return frozenset(leaf.name for leaf in walk(node) if isinstance(leaf, ArrayValue))


_NEW = "%new"


def assign(
    pairs: Mapping[str, Node], fresh: Callable[[str], str], made: Callable[[Argument], None]
) -> list[Step]:
    """Steps after which every array has the value that its node had before them.

    A node inside another one is read from its array once it is there, which makes updates in place out of
    chains: `b := f(b, a); a := g(a, f(b, a))` is `b := f(b, a); a := g(a, b)`. Where arrays swap, one is
    copied first: `fresh` names the copy and `made` is told of it.
    """
    left = {
        array: node
        for array, node in pairs.items()
        if not (isinstance(node, ArrayValue) and node.name == array)
    }
    steps: list[Step] = []
    while left:
        found = _next(left)
        if found is not None:
            array, others = found
            steps.append(Update(array, left[array]))
            left = others
            continue
        array, node = next(iter(left.items()))
        copy = ArrayValue(fresh(f"{array}_before"), node.type)
        made(Argument(copy.name, copy.type))
        steps.append(Update(copy.name, ArrayValue(array, node.type)))
        left = {other: replace_arrays(n, {array: copy.name}) for other, n in left.items()}
    return steps


def _next(left: Mapping[str, Node]) -> tuple[str, dict[str, Node]] | None:
    """An array that can have its value now, and the other nodes after that."""
    for array in left:
        others = _first(array, left)
        if others is not None:
            return array, others
    return None


def _first(array: str, left: Mapping[str, Node]) -> dict[str, Node] | None:
    """The other nodes once `array` has its value; None where they still want its old one."""
    node = left[array]
    new = {id(node): ArrayValue(_NEW, node.type)} if isinstance(node, Operation) else {}
    others: dict[str, Node] = {}
    for other, value in left.items():
        if other == array:
            continue
        read = _replaced(value, new, {})
        if array in reads(read):
            return None
        others[other] = replace_arrays(read, {_NEW: array})
    return others


def replace_arrays(root: Node, names: Mapping[str, str]) -> Node:
    """The node with arrays renamed; what does not change is shared."""
    return _replaced(root, {}, names)


def _replaced(root: Node, nodes: Mapping[int, Node], names: Mapping[str, str]) -> Node:
    """The node with others, by identity, and names of arrays replaced."""
    made: dict[int, Node] = {}
    for node in walk(root):
        if id(node) in nodes:
            made[id(node)] = nodes[id(node)]
            continue
        match node:
            case ArrayValue(name, type):
                made[id(node)] = ArrayValue(names[name], type) if name in names else node
            case ConstantValue() | IndexScalar():
                made[id(node)] = node
            case Operation(name, operands, attributes, type):
                below = tuple(made[id(operand)] for operand in operands)
                same = all(a is b for a, b in zip(below, operands, strict=True))
                made[id(node)] = node if same else Operation(name, below, attributes, type)
    return made[id(root)]
