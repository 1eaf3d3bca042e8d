"""Regions: what is left of a program once dependences have been dealt with.

A region is one array written once, by a formula; regions sit in a list, in order, inside the
sequential loops that a dependence forces. Nothing of isl is left in here.
"""

from __future__ import annotations

from dataclasses import dataclass

from exalift.base import NO_SPAN, Span

from .affine_expression import Affine
from .expressions import Axis, Expression
from .guards import ALWAYS, Guard
from .ir import Array, Program


@dataclass(frozen=True, slots=True)
class Region:
    """For all points of `axes` that satisfy `guard`: `array[indices] = value`.

    All loads read the contents from before the region. No two points write one element. `axes` is
    the rectangular hull of the iteration domain, moved to start at 0; extents are affine in the
    sizes alone. `guard`, `indices` and `value` may also use the sizes and the induction variables
    of the sequential loops around. `value` is given on the whole hull: where the guard does not
    hold, it need not be computed. Reductions are `Reduce` nodes inside `value`; an accumulation
    loads its own target.
    """

    array: str
    axes: tuple[Axis, ...]
    indices: tuple[Affine, ...]
    value: Expression
    guard: Guard = ALWAYS
    span: Span = NO_SPAN
    lines: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class SequentialLoop:
    """A loop that stays, from `max(lower)` to `min(upper)`, exclusive; `reason` names the dependence."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    body: tuple[RegionStep, ...]
    reason: str
    span: Span = NO_SPAN


RegionStep = Region | SequentialLoop


@dataclass(frozen=True, slots=True)
class RegionProgram:
    """A program as regions. `arrays` are the source's and those that expansion added.

    `results` names, for every array of the source that is written, the array that holds its final
    contents (itself, unless a pass renamed it). `returned` is a rank-0 array or None.
    """

    source: Program
    arrays: tuple[Array, ...]
    body: tuple[RegionStep, ...]
    results: tuple[tuple[str, str], ...]
    returned: str | None = None

    def array(self, name: str) -> Array:
        for array in self.arrays:
            if array.name == name:
                return array
        raise KeyError(name)
