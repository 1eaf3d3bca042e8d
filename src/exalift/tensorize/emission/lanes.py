"""The kernel of a plan along the lanes: register tiles of neighbouring rows and channels, sums written out.

What a step sums in one lane comes from as many vectors of the left operand, interleaved in registers.
Rows that overlap (a window's) read the same vectors, at addresses that the compiler sees to be the same.
"""

from __future__ import annotations

from exalift.base import DType

from ..rewriter.lanes import LanePlan
from .expressions import constant_text, emit_cast, vector_type
from .finish import Loaded, Place, add_previous, finish, load_strided
from .ir_writer import Index, Writer
from .microkernel import TileShape
from .module import PARAMETERS, Emitted, entry_function, module_text, pad_function
from .packing import Values, bits_of, partial_offset, spread
from .packing_right import interleaved
from .registers import emit_instruction, load_vector


def emit_lanes(plan: LanePlan, name: str, triple: str | None = None) -> Emitted:
    """The module of a plan; phases as those of every kernel."""
    functions = [_tile_function(plan, shape, name) for shape in _shapes(plan)]
    pad = f"{name}.pad" if plan.loops.padded_lhs else ""
    if plan.loops.padded_lhs is not None:
        functions.append(pad_function(plan.contraction.lhs, plan.loops.padded_lhs, "%lhs", 0, pad))
    functions.append(_pack_function(plan, f"{name}.pack"))
    functions.append(_run_function(plan, name))
    entries = (f"{name}.entry", f"{name}.pack.entry")
    functions.append(entry_function(entries[0], [*filter(None, [pad]), name]))
    functions.append(entry_function(entries[1], [f"{name}.pack"]))
    text = module_text(plan.instruction, triple, functions)
    return Emitted(text, pad, f"{name}.pack", name, *entries, plan.packed_bytes, plan)


def _pieces(extent: int, tile: int) -> list[tuple[int, int, int]]:
    """Tiles along an axis: where whole ones begin and end, and the size; then what is left over."""
    whole = extent // tile * tile
    found = [(0, whole, tile), (whole, extent, extent - whole)]
    return [piece for piece in found if piece[0] < piece[1]]


def _shapes(plan: LanePlan) -> list[TileShape]:
    rows = _pieces(plan.loops.m.extent, plan.schedule.rows)
    columns = _pieces(plan.loops.n.extent, plan.width)
    return [TileShape(height, width) for _, _, height in rows for _, _, width in columns]


