"""How the parts of a kernel share its work: each has a share of its own, which it takes piece by piece from
a counter, and then helps those that are not done. So a part that begins late, or runs on a core that others
use as well, does less; parts that are equally fast meet the same data in every run.

Counters are 0 before a run, and set back to 0 by the part that is the last to find nothing left.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..rewriter.plan import Plan
from .ir_writer import Index, Writer

PIECES = 8
"""Into how many blocks each part's rows fall, where there are several parts."""

LEAST = 4
"""Register tiles that a block has at least, from top to bottom: each reads all of the right operand."""


@contextmanager
def taken_units(writer: Writer, plan: Plan, counters: str) -> Generator[str]:
    """The body runs for every unit that this part takes. `counters` is the first of them; others follow at
    distances of `plan.part_bytes`."""
    with (
        _shares(writer, plan, counters, plan.units) as (counter, first, count),
        _pieces(writer, counter, count) as piece,
    ):
        yield writer.value(f"add nsw i64 {first}, {piece}")


@contextmanager
def taken_rows(writer: Writer, plan: Plan, counters: str) -> Generator[tuple[Index, Index]]:
    """The body runs for every block of rows that this part takes, from its first row to the one after its
    last. `counters` as above."""
    tile, extent = plan.tile[0], plan.loops.m.extent
    most = plan.schedule.block_m // tile
    with _shares(writer, plan, counters, -(-extent // tile)) as (counter, first, count):
        fine = writer.minimum(PIECES, writer.divide(count, LEAST))
        fine = writer.value(f"select i1 {writer.value('icmp eq i64 %parts, 1')}, i64 1, i64 {fine}")
        # At least as many as keep a piece within a block, and none that is empty.
        pieces = writer.maximum(writer.divide(writer.add(count, most - 1), most), fine)
        pieces = writer.minimum(writer.maximum(pieces, 1), count)
        with _pieces(writer, counter, pieces) as piece:
            low, high = (
                writer.value(f"udiv i64 {writer.multiply(count, at)}, {pieces}")
                for at in (piece, writer.add(piece, 1))
            )
            start = writer.multiply(writer.add(first, low), tile)
            yield start, writer.minimum(writer.multiply(writer.add(first, high), tile), extent)


@contextmanager
def _shares(writer: Writer, plan: Plan, counters: str, total: int) -> Generator[tuple[str, Index, Index]]:
    """The body runs for every part's share, this part's own first: counter, first item, number of items."""
    with writer.loop(0, "%parts") as step:
        whose = writer.value(f"urem i64 {writer.add('%part', step.index)}, %parts")
        counter = writer.address(counters, writer.multiply(whose, plan.part_bytes))
        first, behind = (
            writer.value(f"udiv i64 {writer.multiply(at, total)}, %parts")
            for at in (whose, writer.add(whose, 1))
        )
        yield counter, first, writer.subtract(behind, first)


@contextmanager
def _pieces(writer: Writer, counter: str, count: Index) -> Generator[str]:
    """The body runs for every piece of a share that this part takes."""
    label = writer.fresh("take")[1:]
    writer.line(f"br label %{label}.next")
    writer.start(f"{label}.next")
    piece = writer.value(f"atomicrmw add ptr {counter}, i64 1 monotonic, align 8")
    more = writer.value(f"icmp slt i64 {piece}, {count}")
    writer.line(f"br i1 {more}, label %{label}.body, label %{label}.end")
    writer.start(f"{label}.body")
    yield piece
    writer.line(f"br label %{label}.next")
    writer.start(f"{label}.end")
    last = writer.subtract(writer.add(count, "%parts"), 1)
    with writer.when(writer.value(f"icmp eq i64 {piece}, {last}")):
        writer.line(f"store atomic i64 0, ptr {counter} monotonic, align 8")
