"""The whole kernel of a plan as an LLVM module: loops around register tiles, packing, margins.

Every function has one signature, so that callers need to know only the order of phases:

    void phase(ptr lhs, ptr rhs, ptr out, ptr packed, ptr workspace, ptr extra, i64 part, i64 parts)

`packed` is the packed right operand, `extra` an array of the addresses of the epilogue's operands. All
parts of a phase may run at once; a phase begins when all parts of the one before have ended. Before the
first of all, `workspace` holds zeros.
"""

from __future__ import annotations

from exalift.affine import Affine

from ..rewriter.lanes import LanePlan
from ..rewriter.plan import LINE, Plan
from .ir_writer import Index, Writer
from .lanes import emit_lanes
from .margins import margins_of
from .microkernel import TileShape, emit_tile
from .module import PARAMETERS, Emitted, both_phases, entry_function, module_text, pad_function
from .packing import Values, emit_pack_lhs, partial_offset, spread
from .packing_right import emit_pack_rhs
from .sharing import taken_rows, taken_units


def emit_kernel(plan: Plan | LanePlan, name: str, triple: str | None = None) -> Emitted:
    """The module of a plan; its functions are called `name` and `name`.pack and so on.

    `triple` names the processor that it is for, where that is not this machine.
    """
    if isinstance(plan, LanePlan):
        return emit_lanes(plan, name, triple)
    functions = [emit_tile(plan, shape, name) for shape in tile_shapes(plan)]
    loops = plan.loops
    pad_lhs = f"{name}.pad.lhs" if loops.padded_lhs else ""
    pad_rhs = f"{name}.pad.rhs" if loops.padded_rhs else ""
    pads = [*filter(None, [pad_lhs, pad_rhs])]
    if loops.padded_lhs is not None:
        functions.append(pad_function(plan.contraction.lhs, loops.padded_lhs, "%lhs", 0, pad_lhs))
    if loops.padded_rhs is not None:
        at = plan.padded_rhs_at
        functions.append(pad_function(plan.contraction.rhs, loops.padded_rhs, "%rhs", at, pad_rhs))
    functions.append(_pack_function(plan, f"{name}.pack"))
    functions.append(_run_function(plan, name))
    pad = f"{name}.pad" if pads else ""
    if pads:
        functions.append(both_phases(pads, pad))
    entries = (f"{name}.entry", f"{name}.pack.entry")
    functions.append(entry_function(entries[0], [*filter(None, [pad_lhs]), name]))
    functions.append(entry_function(entries[1], [*filter(None, [pad_rhs]), f"{name}.pack"]))
    text = module_text(plan.instruction, triple, functions)
    return Emitted(text, pad, f"{name}.pack", name, *entries, plan.packed_bytes, plan)


def tile_shapes(plan: Plan) -> tuple[TileShape, ...]:
    """Whole register tiles, and what is left over at the edges."""
    rows, columns = plan.tile
    m, n = plan.loops.m.extent, plan.loops.n.extent
    heights = [rows] * (m >= rows) + [m % rows] * (m % rows > 0)
    widths = [columns] * (n >= columns) + [n % columns] * (n % columns > 0)
    return tuple(TileShape(height, width) for height in heights for width in widths)


def _pack_function(plan: Plan, name: str) -> str:
    writer = Writer()
    source = "%rhs"
    if plan.loops.padded_rhs is not None:
        source = writer.address("%workspace", plan.padded_rhs_at)
    emit_pack_rhs(writer, plan, source, "%packed", "%part", "%parts")
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')


def _run_function(plan: Plan, name: str) -> str:
    writer = Writer()
    _Nest(plan, writer, name).emit()
    writer.line("ret void")
    return writer.text(f'define void @"{name}"({PARAMETERS}) #0')


