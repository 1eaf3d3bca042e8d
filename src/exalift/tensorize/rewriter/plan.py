"""A contraction with every decision taken: instruction, tile sizes, blocks; and what follows from them.

The loops are those of Goto and van de Geijn (ACM TOMS 34(3), 2008), with register tiles of whole
instructions:

    for each unit (batch, block of rows, share of columns)      taken by threads, one after the other
      for each block of k
        pack the block of the left operand
        for each panel of columns, of the packed right operand
          for each panel of rows: the register tile, over the block of k
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..contraction import COLUMNS, ROWS, Contraction
from ..instructions import Instruction
from .loops import Loops, order_loops

LINE = 64
"""Bytes of a cache line, to which packed rows and panels are aligned."""


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def encoding_of(contraction: Contraction, instruction: Instruction) -> int:
    """What is added to each element of the left operand so that it has the sign that the instruction wants.
    Raises ValueError where the types of operands and sums are others than the instruction's."""
    for access, register in ((contraction.lhs, instruction.lhs), (contraction.rhs, instruction.rhs)):
        have, want = access.dtype, register.dtype
        recoded = access is contraction.lhs and have.is_integer and have.bits == want.bits
        if have is not want and not (recoded and want.is_integer):
            raise ValueError(f"{instruction.name} takes {want}, not {have}")
    if contraction.accumulator is not instruction.acc.dtype:
        raise ValueError(f"{instruction.name} sums in {instruction.acc.dtype}")
    have, want = contraction.lhs.dtype, instruction.lhs.dtype
    if have.is_signed == want.is_signed:
        return 0
    return 1 << have.bits - 1 if have.is_signed else -(1 << have.bits - 1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the tuner chooses.

    rows, columns: instructions in a register tile. block_m: rows in a block (a multiple of the register
    tile's rows). block_k: summed elements in a block (a multiple of the instruction's). splits: shares of
    the columns that threads may take apart. unroll: instructions' k steps in the innermost loop's body.
    """

    rows: int
    columns: int
    block_m: int
    block_k: int
    splits: int = 1
    unroll: int = 4


@dataclass(frozen=True)
class Plan:
    """A contraction, an instruction that computes it, and a schedule."""

    contraction: Contraction
    instruction: Instruction
    schedule: Schedule

    def __post_init__(self) -> None:
        m, _, k = self.instruction.extents
        schedule = self.schedule
        if self.instruction.fragments is not None:
            raise ValueError(f"{self.instruction.name} is for groups of threads: see `GridPlan`")
        if schedule.block_m % (schedule.rows * m) or schedule.block_k % k:
            raise ValueError("blocks are whole register tiles")
        used = schedule.rows * schedule.columns
        if self.instruction.moves is None or self.instruction.loads_tiles:
            used += schedule.columns + 1
        if used > self.instruction.registers:
            raise ValueError(f"a tile of {schedule.rows}x{schedule.columns} needs {used} registers")
        if self.blocks_k > 1 and self.contraction.out.dtype is not self.contraction.accumulator:
            raise ValueError("sums that are stored as another type are not split along k")
        if self.blocks_k > 1 and self.contraction.reads_out:
            raise ValueError("sums beside what the output held before are not split along k")
        if self.blocks_k > 1 and self.loads_sums:
            raise ValueError("sums beside those of rows and columns are not split along k")
        encoding_of(self.contraction, self.instruction)
        if (
            self.blocks_k > 1
            and schedule.block_k % self.loops.lhs_run
            and self.loops.lhs_run % self.loops.k.extent
        ):
            raise ValueError("blocks of k are whole runs of the left operand")
        block_bytes = schedule.block_k * self.contraction.lhs.dtype.bytes
        if self.blocks_k > 1 and self.loops.lhs_run >= self.loops.k.extent > 1 and block_bytes % LINE:
            # What a row has beyond whole lines is packed once, with its last block.
            raise ValueError("blocks of k are whole cache lines of the left operand")

    @cached_property
    def loops(self) -> Loops:
        return order_loops(self.contraction)

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a register tile, in elements."""
        m, n, _ = self.instruction.extents
        return self.schedule.rows * m, self.schedule.columns * n

    @property
    def padded_k(self) -> int:
        """k, rounded up to whole instructions."""
        return round_up(self.loops.k.extent, self.instruction.extents[2])

    @property
    def blocks_k(self) -> int:
        return -(-self.padded_k // self.schedule.block_k)

    @property
    def row_pitch(self) -> int:
        """Bytes from row to row of the left block. Where it is packed, never a multiple of a page: rows of a
        tile would fall onto the same sets of the first cache."""
        if self.lhs_in_place:
            return (self.lhs_row_stride or 0) * self.contraction.lhs.dtype.bytes
        width = min(self.schedule.block_k, self.padded_k) * self.contraction.lhs.dtype.bytes
        pitch = round_up(width, LINE)
        return pitch + LINE if pitch % 512 == 0 else pitch

    @cached_property
    def lhs_in_place(self) -> bool:
        """Whether register tiles read the left operand where it lies, and nothing of it is packed: the
        instruction loads rows from anywhere, k is contiguous, and there are whole tiles alone."""
        m, _, k = self.instruction.extents
        loops = self.loops
        if not self.instruction.loads_tiles or loops.padded_lhs is not None:
            return False
        if self.encoding or self.contraction.loads_sums(ROWS):
            return False
        whole = loops.lhs_run == loops.k.extent and loops.k.extent % k == 0 and loops.m.extent % m == 0
        return whole and self.lhs_row_stride is not None

    @cached_property
    def lhs_row_stride(self) -> int | None:
        """How far apart neighbouring rows of the left operand are, in elements; None: it differs."""
        try:
            return self.loops.m.stride(self.loops.lhs)
        except ValueError:
            return None

    @property
    def lhs_block_bytes(self) -> int:
        """The packed left block. Rows are a multiple of the instruction's; copies may overrun by a line.
        Where the instruction takes several rows in a vector, they share their space: for each step of k the
        tile's rows, side by side."""
        if self.lhs_in_place:
            return 0
        m = self.instruction.extents[0]
        rows = min(self.schedule.block_m, round_up(self.loops.m.extent, m))
        return round_up(rows * self.row_pitch + 2 * LINE, 4096)

    @property
    def panels(self) -> int:
        return -(-self.loops.n.extent // self.tile[1])

    @property
    def needs_column_sums(self) -> bool:
        """Whether the packed right operand carries the sums of its columns."""
        return self.correction != 0 or self.contraction.loads_sums(COLUMNS)

    @property
    def loads_sums(self) -> bool:
        """Whether what follows needs the sums of rows or columns as they are."""
        return self.contraction.loads_sums(ROWS) or self.contraction.loads_sums(COLUMNS)

    @property
    def header_factor(self) -> int:
        """What the columns' sums in the header are multiplied by: the correction, where nothing else wants
        them, else 1."""
        return 1 if self.contraction.loads_sums(COLUMNS) else self.correction

    @property
    def encoding(self) -> int:
        """What is added to each element of the left operand when it is packed, so that it has the sign that
        the instruction wants: a signed byte plus 128 is an unsigned one."""
        return encoding_of(self.contraction, self.instruction)

    @property
    def correction(self) -> int:
        """The factor of the sum of a column of the right operand that makes up for shift and encoding:
        sum k. (l + s) r = sum k. (l + e) r + (s - e) sum k. r."""
        return self.contraction.lhs_shift - self.encoding

    @property
    def header_bytes(self) -> int:
        """What stands before a panel: the value that its accumulators start from, or the sums of columns."""
        if not self.needs_column_sums:
            return 0
        return round_up(self.tile[1] * self.contraction.accumulator.bytes, LINE)

    @property
    def panel_bytes(self) -> int:
        return self.header_bytes + self.padded_k * self.tile[1] * self.contraction.rhs.dtype.bytes

    @property
    def packed_bytes(self) -> int:
        """The packed right operand, all panels of all its batches."""
        return round_up(self.loops.rhs_batch.extent * self.panels * self.panel_bytes, LINE) + LINE

    @cached_property
    def rhs_column_stride(self) -> int | None:
        """How far apart neighbouring columns of the right operand are, in elements; None: it differs."""
        try:
            return self.loops.n.stride(self.loops.rhs)
        except ValueError:
            return None

    @cached_property
    def rhs_word(self) -> int:
        """How many elements of one column lie side by side in the instruction's right register, column after
        column; 0 where it has another order."""
        register, (_, n, k) = self.instruction.rhs, self.instruction.extents
        places = [register.element(lane) for lane in range(register.lanes)]
        word = next((lane for lane, (_, column) in enumerate(places) if column), register.lanes)
        groups = range(0, k, max(1, word))
        order = [(group + at, column) for group in groups for column in range(n) for at in range(word)]
        return word if places == order else 0

    @cached_property
    def rhs_has_words(self) -> bool:
        """Whether such elements lie side by side in the operand too, so that they move as one."""
        run, word = self.loops.rhs_run, self.rhs_word
        return word > 0 and (run % word == 0 or run == self.loops.k.extent)

    @property
    def blocks_m(self) -> int:
        return -(-self.loops.m.extent // self.schedule.block_m)

    @property
    def units(self) -> int:
        """Pieces of work that threads share out."""
        return self.loops.batch.extent * self.blocks_m * self.schedule.splits

    @property
    def shares_rows(self) -> bool:
        """Whether parts take blocks of rows, of whatever size suits; else they take whole units."""
        return self.loops.batch.extent == 1 and self.schedule.splits == 1

    @property
    def shared_bytes(self) -> int:
        """Workspace that all parts share: padded copies of the operands."""
        total = 0
        for padded, access in (
            (self.loops.padded_lhs, self.contraction.lhs),
            (self.loops.padded_rhs, self.contraction.rhs),
        ):
            if padded is not None:
                total += round_up(padded.elements * access.dtype.bytes + LINE, LINE)
        return total

    @property
    def padded_rhs_at(self) -> int:
        """Where in the shared workspace the right operand's copy begins."""
        if self.loops.padded_lhs is None:
            return 0
        return round_up(self.loops.padded_lhs.elements * self.contraction.lhs.dtype.bytes + LINE, LINE)

    @property
    def scratch_bytes(self) -> int:
        """Where numbered registers are stored before what follows is computed on vectors."""
        if self.instruction.moves is None:
            return 0
        rows, columns = self.tile
        return rows * columns * self.contraction.accumulator.bytes

    @property
    def row_bytes(self) -> int:
        """Where a row of the left block is packed before it is dealt out to tiles; copies may overrun."""
        return self.row_pitch + 2 * LINE if self.instruction.takes_rows else 0

    @property
    def sums_bytes(self) -> int:
        """The sums of the rows of a block."""
        if not self.contraction.loads_sums(ROWS):
            return 0
        return round_up(self.schedule.block_m * self.contraction.accumulator.bytes, LINE)

    @property
    def part_bytes(self) -> int:
        """Workspace of each part. At its end, on a line of its own, stands how much of its share is taken."""
        own = self.lhs_block_bytes + self.scratch_bytes + self.row_bytes + self.sums_bytes
        return round_up(own + LINE, 4096)

    def workspace_bytes(self, parts: int) -> int:
        """All the workspace that `parts` concurrent calls need, aligned to 64 bytes."""
        return self.shared_bytes + parts * self.part_bytes