class _Tile:
    """One register tile: its sums from the first step to the last, then what follows."""

    def __init__(self, plan: LanePlan, shape: TileShape, writer: Writer) -> None:
        self.plan, self.shape, self.writer = plan, shape, writer
        self.instruction = plan.instruction
        _, self.n, self.k = plan.instruction.extents
        self.columns = -(-shape.columns // self.n)
        self.bits = bits_of(plan.contraction.lhs.dtype)
        self.row_step = plan.loops.m.stride(plan.loops.lhs)

    def emit(self) -> None:
        plan, writer = self.plan, self.writer
        tiles = [(row, column) for row in range(self.shape.rows) for column in range(self.columns)]
        starts = [self._start(column) for column in range(self.columns)]
        sums = {(row, column): starts[column] for row, column in tiles}
        for step in range(plan.steps):
            right = [self._right(step, column) for column in range(self.columns)]
            for row, column in tiles:
                left = self._left(step, row, column)
                acc = sums[row, column]
                sums[row, column] = emit_instruction(writer, self.instruction, acc, left, right[column])
        place = Place("%out", "", "", tuple(f"%extra{position}" for position in range(len(plan.loops.extra))))
        loaded: Loaded = {}
        for row, column in tiles:
            first, active, value = column * self.n, self._active(column), sums[row, column]
            if plan.contraction.accumulate:
                value = add_previous(writer, plan, value, place, row, first, self.n, active)
            finish(writer, plan, value, place, row, first, self.n, active, loaded)

    def _active(self, column: int) -> int:
        return min(self.n, self.shape.columns - column * self.n)

    def _start(self, column: int) -> str:
        acc = self.instruction.acc
        if not self.plan.correction:
            return constant_text(0, acc.dtype, acc.lanes)
        header = self.writer.address("%packed", column * self.n * acc.dtype.bytes)
        return load_vector(self.writer, acc, header, acc.dtype.bytes)

    def _right(self, step: int, column: int) -> str:
        register = self.instruction.rhs
        size = register.lanes * register.dtype.bytes
        on = self.plan.header_bytes + (step * self.plan.schedule.columns + column) * size
        return load_vector(self.writer, register, self.writer.address("%packed", on), min(64, size & -size))

    def _left(self, step: int, row: int, column: int) -> str:
        """Vectors of as many k as a lane sums, interleaved; zeros beyond the last."""
        writer, register = self.writer, self.instruction.lhs
        parts = [self._vector(step * self.k + on, row, column) for on in range(self.k)]
        value = interleaved(writer, self.bits, parts, self.n)
        kind = vector_type(self.bits, register.lanes)
        if self.plan.encoding:
            flip = constant_text(-(1 << self.bits.bits - 1), self.bits, register.lanes)
            value = writer.value(f"xor {kind} {value}, {flip}")
        return value if kind == register.type else writer.value(f"bitcast {kind} {value} to {register.type}")

    def _vector(self, k: int, row: int, column: int) -> str:
        loops, writer = self.plan.loops, self.writer
        if k >= loops.k.extent:
            return constant_text(0, self.bits, self.n)
        at = partial_offset(writer, loops.lhs, spread(writer, loops.k, k))
        at = writer.add(at, row * self.row_step + column * self.n)
        address = writer.address("%lhs", writer.multiply(at, self.bits.bytes))
        return load_strided(writer, address, self.bits, 1, self.n, self._active(column))


def _tile_function(plan: LanePlan, shape: TileShape, name: str) -> str:
    writer = Writer()
    _Tile(plan, shape, writer).emit()
    writer.line("ret void")
    extra = "".join(f", ptr %extra{position}" for position in range(len(plan.loops.extra)))
    parameters = f"ptr noalias %lhs, ptr noalias %packed, ptr %out{extra}"
    return writer.text(f"define internal void {shape.name(name)}({parameters}) noinline #1")


def _pack_function(plan: LanePlan, name: str) -> str:
    """Weights, panel after panel: the header, then a register of every step and column."""
    writer = Writer()
    loops, rhs = plan.loops, plan.contraction.rhs
    total = plan.rhs_batch.extent * plan.packed_panels
    start, stop = _share(writer, total)
    with writer.loop(start, stop) as loop:
        batch = spread(writer, plan.rhs_batch, writer.divide(loop.index, plan.packed_panels))
        at = writer.add(partial_offset(writer, loops.rhs, batch), loops.rhs.constant)
        base = writer.address("%rhs", writer.multiply(at, rhs.dtype.bytes))
        to = writer.address("%packed", writer.multiply(loop.index, plan.panel_bytes))
        lane = writer.multiply(writer.remainder(loop.index, plan.packed_panels), plan.width)
        if plan.correction:
            _pack_header(writer, plan, base, to, lane)
        _pack_panel(writer, plan, base, writer.address(to, plan.header_bytes), lane)
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')


def _share(writer: Writer, total: int) -> tuple[Index, Index]:
    """This part's share of so many pieces."""
    first = writer.value(f"mul i64 %part, {total}")
    start = writer.value(f"sdiv i64 {first}, %parts")
    return start, writer.value(f"sdiv i64 {writer.value(f'add i64 {first}, {total}')}, %parts")


def _element(writer: Writer, plan: LanePlan, base: str, k: Index, lane: Index) -> str:
    """An element of the right operand, as bits; zero outside."""
    loops, size = plan.loops, plan.contraction.rhs.dtype.bytes
    kind = vector_type(bits_of(plan.contraction.rhs.dtype), 0)
    good = writer.value(f"icmp slt i64 {k}, {loops.k.extent}")
    good = writer.value(f"and i1 {good}, {writer.value(f'icmp slt i64 {lane}, {loops.n.extent}')}")
    safe_k = writer.value(f"select i1 {good}, i64 {k}, i64 0")
    safe = writer.value(f"select i1 {good}, i64 {lane}, i64 0")
    offset = writer.add(
        partial_offset(writer, loops.rhs, spread(writer, loops.k, safe_k)),
        partial_offset(writer, loops.rhs, spread(writer, loops.n, safe)),
    )
    address = writer.address(base, writer.multiply(offset, size))
    value = writer.value(f"load {kind}, ptr {address}, align {size}")
    return writer.value(f"select i1 {good}, {kind} {value}, {kind} 0")


def _pack_panel(writer: Writer, plan: LanePlan, base: str, to: str, first: Index) -> None:
    k = plan.instruction.extents[2]
    size = plan.contraction.rhs.dtype.bytes
    kind = vector_type(bits_of(plan.contraction.rhs.dtype), 0)
    with writer.loop(0, plan.steps * plan.width) as group, writer.loop(0, k) as inside:
        step = writer.divide(group.index, plan.width)
        lane = writer.add(first, writer.remainder(group.index, plan.width))
        at = writer.add(writer.multiply(step, k), inside.index)
        value = _element(writer, plan, base, at, lane)
        on = writer.add(writer.multiply(group.index, k), inside.index)
        target = writer.address(to, writer.multiply(on, size))
        writer.line(f"store {kind} {value}, ptr {target}, align {size}")


def _pack_header(writer: Writer, plan: LanePlan, base: str, to: str, first: Index) -> None:
    """What the sums start from: `correction * sum k. rhs[k, lane]`."""
    dtype, acc = plan.contraction.rhs.dtype, plan.contraction.accumulator
    kind = vector_type(acc, 0)
    with writer.loop(0, plan.width) as lane:
        at = writer.add(first, lane.index)
        with writer.loop(0, plan.loops.k.extent, 1, [(kind, "0")]) as k:
            value = emit_cast(writer, _element(writer, plan, base, k.index, at), dtype, acc, 0)
            k.following = [writer.value(f"add {kind} {k.carried[0]}, {value}")]
        total = writer.value(f"mul {kind} {k.results[0]}, {plan.correction}")
        target = writer.address(to, writer.multiply(lane.index, acc.bytes))
        writer.line(f"store {kind} {total}, ptr {target}, align {acc.bytes}")


def _run_function(plan: LanePlan, name: str) -> str:
    writer = Writer()
    extra = [
        writer.value(f"load ptr, ptr {writer.address('%extra', position * 8)}, align 8")
        for position in range(len(plan.loops.extra))
    ]
    start, stop = _share(writer, plan.units)
    with writer.loop(start, stop) as unit:
        batch = spread(writer, plan.loops.batch, unit.index)
        for first, last, height in _pieces(plan.loops.m.extent, plan.schedule.rows):
            with writer.loop(first, last, height) as row:
                for begin, end, width in _pieces(plan.loops.n.extent, plan.width):
                    with writer.loop(begin, end, width) as lane:
                        shape = TileShape(height, width)
                        _call(writer, plan, shape.name(name), extra, batch, row.index, lane.index)
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')


def _call(
    writer: Writer, plan: LanePlan, tile: str, extra: list[str], batch: Values, row: Index, lane: Index
) -> None:
    """One register tile: the addresses of its first elements."""
    loops, contraction = plan.loops, plan.contraction

    def place(base: str, offset: Index, dtype: DType, down: int, along: int) -> str:
        at = writer.add(offset, writer.multiply(row, down))
        at = writer.add(at, writer.multiply(lane, along))
        return writer.address(base, writer.multiply(at, dtype.bytes))

    offsets = [("%workspace" if loops.padded_lhs else "%lhs", loops.lhs, contraction.lhs.dtype)]
    offsets.append(("%out", loops.out, contraction.out.dtype))
    operands = contraction.epilogue.operands if contraction.epilogue else ()
    offsets += [
        (base, offset, access.dtype)
        for base, offset, (_, access) in zip(extra, loops.extra, operands, strict=True)
    ]
    places = [
        place(
            base,
            writer.add(partial_offset(writer, offset, batch), offset.constant),
            dtype,
            loops.m.stride(offset),
            loops.n.stride(offset),
        )
        for base, offset, dtype in offsets
    ]
    number: Index = 0
    for loop in plan.rhs_batch.loops:
        number = writer.add(writer.multiply(number, loop.extent), batch[loop.name])
    if plan.packed_panels > 1:
        number = writer.add(writer.multiply(number, plan.panels), writer.divide(lane, plan.width))
    packed = writer.address("%packed", writer.multiply(number, plan.panel_bytes))
    arguments = [places[0], packed, *places[1:]]
    writer.line(f"call void {tile}({', '.join(f'ptr {value}' for value in arguments)})")
