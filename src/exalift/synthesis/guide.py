"""The guide: what the source region does says which ops to try first. It removes none for good.

A region and an op are read by the same eyes: both are formulas, and both have features, which are the
functions applied and the ways in which arrays are accessed. A signature is likely where it has no
feature that the region lacks.
"""

from __future__ import annotations

from collections.abc import Iterable

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
from exalift.dialects import OpDefinition

from .static_checks import Signature

_ALWAYS = frozenset({"broadcast", "reordered"})
"""Movements that most graphs need, whatever the region looks like."""
_ONE = Affine.of(1)
_KINDS = frozenset({"cast", "index", "guard"})
_EVIDENCE = 8
_NEVER = 1 << 60


class Guide:
    """The likely signatures of a region with these features; see `features`."""

    def __init__(self, features: frozenset[str]) -> None:
        self.features = features
        self._known: dict[int, bool] = {}
        self._unlikely: dict[str, int] = {}

    @staticmethod
    def of(formulas: Iterable[Formula]) -> Guide:
        """The guide of a region that computes these."""
        return Guide(frozenset[str]().union(*(features(formula) for formula in formulas)))

    def definition(self, definition: OpDefinition) -> bool:
        """Whether the op may be likely: not all of the first signatures seen of it do foreign things."""
        return self._unlikely.get(definition.name, 0) < _EVIDENCE

    def signature(self, signature: Signature) -> bool:
        """Whether the op does nothing that the region does not do."""
        known = self._known.get(id(signature))
        if known is None:
            known = self._judge(signature)
            self._known[id(signature)] = known
        return known

    def _judge(self, signature: Signature) -> bool:
        foreign = features(signature.formula) - self.features - _ALWAYS
        name = signature.definition.name
        if not any(" " in feature or feature in _KINDS for feature in foreign):
            # Accesses differ from one signature to the next, what is computed hardly does.
            self._unlikely[name] = -_NEVER
        else:
            self._unlikely[name] = self._unlikely.get(name, 0) + 1
        return not foreign


def features(formula: Formula) -> frozenset[str]:
    """What a formula does: `function add`, `reduce maximum`, `cast`, `index`, `guard`, and accesses:

    `reordered` (axes in another order), `broadcast` (an axis that a load does not use), `diagonal` (an
    axis twice), `shifted`, `reversed`, `strided`, `divided` (floor division), `mixed` (two axes in one
    subscript), `fixed` (a subscript without axes), `unit` (an axis of one element).
    """
    found: set[str] = {"unit" for axis in formula.axes if axis.extent == _ONE}
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
    shifted = index.constant != 0
    backwards = False
    for atom, coefficient in index.terms:
        if isinstance(atom, FloorDiv):
            found.add("divided")
        elif atom in used:
            backwards |= coefficient < 0
            if abs(coefficient) > 1:
                found.add("strided")
        else:
            shifted = True
    if backwards:
        found.add("reversed")
    elif shifted:
        found.add("shifted")
    if len(used) > 1:
        found.add("mixed")
    return found
