"""What a work-item knows at a yield point, as buffers, so that it survives the yield and can move.

A nest with yields has one *frame*: for each work-item how many yield points it has passed (`passed`), at
which it stands (`point`: 0 before the first, -1 when done), and the loop variables and registers that are
in sight at any of its yields. Work-items are numbered row by row in the box of the largest extents that
the axes can have. A frame's contents matter only while its nest is unfinished.
"""

from __future__ import annotations

from dataclasses import dataclass

from exalift.base import DType

from .bounds import Scope, extent_of
from .ir import (
    Buffer,
    Declare,
    For,
    If,
    Kernel,
    Nest,
    Range,
    Role,
    Statement,
    Yield,
    has_yield,
    nests_of,
    statements_of,
)

POINT_DONE = -1
NO_STOP = (1 << 31) - 1
"""The `stop` of a launch that passes every yield point."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A loop variable or register, and the buffer in which it is saved. `loop`: whether it is a variable."""

    name: str
    buffer: Buffer
    loop: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of one nest. `extents`: the box of the work-items. `points`: the number of its yields."""

    nest: int
    extents: tuple[int, ...]
    passed: Buffer
    point: Buffer
    saved: tuple[Saved, ...]
    points: int

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        return (self.passed, self.point, *(saved.buffer for saved in self.saved))


@dataclass(frozen=True, slots=True)
class PlacedNest:
    """A nest, its number in the order of the text, what is around it, and its frame where it has yields."""

    number: int
    nest: Nest
    scope: Scope
    frame: Frame | None

    @property
    def extents(self) -> tuple[int, ...]:
        """The most points that each axis can have."""
        return tuple(extent_of(axis, self.scope) for axis in self.nest.axes)


def placed_nests(kernel: Kernel) -> tuple[PlacedNest, ...]:
    """The kernel's nests with their frames."""
    found: list[PlacedNest] = []
    for number, (nest, around) in enumerate(nests_of(kernel)):
        scope = Scope.of(kernel.parameters)
        for loop in around:
            scope = scope.inside(loop.range, uniform=True)
        frame = _frame(number, nest, scope) if has_yield(nest.body) else None
        found.append(PlacedNest(number, nest, scope, frame))
    return tuple(found)


def _frame(number: int, nest: Nest, scope: Scope) -> Frame:
    extents = tuple(extent_of(axis, scope) for axis in nest.axes)
    items = 1
    for extent in extents:
        items *= extent

    def buffer(name: str, dtype: DType) -> Buffer:
        return Buffer(f"frame{number}.{name}", dtype, (items,), Role.LOCAL)

    kept, points = _in_sight(nest.body)
    saved = tuple(
        Saved(name, buffer(name, dtype or DType.I32), dtype is None) for name, dtype in kept.items()
    )
    return Frame(number, extents, buffer("passed", DType.I32), buffer("point", DType.I32), saved, points)


def _in_sight(body: tuple[Statement, ...]) -> tuple[dict[str, DType | None], int]:
    """The registers (with types) and loop variables (None) in sight at the yields, and how many yields.

    Two of one name in different blocks share a place; the verifier sees to it that their types agree.
    """
    kept: dict[str, DType | None] = {}
    points = 0

    def walk(statements: tuple[Statement, ...], seen: dict[str, DType | None]) -> None:
        nonlocal points
        here = dict(seen)
        for statement in statements:
            match statement:
                case Declare(name, dtype):
                    here[name] = dtype
                case For(Range(name=name), inner):
                    walk(inner, {**here, name: None})
                case If(_, inner):
                    walk(inner, here)
                case Yield():
                    points += 1
                    kept.update(here)
                case _:
                    pass

    walk(body, {})
    return kept, points


def points_of(body: tuple[Statement, ...]) -> int:
    """How many yields stand in a body. Within a nest they are numbered from 1 in the order of the text."""
    return sum(isinstance(statement, Yield) for statement in statements_of(body))


def scratch_of(kernel: Kernel) -> tuple[Buffer, ...]:
    """What a kernel needs besides the arrays that it binds, in order: local buffers, then frames.

    What they hold matters from the beginning of a call to its end, yields included.
    """
    local = tuple(buffer for buffer in kernel.buffers if buffer.role is Role.LOCAL)
    frames = (placed.frame.buffers for placed in placed_nests(kernel) if placed.frame is not None)
    return (*local, *(buffer for frame in frames for buffer in frame))
