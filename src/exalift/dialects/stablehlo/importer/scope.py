# pyright: reportMissingTypeStubs=false, reportMissingTypeArgument=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Where an op of a module stands while it is read, and what its operands are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jaxlib.mlir import ir

from exalift.affine import Affine
from exalift.base import Diagnostic, RefusedError

from ...graph import Node, Step
from ..start_bounds import LoopRange
from .affine_elements import AffineElements
from .window_places import ranges


@dataclass(frozen=True, slots=True)
class Missing:
    """A value without a form here. It is refused, with this message, where a result depends on it."""

    diagnostic: Diagnostic


Read = Node | Missing


def needed(value: Read) -> Node:
    """The node; RefusedError where there is none."""
    if isinstance(value, Missing):
        raise RefusedError((value.diagnostic,))
    return value


@dataclass(frozen=True)
class Scope:
    """A block that is being read.

    values: the nodes of the values that are visible. loops: the ranges of counters around. steps: what the
    block does, in order. calls: the functions that are being inlined. draft: whether this is a first
    reading of a loop's body, before the ranges of its counters are known.
    """

    values: dict[ir.Value, Read]
    steps: list[Step]
    loops: tuple[LoopRange, ...] = ()
    calls: tuple[str, ...] = ()
    draft: bool = False
    depth: int = 0
    _elements: dict[tuple[Affine, ...], AffineElements] = field(
        default_factory=dict[tuple[Affine, ...], AffineElements]
    )

    def elements(self, shape: tuple[Affine, ...] = ()) -> AffineElements:
        """Elements of tensors of a shape, the axes being `%0`, `%1`, ..."""
        if shape not in self._elements:
            self._elements[shape] = AffineElements(ranges(shape, self.loops), self.draft)
        return self._elements[shape]

    def inside(self, values: Mapping[ir.Value, Read], loop: LoopRange | None, draft: bool) -> Scope:
        """The scope of a loop's body."""
        loops = self.loops if loop is None else (*self.loops, loop)
        merged = {**self.values, **values}
        return Scope(merged, [], loops, self.calls, self.draft or draft, self.depth + 1)

    def branch(self) -> Scope:
        """The scope of a region that runs where it stands."""
        return replace(self, values=dict(self.values), depth=self.depth + 1)

    def called(self, function: str, values: Mapping[ir.Value, Read]) -> Scope:
        """The scope of a function that is inlined."""
        return replace(self, values=dict(values), calls=(*self.calls, function), depth=self.depth + 1)