class _Nest:
    """The loops around the register tiles."""

    def __init__(self, plan: Plan, writer: Writer, name: str) -> None:
        self.plan, self.writer, self.name = plan, writer, name
        self.loops = plan.loops
        contraction = plan.contraction
        self.lhs = "%workspace" if self.loops.padded_lhs else "%lhs"
        self.out_size = contraction.out.dtype.bytes
        self.lhs_size = contraction.lhs.dtype.bytes
        self.margins = margins_of(plan)

    def emit(self) -> None:
        writer, plan, loops = self.writer, self.plan, self.loops
        moves = plan.instruction.moves
        own = writer.value(f"mul i64 %part, {plan.part_bytes}")
        self.block = writer.address("%workspace", writer.add(own, plan.shared_bytes))
        self.scratch = writer.address(self.block, plan.lhs_block_bytes)
        self.row = writer.address(self.scratch, plan.scratch_bytes)
        self.sums = writer.address(self.row, plan.row_bytes)
        self.extra = [self._extra(position) for position in range(len(self.loops.extra))]
        if moves:
            writer.line(moves.enter)
        counters = writer.address("%workspace", plan.shared_bytes + plan.part_bytes - LINE)
        if plan.shares_rows:
            with taken_rows(writer, plan, counters) as rows:
                self._block(spread(writer, loops.batch, 0), rows, (0, plan.panels))
        else:
            with taken_units(writer, plan, counters) as unit:
                self._unit(unit)
        if moves:
            writer.line(moves.leave)

    def _extra(self, position: int) -> str:
        address = self.writer.address("%extra", position * 8)
        return self.writer.value(f"load ptr, ptr {address}, align 8")

    def _unit(self, unit: Index) -> None:
        """One batch, one block of rows, one share of the columns."""
        writer, plan, loops = self.writer, self.plan, self.loops
        splits = plan.schedule.splits
        share = writer.remainder(unit, splits)
        rest = writer.divide(unit, splits)
        block = writer.remainder(rest, plan.blocks_m)
        batch = spread(writer, loops.batch, writer.divide(rest, plan.blocks_m))
        first = writer.multiply(block, plan.schedule.block_m)
        last = writer.minimum(writer.add(first, plan.schedule.block_m), loops.m.extent)
        panels = (
            writer.divide(writer.multiply(share, plan.panels), splits),
            writer.divide(writer.multiply(writer.add(share, 1), plan.panels), splits),
        )
        self._block(batch, (first, last), panels)

    def _block(self, batch: Values, rows: tuple[Index, Index], panels: tuple[Index, Index]) -> None:
        """Rows of one batch, from the first to the one behind the last, by some panels of columns."""
        writer, plan, loops = self.writer, self.plan, self.loops
        first, last = rows
        lhs = writer.add(partial_offset(writer, loops.lhs, batch), loops.lhs.constant)
        source = writer.address(self.lhs, writer.multiply(lhs, self.lhs_size))

        if plan.lhs_in_place:
            # Where a packed block would begin: at its first row.
            self.block = writer.address(source, writer.multiply(first, plan.row_pitch))

        def block_of_k(start: Index, stop: Index) -> None:
            block = (start, stop)
            if not plan.lhs_in_place:
                emit_pack_lhs(writer, plan, source, self.block, rows, block, self.row, self.sums)
            with writer.loop(panels[0], panels[1]) as panel:
                self._panel(batch, first, last, panel.index, block)

        if plan.blocks_k == 1:
            block_of_k(0, loops.k.extent)
            return
        with writer.loop(0, loops.k.extent, plan.schedule.block_k) as k:
            stop = writer.minimum(writer.add(k.index, plan.schedule.block_k), loops.k.extent)
            block_of_k(k.index, stop)

    def _panel(
        self, batch: Values, first: Index, last: Index, panel: Index, block: tuple[Index, Index]
    ) -> None:
        """A panel of columns over a block of k: whole tiles down the rows, then the one left over."""
        writer, plan, loops = self.writer, self.plan, self.loops
        columns, extent = plan.tile[1], loops.n.extent
        if extent % columns == 0:
            self._column(batch, first, last, panel, block, columns)
        elif extent < columns:
            self._column(batch, first, last, panel, block, extent)
        else:
            edge = writer.value(f"icmp eq i64 {panel}, {plan.panels - 1}")
            inner = writer.value(f"xor i1 {edge}, true")
            with writer.when(inner):
                self._column(batch, first, last, panel, block, columns)
            with writer.when(edge):
                self._column(batch, first, last, panel, block, extent % columns)

    def _column(
        self, batch: Values, first: Index, last: Index, panel: Index, block: tuple[Index, Index], width: int
    ) -> None:
        writer, plan = self.writer, self.plan
        rows, extent = plan.tile[0], self.loops.m.extent
        left = extent % rows
        whole = last
        if left:
            at_edge = writer.value(f"icmp eq i64 {last}, {extent}")
            whole = writer.value(f"select i1 {at_edge}, i64 {extent - left}, i64 {last}")
        if extent >= rows:
            with writer.loop(first, whole, rows) as row:
                self._tile(batch, first, row.index, panel, block, TileShape(rows, width))
        if left:
            with writer.when(writer.value(f"icmp slt i64 {whole}, {last}")):
                self._tile(batch, first, extent - left, panel, block, TileShape(left, width))

    def _tile(
        self,
        batch: Values,
        first: Index,
        row: Index,
        panel: Index,
        block: tuple[Index, Index],
        shape: TileShape,
    ) -> None:
        """Call one register tile."""
        writer, plan, loops = self.writer, self.plan, self.loops
        start, stop = block
        skipped: Index = 0
        if self.margins is not None:
            skipped, stop = self.margins.steps(writer, row, shape.rows)
        down = writer.multiply(writer.subtract(row, first), plan.row_pitch)
        skipped_lhs = writer.add(skipped, start) if plan.lhs_in_place else skipped
        lhs = writer.address(self.block, writer.add(down, writer.multiply(skipped_lhs, self.lhs_size)))
        header = self._panel_header(batch, panel)
        into = writer.add(start, skipped)
        into = writer.multiply(into, plan.tile[1] * plan.contraction.rhs.dtype.bytes)
        rhs = writer.address(header, writer.add(into, plan.header_bytes))
        k = plan.instruction.extents[2]
        steps = writer.divide(writer.add(writer.subtract(writer.subtract(stop, start), skipped), k - 1), k)
        is_first = writer.value(f"icmp eq i64 {start}, 0")
        is_last = writer.value(f"icmp eq i64 {block[1]}, {loops.k.extent}")
        column = writer.multiply(panel, plan.tile[1])
        out = self._place("%out", loops.out, self.out_size, batch, row, column)
        extra = ""
        if plan.contraction.epilogue is not None:
            for position, (_, access) in enumerate(plan.contraction.epilogue.operands):
                at = self._place(
                    self.extra[position], loops.extra[position], access.dtype.bytes, batch, row, column
                )
                extra += f", ptr {at}"
        size = plan.contraction.accumulator.bytes
        sums = writer.address(self.sums, writer.multiply(writer.subtract(row, first), size))
        tile = shape.name(self.name)
        writer.line(
            f"call void {tile}(ptr {lhs}, ptr {rhs}, ptr {header}, i64 {steps}, i1 {is_first}, "
            f"i1 {is_last}, ptr {out}, ptr {self.scratch}, ptr {sums}{extra})"
        )

    def _panel_header(self, batch: Values, panel: Index) -> str:
        """Where a packed panel begins."""
        writer, plan = self.writer, self.plan
        number: Index = 0
        for loop in self.loops.rhs_batch.loops:
            number = writer.add(writer.multiply(number, loop.extent), batch[loop.name])
        number = writer.add(writer.multiply(number, plan.panels), panel)
        return writer.address("%packed", writer.multiply(number, plan.panel_bytes))

    def _place(self, base: str, offset: Affine, size: int, batch: Values, row: Index, column: Index) -> str:
        """The address of a tile's first element."""
        writer = self.writer
        at = writer.add(partial_offset(writer, offset, batch), offset.constant)
        at = writer.add(at, writer.multiply(row, self.loops.m.stride(offset)))
        at = writer.add(at, writer.multiply(column, self.loops.n.stride(offset)))
        return writer.address(base, writer.multiply(at, size))
