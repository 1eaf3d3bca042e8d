"""Products with margins, which are zeros, left out where all rows of a register tile would meet them.

A window that reaches over the upper or the lower edge of an image multiplies rows of zeros there. The
outermost loop over k is the window's, so that these products are the first or the last of a tile's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..contraction import Dimension
from ..rewriter.plan import Plan
from .ir_writer import Index, Writer


@dataclass(frozen=True, slots=True)
class Margins:
    """The outermost k loop, of `window` iterations of `step` elements, is the `k` of a subscript
    `scale * rows + k + shift` of a dimension of `extent` elements. `rows` is one of the loops over m,
    `inside` the product of the extents of those within it."""

    window: int
    rows: Dimension
    inside: int
    scale: int
    shift: int
    extent: int
    step: int

    def steps(self, writer: Writer, row: Index, height: int) -> tuple[Index, Index]:
        """The first and the end of the elements of k that some row of a tile does not multiply by zeros."""
        first = writer.divide(row, self.inside)
        last = writer.divide(writer.add(row, height - 1), self.inside)
        image = writer.divide(first, self.rows.extent)
        apart = writer.value(f"icmp ne i64 {image}, {writer.divide(last, self.rows.extent)}")
        whole = writer.multiply(image, self.rows.extent)
        highest = writer.multiply(writer.subtract(last, whole), self.scale)
        lowest = writer.multiply(writer.subtract(first, whole), self.scale)
        start = writer.maximum(0, writer.subtract(-self.shift, highest))
        stop = writer.minimum(self.window, writer.subtract(self.extent - self.shift, lowest))
        # A tile that ends in the next image meets both edges.
        start = writer.value(f"select i1 {apart}, i64 0, i64 {start}")
        stop = writer.value(f"select i1 {apart}, i64 {self.window}, i64 {stop}")
        return writer.multiply(start, self.step), writer.multiply(stop, self.step)


def margins_of(plan: Plan) -> Margins | None:
    """The margins that a plan's tiles can leave out; None where there are none, or where they count."""
    loops, access = plan.loops, plan.contraction.lhs
    counts = access.fill or plan.correction or plan.instruction.takes_rows
    if loops.padded_lhs is None or counts or plan.blocks_k > 1 or not loops.k.loops:
        return None
    window = loops.k.loops[0]
    step = loops.k.extent // window.extent
    if step % plan.instruction.extents[2]:
        return None
    moved = [(i, e) for i, e in zip(access.indices, access.shape, strict=True) if window.name in i.names]
    if len(moved) != 1 or moved[0][0].coefficient(window.name) != 1:
        return None
    index, extent = moved[0]
    others = index.names - {window.name}
    names = [loop.name for loop in loops.m.loops]
    if len(others) != 1 or not others <= set(names) or index.coefficient(next(iter(others))) < 1:
        return None
    place = names.index(next(iter(others)))
    rows = loops.m.loops[place]
    inside = math.prod(loop.extent for loop in loops.m.loops[place + 1 :])
    return Margins(window.extent, rows, inside, index.coefficient(rows.name), index.constant, extent, step)
