"""A contraction with every decision taken, for a grid of blocks of threads: tiles, groups, shared memory.

for each batch, block of rows and block of columns          a block of threads
  for each block of k
    copy the block of both factors to shared memory, tile after tile in the order of fragments
    for each step of k
      each group of threads: its tiles of the left factor times its tiles of the right one
  each thread: what follows, and its elements of the result
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from exalift.affine import Affine

from ..contraction import COLUMNS, ROWS, Contraction
from ..instructions import Fragments, Instruction, Register
from .loops import Loops, Nest, order_loops
from .plan import round_up

SHARED_BYTES = 48 << 10
"""What every block may have without asking."""

THREADS = 1024
"""The most threads in a block."""

REGISTERS = 1 << 16
"""Of a multiprocessor, 32 bits each; a block has no more."""

_OTHER = 48
"""Registers that a thread needs beside its sums: fragments, addresses, counters. From what ptxas reports."""


@dataclass(frozen=True, slots=True)
class GridSchedule:
    """rows, columns: instructions in a group's tile. groups_m, groups_n: groups of threads in a block. steps:
    instructions' k steps in a block of k."""

    rows: int
    columns: int
    groups_m: int
    groups_n: int
    steps: int


@dataclass(frozen=True)
class GridPlan:
    """A contraction, an instruction for groups of threads that computes it, and a schedule.

    Not handled, and refused: operands that are read outside their bounds, zero points, bytes of another
    sign than the instruction's.
    """

    contraction: Contraction
    instruction: Instruction
    schedule: GridSchedule

    def __post_init__(self) -> None:
        contraction, instruction = self.contraction, self.instruction
        if instruction.fragments is None:
            raise ValueError(f"{instruction.name} is no instruction for groups of threads: see `Plan`")
        for access, register in (
            (contraction.lhs, instruction.lhs),
            (contraction.rhs, instruction.rhs),
        ):
            if access.dtype is not register.dtype:
                raise ValueError(f"{instruction.name} takes {register.dtype}, not {access.dtype}")
        if contraction.accumulator is not instruction.acc.dtype:
            raise ValueError(f"{instruction.name} sums in {instruction.acc.dtype}")
        if contraction.lhs_shift:
            raise ValueError("zero points are not computed on a grid")
        if contraction.loads_sums(ROWS) or contraction.loads_sums(COLUMNS):
            raise ValueError("sums of rows and columns are not computed on a grid")
        if self.loops.padded_lhs or self.loops.padded_rhs:
            raise ValueError("operands that are read outside their bounds are not computed on a grid")
        if self.threads > THREADS:
            raise ValueError(f"a block has at most {THREADS} threads, not {self.threads}")
        if self.shared_bytes > SHARED_BYTES:
            raise ValueError(f"a block has {SHARED_BYTES} bytes of shared memory, not {self.shared_bytes}")
        if self.thread_registers > instruction.registers:
            raise ValueError(f"a thread needs {self.thread_registers} registers for its sums and the rest")
        if self.block_registers > REGISTERS:
            raise ValueError(f"a block has {REGISTERS} registers, not {self.block_registers}")

    @property
    def fragments(self) -> Fragments:
        assert self.instruction.fragments is not None
        return self.instruction.fragments

    @cached_property
    def loops(self) -> Loops:
        return order_loops(self.contraction, unpack=False)

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.schedule.groups_m * self.schedule.groups_n * self.fragments.threads

    @property
    def thread_registers(self) -> int:
        tiles = self.schedule.rows * self.schedule.columns
        sums = self.instruction.acc.lanes // self.fragments.threads * tiles
        return sums * self.fragments.copies + _OTHER

    @property
    def block_registers(self) -> int:
        return self.threads * self.thread_registers

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a block."""
        m, n, _ = self.instruction.extents
        schedule = self.schedule
        return schedule.groups_m * schedule.rows * m, schedule.groups_n * schedule.columns * n

    @property
    def block_k(self) -> int:
        return self.schedule.steps * self.instruction.extents[2]

    @property
    def padded_k(self) -> int:
        return round_up(self.loops.k.extent, self.block_k)

    @property
    def blocks(self) -> tuple[int, int]:
        """Blocks down the rows and across the columns."""
        return -(-self.loops.m.extent // self.tile[0]), -(-self.loops.n.extent // self.tile[1])

    @property
    def grid(self) -> tuple[int, int, int]:
        """The grid's extents: all blocks of a batch, batches, 1."""
        down, across = self.blocks
        return down * across, self.loops.batch.extent, 1

    @property
    def lhs_tiles(self) -> int:
        """Tiles of the left factor in a block, for one step of k."""
        return self.schedule.groups_m * self.schedule.rows

    @property
    def rhs_tiles(self) -> int:
        return self.schedule.groups_n * self.schedule.columns

    @property
    def rhs_at(self) -> int:
        """Where in shared memory the right factor begins: its descriptors want 128 bytes."""
        return round_up(self.schedule.steps * self.lhs_tiles * tile_bytes(self.instruction.lhs), 128)

    @property
    def shared_bytes(self) -> int:
        return self.rhs_at + self.schedule.steps * self.rhs_tiles * tile_bytes(self.instruction.rhs)

    def run(self, left: bool) -> int:
        """How many elements a thread copies at once: those of a 32-bit word where they are neighbours in
        memory wherever they are in a word of a fragment, else one."""
        access = self.contraction.lhs if left else self.contraction.rhs
        offset, others = (
            (self.loops.lhs, (self.loops.batch, self.loops.m))
            if left
            else (self.loops.rhs, (self.loops.batch, self.loops.n))
        )
        if access.nibbles is not None:
            return 1
        word = max(1, 4 // access.dtype.bytes)
        inner = self.loops.k.loops[-1:]
        aligned = all(_aligned(nest, offset, word) for nest in (*others, Nest(self.loops.k.loops[:-1])))
        whole = bool(inner) and inner[0].extent % word == 0 and offset.coefficient(inner[0].name) == 1
        return word if whole and aligned and offset.constant % word == 0 else 1


def _aligned(nest: Nest, offset: Affine, word: int) -> bool:
    return all(offset.coefficient(loop.name) % word == 0 for loop in nest.loops)


def tile_bytes(register: Register) -> int:
    return register.lanes * register.dtype.bytes
