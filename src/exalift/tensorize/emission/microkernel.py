"""The register tile: one function for each shape of tile that a plan needs."""

from __future__ import annotations

from dataclasses import dataclass

from ..instructions import Instruction, Moves
from ..rewriter.plan import Plan
from .expressions import constant_text, vector_type
from .finish import Loaded, Place, add_previous, finish, store_sums
from .ir_writer import Index, Writer
from .registers import (
    Numbering,
    emit_instruction,
    from_row,
    load_broadcast,
    load_vector,
    move,
    row_of,
)


@dataclass(frozen=True, slots=True)
class TileShape:
    """How much of a register tile is there: elements in rows and columns."""

    rows: int
    columns: int

    def name(self, kernel: str) -> str:
        """The LLVM name of the function, one for each kernel."""
        return f'@"{kernel}.tile_{self.rows}x{self.columns}"'


def signature(plan: Plan) -> str:
    """The parameters of every register tile: packed operands, how many steps of k, whether this is the
    first and the last block of k, and where results go. The output may be one of the epilogue's operands."""
    extra = "".join(f", ptr %extra{position}" for position in range(len(plan.loops.extra)))
    return (
        "ptr noalias %lhs, ptr noalias %rhs, ptr %start, i64 %steps, i1 %first, i1 %last, "
        f"ptr %out, ptr noalias %scratch, ptr noalias %sums{extra}"
    )


def emit_tile(plan: Plan, shape: TileShape, kernel: str) -> str:
    """The text of one function."""
    writer = Writer()
    place = Place(
        "%out", "%start", "%sums", tuple(f"%extra{position}" for position in range(len(plan.loops.extra)))
    )
    tile = _Numbered(plan, shape, writer) if plan.instruction.moves else _Values(plan, shape, writer)
    sums = tile.accumulate()
    _store(writer, plan, shape, place, sums)
    writer.line("ret void")
    return writer.text(f"define internal void {shape.name(kernel)}({signature(plan)}) noinline #1")


@dataclass(frozen=True, slots=True)
class _Vector:
    """A vector of finished sums: its value, or where it was stored; its place in the tile."""

    value: str
    address: str
    row: int
    column: int
    lanes: int
    active: int


def _store(writer: Writer, plan: Plan, shape: TileShape, place: Place, sums: list[_Vector]) -> None:
    """Add what earlier blocks of k left, then either the epilogue or a plain store."""

    def every(previous: bool, whole: bool) -> None:
        loaded: Loaded = {}
        for one in sums:
            value = one.value or _from_scratch(writer, plan, one)
            if previous:
                value = add_previous(writer, plan, value, place, one.row, one.column, one.lanes, one.active)
            at = one.row, one.column, one.lanes, one.active
            if whole:
                finish(writer, plan, value, place, *at, loaded)
            else:
                store_sums(writer, plan, value, place, *at)

    accumulate = plan.contraction.accumulate
    if plan.blocks_k == 1:
        every(accumulate, True)
        return
    cases = [("%first", accumulate, False), ("%last", True, True)]
    done = "stored"
    for flag, previous, whole in cases:
        label = f"is.{flag[1:]}"
        writer.line(f"br i1 {flag}, label %{label}, label %not.{flag[1:]}")
        writer.start(label)
        every(previous, whole)
        writer.line(f"br label %{done}")
        writer.start(f"not.{flag[1:]}")
    every(True, False)
    writer.line(f"br label %{done}")
    writer.start(done)


def _from_scratch(writer: Writer, plan: Plan, one: _Vector) -> str:
    """A vector of sums that numbered registers left in memory, corrected where the plan asks for it."""
    dtype = plan.contraction.accumulator
    kind = vector_type(dtype, one.lanes)
    value = writer.value(f"load {kind}, ptr {one.address}, align {dtype.bytes}")
    if not plan.correction:
        return value
    return writer.value(f"add {kind} {value}, {_correction(writer, plan, one.column, one.lanes)}")


