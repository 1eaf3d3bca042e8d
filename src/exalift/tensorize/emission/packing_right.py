"""Packing the right operand: panels of columns, each in the order of an instruction's registers."""

from __future__ import annotations

from exalift.affine import Affine
from exalift.base import DType

from ..instructions import LANE
from ..rewriter.plan import Plan
from .expressions import emit_cast, vector_type
from .ir_writer import Index, Writer
from .packing import bits_of, partial_offset, spread


def emit_pack_rhs(writer: Writer, plan: Plan, source: str, target: str, part: Index, parts: Index) -> None:
    """Pack the right operand: for each batch and panel a header, then tile after tile of the instruction,
    each in the order of its register's lanes; zeros outside. Parts share the panels."""
    loops, access = plan.loops, plan.contraction.rhs
    size = access.dtype.bytes
    total = loops.rhs_batch.extent * plan.panels
    first = writer.value(f"mul i64 {part}, {total}")
    start = writer.value(f"sdiv i64 {first}, {parts}")
    stop = writer.value(f"sdiv i64 {writer.value(f'add i64 {first}, {total}')}, {parts}")
    with writer.loop(start, stop) as loop:
        batch = spread(writer, loops.rhs_batch, writer.divide(loop.index, plan.panels))
        at = writer.multiply(partial_offset(writer, loops.rhs, batch), size)
        base = writer.address(source, writer.add(at, loops.rhs.constant * size))
        to = writer.address(target, writer.multiply(loop.index, plan.panel_bytes))
        panel = writer.remainder(loop.index, plan.panels)
        column = writer.multiply(panel, plan.tile[1])
        _pack_panel(writer, plan, base, writer.address(to, plan.header_bytes), column)
        if plan.needs_column_sums:
            _sum_columns(writer, plan, base, to, column)


def _pack_panel(writer: Writer, plan: Plan, base: str, to: str, column: Index) -> None:
    """One panel: whole vectors where the operand's order allows it, and lane by lane what is left."""
    steps = plan.padded_k // plan.instruction.extents[2]
    whole = plan.loops.k.extent // plan.instruction.extents[2]
    stride = plan.rhs_column_stride
    if stride is None or not plan.rhs_word or (stride != 1 and not plan.rhs_has_words):
        _pack_lanes(writer, plan, base, to, column, (0, steps))
        return
    fast = _pack_rows if stride == 1 else _pack_words
    inside, left = plan.loops.n.extent // plan.tile[1], plan.loops.n.extent % plan.tile[1]
    if inside:
        full = writer.value(f"icmp slt i64 {column}, {inside * plan.tile[1]}") if left else "true"
        with writer.when(full):
            fast(writer, plan, base, to, column, whole)
            _pack_lanes(writer, plan, base, to, column, (whole, steps))
    if left:
        edge = writer.value(f"icmp sge i64 {column}, {inside * plan.tile[1]}") if inside else "true"
        with writer.when(edge):
            _pack_lanes(writer, plan, base, to, column, (0, steps))


def _pack_rows(writer: Writer, plan: Plan, base: str, to: str, column: Index, steps: int) -> None:
    """Columns lie side by side: rows are vectors, and those that make up words are interleaved."""
    loops, access, word = plan.loops, plan.contraction.rhs, plan.rhs_word
    _, n, k = plan.instruction.extents
    bits, size = bits_of(access.dtype), access.dtype.bytes
    kind, whole = vector_type(bits, n), vector_type(bits, n * word)
    tile_bytes = n * k * size
    with writer.loop(0, steps) as step, writer.loop(0, k, word) as group:
        first = writer.add(writer.multiply(step.index, k), group.index)
        places: list[str] = []
        for row in range(word):
            at = partial_offset(writer, loops.rhs, spread(writer, loops.k, writer.add(first, row)))
            places.append(writer.address(base, writer.multiply(writer.add(at, column), size)))
        target = writer.address(to, writer.multiply(step.index, plan.schedule.columns * tile_bytes))
        target = writer.address(target, writer.multiply(group.index, n * size))
        for tile in range(plan.schedule.columns):
            parts = [
                writer.value(f"load {kind}, ptr {writer.address(place, tile * n * size)}, align {size}")
                for place in places
            ]
            value = interleaved(writer, bits, parts, n)
            writer.line(
                f"store {whole} {value}, ptr {writer.address(target, tile * tile_bytes)}, align {size}"
            )


def interleaved(writer: Writer, bits: DType, parts: list[str], lanes: int) -> str:
    """Vectors of `lanes`, a power of two of them, as one whose neighbours come from each in turn."""
    count, width = len(parts), lanes
    while len(parts) > 1:
        kind = vector_type(bits, width)
        every = ", ".join(f"i32 {lane}" for lane in range(2 * width))
        parts = [
            writer.value(f"shufflevector {kind} {one}, {kind} {two}, <{2 * width} x i32> <{every}>")
            for one, two in zip(parts[::2], parts[1::2], strict=True)
        ]
        width *= 2
    if count == 1:
        return parts[0]
    kind = vector_type(bits, width)
    mask = ", ".join(f"i32 {part * lanes + lane}" for lane in range(lanes) for part in range(count))
    return writer.value(f"shufflevector {kind} {parts[0]}, {kind} poison, <{width} x i32> <{mask}>")


