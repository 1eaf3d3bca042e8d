"""A contraction along the lanes: an instruction's columns are a loop that moves both factors.

    out[p, c] = sum k. lhs[p + k, c] * rhs[k, c]  =>  lanes c: acc[c] += sum k < 4. lhs[p + k, c] * rhs[k, c]

A depthwise convolution has no loop that moves its weights and not its image, so that an instruction's
columns would stand idle. Where every lane of an instruction is by itself (`Instruction.lanewise`), the loop
over channels goes along them: both factors are then vectors. The left one is read where it lies, so that
neighbouring channels are neighbours in memory; what one lane sums at once is interleaved in registers. Where
channels lie apart, the axis is a row of the image, and the weights are the same in all lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..contraction import COLUMNS, ROWS, Contraction, Dimension, Role
from ..instructions import Instruction
from .loops import Loops, Nest, order_loops
from .plan import LINE, encoding_of, round_up

MOST_STEPS = 64
"""Steps of k that are written out."""


@dataclass(frozen=True, slots=True)
class LaneSchedule:
    """Rows and vectors of a register tile."""

    rows: int
    columns: int


@dataclass(frozen=True)
class LanePlan:
    """A contraction, an instruction that computes it along the loop `axis`, and a schedule.

    Raises ValueError for an instruction whose lanes are not by themselves, operands of other types, an axis
    along which the left operand is not contiguous, a loop that moves the right operand and not the left one,
    and long sums.
    """

    contraction: Contraction
    instruction: Instruction
    axis: str
    schedule: LaneSchedule

    def __post_init__(self) -> None:
        contraction, instruction = self.contraction, self.instruction
        if not instruction.lanewise:
            raise ValueError(f"{instruction.name} mixes its lanes, or has several rows")
        if contraction.of_role(Role.N):
            raise ValueError("a loop moves the right operand and not the left one")
        if self.axis not in {d.name for d in contraction.dimensions if d.role is not Role.K}:
            raise ValueError(f"{self.axis} is no loop over the result")
        if self.loops.lhs.coefficient(self.axis) != 1:
            raise ValueError(f"the left operand is not contiguous along {self.axis}")
        if self.loops.padded_rhs is not None:
            raise ValueError("right operands that are copied first do not go along lanes")
        if contraction.loads_sums(ROWS) or contraction.loads_sums(COLUMNS):
            raise ValueError("sums of rows and columns are not computed along lanes")
        encoding_of(contraction, instruction)
        if self.steps > MOST_STEPS:
            raise ValueError(f"sums of more than {MOST_STEPS} steps do not go along lanes")

    @cached_property
    def loops(self) -> Loops:
        """The columns are the axis along the lanes, the rows the innermost loop of the left operand alone;
        all others are batch loops."""
        loops = order_loops(self.contraction)
        others = [d for d in self.contraction.of_role(Role.M) if d.name != self.axis]
        rows = sorted(others, key=lambda d: abs(loops.out.coefficient(d.name)))
        lanes = tuple(d for d in self.contraction.dimensions if d.name == self.axis)
        inner = {d.name for d in (*rows[:1], *lanes)}
        outer: tuple[Dimension, ...] = tuple(
            d for d in self.contraction.dimensions if d.role is not Role.K and d.name not in inner
        )
        return Loops(
            Nest(outer),
            Nest(tuple(rows[:1])),
            Nest(lanes),
            loops.k,
            loops.lhs,
            loops.rhs,
            loops.out,
            loops.extra,
            loops.padded_lhs,
            loops.padded_rhs,
        )

    @property
    def width(self) -> int:
        """Lanes of a register tile."""
        return self.schedule.columns * self.instruction.extents[1]

    @property
    def panels(self) -> int:
        return -(-self.loops.n.extent // self.width)

    @property
    def packed_panels(self) -> int:
        """Panels of the right operand: one for all where the axis does not move it."""
        return self.panels if self.loops.rhs.coefficient(self.axis) else 1

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and lanes of a register tile."""
        return self.schedule.rows, self.width

    @property
    def steps(self) -> int:
        """Instructions that sum all of k."""
        return -(-self.loops.k.extent // self.instruction.extents[2])

    @property
    def encoding(self) -> int:
        """What is added to each element of the left operand, so that it has the instruction's sign."""
        return encoding_of(self.contraction, self.instruction)

    @property
    def correction(self) -> int:
        """The factor of the sum of a lane's right operand that makes up for shift and encoding."""
        return self.contraction.lhs_shift - self.encoding

    @property
    def header_bytes(self) -> int:
        """What the sums of a panel start from, where that is not zero."""
        return round_up(self.width * self.contraction.accumulator.bytes, LINE) if self.correction else 0

    @property
    def panel_bytes(self) -> int:
        _, _, k = self.instruction.extents
        return self.header_bytes + round_up(
            self.steps * k * self.width * self.contraction.rhs.dtype.bytes, LINE
        )

    @property
    def rhs_batch(self) -> Nest:
        """The other loops that move the right operand."""
        return self.loops.rhs_batch

    @property
    def packed_bytes(self) -> int:
        return self.rhs_batch.extent * self.packed_panels * self.panel_bytes + LINE

    @property
    def units(self) -> int:
        """Pieces of work that threads share out."""
        return self.loops.batch.extent

    def workspace_bytes(self, parts: int) -> int:
        """The copy of the left operand with margins; parts have no memory of their own."""
        del parts
        padded = self.loops.padded_lhs
        size = self.contraction.lhs.dtype.bytes
        return round_up(padded.elements * size + 2 * LINE, LINE) if padded else 0
