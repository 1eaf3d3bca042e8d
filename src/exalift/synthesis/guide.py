"""The guide: what the source region does says which ops to try first. It removes none for good.

A region and an op are read by the same eyes: both are formulas, and both have features, which are the
functions applied and the ways in which arrays are accessed. A signature is likely where it has no
feature that the region lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    FloorDiv,
    Formula,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    nodes,
)

from .static_checks import Signature

_ALWAYS = frozenset({"broadcast", "reordered"})
"""Movements that most graphs need, whatever the region looks like."""


@dataclass
class Guide:
    """The likely signatures of a region with these features; see `features`."""

    features: frozenset[str]

    def __post_init__(self) -> None:
        self._known: dict[int, bool] = {}

    @staticmethod
    def of(formulas: Iterable[Formula]) -> Guide:
        """The guide of a region that computes these."""
        return Guide(frozenset[str]().union(*(features(formula) for formula in formulas)))

    def likely(self, signature: Signature) -> bool:
        """Whether the op does nothing that the region does not do."""
        known = self._known.get(signature.number)
        if known is None:
            known = features(signature.formula) <= self.features | _ALWAYS
            self._known[signature.number] = known
        return known


def features(formula: Formula) -> frozenset[str]:
    """What a formula does: `function add`, `reduce maximum`, `cast`, `index`, `guard`, and accesses:

    `reordered` (axes in another order), `broadcast` (an axis that a load does not use), `diagonal` (an
    axis twice), `shifted`, `reversed`, `strided`, `divided` (floor division), `mixed` (two axes in one
    subscript), `fixed` (a subscript without axes).
    """
    found: set[str] = set()
    axes = [axis.name for axis in formula.axes]
    for node in nodes(formula.body):
        if isinstance(node, Reduce):
            axes += [axis.name for axis in node.axes]
    for node in nodes(formula.body):
        match node:
            case Apply(function=function):
                found.add(f"function {function}")
            case Cast():
                found.add("cast")
            case Reduce(function=function, guard=guard):
                found.add(f"reduce {function}")
                if not guard.is_always:
                    found.add("guard")
            case GuardValue():
                found.add("guard")
            case IndexValue():
                found.add("index")
            case Load():
                found |= _accesses(node, axes, formula.axes)
            case _:
                pass
    return frozenset(found)


def _accesses(load: Load, axes: list[str], outer: tuple[Axis, ...]) -> set[str]:
    found: set[str] = set()
    seen: list[str] = []
    for index in load.indices:
        used = [name for name in axes if name in index.names]
        seen += used
        found |= _subscript(index, used)
    if len(set(seen)) < len(seen):
        found.add("diagonal")
    places = [axes.index(name) for name in seen]
    if places != sorted(places):
        found.add("reordered")
    if any(axis.name not in seen for axis in outer):
        found.add("broadcast")
    return found


def _subscript(index: Affine, used: list[str]) -> set[str]:
    if not used:
        return {"fixed"}
    found: set[str] = set()
    if any(isinstance(atom, FloorDiv) for atom, _ in index.terms):
        found.add("divided")
    if len(used) > 1:
        found.add("mixed")
    coefficients = [index.coefficient(name) for name in used]
    if any(coefficient < 0 for coefficient in coefficients):
        found.add("reversed")
    elif index - sum((Affine.symbol(n) * c for n, c in zip(used, coefficients, strict=True)), Affine()) != (
        Affine()
    ):
        found.add("shifted")
    if any(abs(coefficient) > 1 for coefficient in coefficients):
        found.add("strided")
    return found