def _pack_words(writer: Writer, plan: Plan, base: str, to: str, column: Index, steps: int) -> None:
    """What makes up a word lies side by side: columns are collected word by word."""
    loops, access, word = plan.loops, plan.contraction.rhs, plan.rhs_word
    _, n, k = plan.instruction.extents
    size, tile_bytes = access.dtype.bytes, n * k * access.dtype.bytes
    kind = f"i{8 * size * word}"
    stride = loops.n.stride(loops.rhs)
    across = writer.multiply(column, stride)
    with writer.loop(0, steps) as step, writer.loop(0, k, word) as group:
        first = writer.add(writer.multiply(step.index, k), group.index)
        at = partial_offset(writer, loops.rhs, spread(writer, loops.k, first))
        source = writer.address(base, writer.multiply(writer.add(at, across), size))
        target = writer.address(to, writer.multiply(step.index, plan.schedule.columns * tile_bytes))
        target = writer.address(target, writer.multiply(group.index, n * size))
        for tile in range(plan.schedule.columns):
            for lane in range(n):
                place = writer.address(source, (tile * n + lane) * stride * size)
                value = writer.value(f"load {kind}, ptr {place}, align {size}")
                on = writer.address(target, tile * tile_bytes + lane * word * size)
                writer.line(f"store {kind} {value}, ptr {on}, align {size}")


def _pack_lanes(
    writer: Writer, plan: Plan, base: str, to: str, column: Index, steps: tuple[int, int]
) -> None:
    """Some steps of a panel, tile by tile, lane by lane; zeros outside."""
    loops, access, register = plan.loops, plan.contraction.rhs, plan.instruction.rhs
    _, n, k = plan.instruction.extents
    size, kind = access.dtype.bytes, vector_type(bits_of(access.dtype), 0)
    tile_bytes = register.lanes * size
    columns = plan.schedule.columns
    if steps[0] == steps[1]:
        return
    with writer.loop(*steps) as step, writer.loop(0, columns) as tile:
        number = writer.add(writer.multiply(step.index, columns), tile.index)
        place = writer.address(to, writer.multiply(number, tile_bytes))
        across = writer.add(column, writer.multiply(tile.index, n))
        with writer.loop(0, register.lanes) as lane:
            row, col = (lane_index(writer, index, lane.index) for index in register.layout)
            at_k = writer.add(writer.multiply(step.index, k), row)
            at_n = writer.add(across, col)
            good = writer.value(f"icmp slt i64 {at_k}, {loops.k.extent}")
            good = writer.value(f"and i1 {good}, {writer.value(f'icmp slt i64 {at_n}, {loops.n.extent}')}")
            safe_k = writer.value(f"select i1 {good}, i64 {at_k}, i64 0")
            safe_n = writer.value(f"select i1 {good}, i64 {at_n}, i64 0")
            offset = writer.add(
                partial_offset(writer, loops.rhs, spread(writer, loops.k, safe_k)),
                partial_offset(writer, loops.rhs, spread(writer, loops.n, safe_n)),
            )
            address = writer.address(base, writer.multiply(offset, size))
            value = writer.value(f"load {kind}, ptr {address}, align {size}")
            value = writer.value(f"select i1 {good}, {kind} {value}, {kind} 0")
            target = writer.address(place, writer.multiply(lane.index, size))
            writer.line(f"store {kind} {value}, ptr {target}, align {size}")


def lane_index(writer: Writer, index: Affine, lane: Index) -> Index:
    """A register layout's subscript at a lane."""
    total: Index = index.constant
    for atom, coefficient in index.terms:
        if isinstance(atom, str):
            assert atom == LANE
            value = lane
        else:
            value = writer.divide(lane_index(writer, atom.numerator, lane), atom.denominator)
        total = writer.add(total, writer.multiply(value, coefficient))
    return total


def _sum_columns(writer: Writer, plan: Plan, base: str, to: str, column: Index) -> None:
    """The header: `header_factor * sum k. rhs[k,n]`."""
    loops, contraction = plan.loops, plan.contraction
    access, acc = contraction.rhs, contraction.accumulator
    element = vector_type(acc, 0)
    with writer.loop(0, plan.tile[1]) as col:
        at_n = writer.add(column, col.index)
        good = writer.value(f"icmp slt i64 {at_n}, {loops.n.extent}")
        safe = writer.value(f"select i1 {good}, i64 {at_n}, i64 0")
        offset = partial_offset(writer, loops.rhs, spread(writer, loops.n, safe))
        here = writer.address(base, writer.multiply(offset, access.dtype.bytes))
        with writer.loop(0, loops.k.extent, 1, [(element, "0")]) as k:
            on = partial_offset(writer, loops.rhs, spread(writer, loops.k, k.index))
            address = writer.address(here, writer.multiply(on, access.dtype.bytes))
            value = writer.value(
                f"load {vector_type(access.dtype, 0)}, ptr {address}, align {access.dtype.bytes}"
            )
            value = emit_cast(writer, value, access.dtype, acc, 0)
            k.following = [writer.value(f"add {element} {k.carried[0]}, {value}")]
        total = writer.value(f"mul {element} {k.results[0]}, {plan.header_factor}")
        target = writer.address(to, writer.multiply(col.index, acc.bytes))
        writer.line(f"store {element} {total}, ptr {target}, align {acc.bytes}")