def _correction(writer: Writer, plan: Plan, column: int, lanes: int) -> str:
    """What the sums of columns from `column` on are corrected by, in the first block of k; zero in others."""
    dtype = plan.contraction.accumulator
    kind = vector_type(dtype, lanes)
    header = writer.address("%start", column * dtype.bytes)
    start = writer.value(f"load {kind}, ptr {header}, align {dtype.bytes}")
    if plan.header_factor != plan.correction:
        start = writer.value(f"mul {kind} {start}, {constant_text(plan.correction, dtype, lanes)}")
    return writer.value(f"select i1 %first, {kind} {start}, {kind} {constant_text(0, dtype, lanes)}")


class _Tile:
    """What both kinds of register files share: addresses, and the loop over k."""

    def __init__(self, plan: Plan, shape: TileShape, writer: Writer) -> None:
        self.plan, self.shape, self.writer = plan, shape, writer
        self.instruction: Instruction = plan.instruction
        self.m, self.n, self.k = self.instruction.extents
        self.rows = -(-shape.rows // self.m)
        self.columns = -(-shape.columns // self.n)
        contraction = plan.contraction
        together = self.m if plan.instruction.takes_rows else 1
        self.lhs_step = together * self.k * contraction.lhs.dtype.bytes
        self.rhs_tile = self.k * self.n * contraction.rhs.dtype.bytes
        self.rhs_step = plan.schedule.columns * self.rhs_tile
        self.numbers = Numbering(self.rows, self.columns, self.instruction.registers)

    def lhs_address(self, step: Index, ahead: int, row: int) -> str:
        on = self.writer.multiply(step, self.lhs_step)
        base = self.writer.address("%lhs", on)
        return self.writer.address(base, row * self.m * self.plan.row_pitch + ahead * self.lhs_step)

    def rhs_address(self, step: Index, ahead: int, column: int) -> str:
        base = self.writer.address("%rhs", self.writer.multiply(step, self.rhs_step))
        return self.writer.address(base, ahead * self.rhs_step + column * self.rhs_tile)

    def active(self, column: int) -> int:
        return min(self.n, self.shape.columns - column * self.n)

    def load_rhs(self, step: Index, ahead: int, column: int) -> str:
        alignment = min(64, self.rhs_tile & -self.rhs_tile)
        address = self.rhs_address(step, ahead, column)
        return load_vector(self.writer, self.instruction.rhs, address, alignment)

    def load_lhs(self, step: Index, ahead: int, row: int) -> str:
        return load_broadcast(self.writer, self.instruction.lhs, self.lhs_address(step, ahead, row))


class _Values(_Tile):
    """Accumulators are SSA values, carried around the loop over k."""

    def accumulate(self) -> list[_Vector]:
        writer, unroll = self.writer, self.plan.schedule.unroll
        kind = self.instruction.acc.type
        sums = self._start()
        whole = writer.multiply(writer.divide("%steps", unroll), unroll)
        for start, stop, step in ((0, whole, unroll), (whole, "%steps", 1)):
            if unroll == 1 and step == 1 and start == whole:
                continue
            with writer.loop(start, stop, step, [(kind, one) for one in sums]) as loop:
                values = loop.carried
                for ahead in range(step):
                    values = self._step(loop.index, ahead, values)
                loop.following = values
            sums = loop.results
        return [
            _Vector(self._row(sums, row, c), "", row, c * self.n, self.n, self.active(c))
            for row in range(self.shape.rows)
            for c in range(self.columns)
        ]

    def _row(self, sums: list[str], row: int, column: int) -> str:
        tile = sums[row // self.m * self.columns + column]
        return row_of(self.writer, self.instruction.acc, tile, row % self.m, self.n)

    def _start(self) -> list[str]:
        zero = constant_text(0, self.instruction.acc.dtype, self.instruction.acc.lanes)
        if not self.plan.correction:
            return [zero] * (self.rows * self.columns)
        first = [
            from_row(
                self.writer,
                self.instruction.acc,
                _correction(self.writer, self.plan, column * self.n, self.n),
                self.n,
            )
            for column in range(self.columns)
        ]
        return first * self.rows

    def _step(self, step: Index, ahead: int, sums: list[str]) -> list[str]:
        writer, instruction = self.writer, self.instruction
        right = [self.load_rhs(step, ahead, column) for column in range(self.columns)]
        following: list[str] = []
        for row in range(self.rows):
            left = self.load_lhs(step, ahead, row)
            for column in range(self.columns):
                acc = sums[row * self.columns + column]
                following.append(emit_instruction(writer, instruction, acc, left, right[column]))
        return following


class _Numbered(_Tile):
    """Accumulators are numbered registers; they pass through scratch memory at the end. Factors may be."""

    def accumulate(self) -> list[_Vector]:
        writer, numbers = self.writer, self.numbers
        moves = self.instruction.moves
        assert moves is not None
        tiles = [(row, column) for row in range(self.rows) for column in range(self.columns)]
        for row, column in tiles:
            move(writer, moves.zero, numbers.acc(row, column))
        with writer.loop(0, "%steps") as loop:
            right = [self._right(loop.index, column) for column in range(self.columns)]
            for row in range(self.rows):
                left = self._left(loop.index, row)
                for column in range(self.columns):
                    acc = str(numbers.acc(row, column))
                    emit_instruction(writer, self.instruction, acc, left, right[column])
        return self._stored(moves, [tile for tile in tiles if not self._store_in_place(moves, tile)])

    def _stored(self, moves: Moves, tiles: list[tuple[int, int]]) -> list[_Vector]:
        """Accumulators, by way of scratch memory, as vectors."""
        writer, size = self.writer, self.instruction.acc.dtype.bytes
        pitch = self.columns * self.n * size
        for row, column in tiles:
            on = row * self.m * pitch + column * self.n * size
            move(writer, moves.store, self.numbers.acc(row, column), writer.address("%scratch", on), pitch)
        return [
            _Vector(
                "",
                writer.address("%scratch", row * pitch + c * self.n * size),
                row,
                c * self.n,
                self.n,
                self.active(c),
            )
            for row in range(self.shape.rows)
            for c in range(self.columns)
            if (row // self.m, c) in tiles
        ]

    def _store_in_place(self, moves: Moves, tile: tuple[int, int]) -> bool:
        """Store a whole tile of sums that are the output as they are; False where they are not."""
        plan, loops, (row, column) = self.plan, self.plan.loops, tile
        contraction, out = plan.contraction, plan.contraction.out
        whole = (row + 1) * self.m <= self.shape.rows and (column + 1) * self.n <= self.shape.columns
        untouched = not (contraction.epilogue or contraction.accumulate or plan.correction)
        if not (whole and untouched and plan.blocks_k == 1 and loops.n.stride(loops.out) == 1):
            return False
        pitch = loops.m.stride(loops.out) * out.dtype.bytes
        at = self.writer.address("%out", row * self.m * pitch + column * self.n * out.dtype.bytes)
        move(self.writer, moves.store, self.numbers.acc(row, column), at, pitch)
        return True

    def _right(self, step: Index, column: int) -> str:
        """A right tile: the number of its register, or its value."""
        moves = self.instruction.moves
        assert moves is not None
        if not moves.load:
            return self.load_rhs(step, 0, column)
        number = self.numbers.rhs(column)
        move(self.writer, moves.load, number, self.rhs_address(step, 0, column), moves.row_bytes)
        return str(number)

    def _left(self, step: Index, row: int) -> str:
        moves = self.instruction.moves
        assert moves is not None
        if not moves.load:
            return self.load_lhs(step, 0, row)
        number = self.numbers.lhs(row)
        move(self.writer, moves.load, number, self.lhs_address(step, 0, row), self.plan.row_pitch)
        return str(number)
