"""Moving tiles between memory and registers, by what a description says of its operands."""

from __future__ import annotations

from dataclasses import dataclass

from ..instructions import Instruction, Register
from .ir_writer import Index, Writer


def is_broadcast(register: Register) -> bool:
    """Whether several lanes hold one element: its distinct elements, once over, and over again."""
    return len(register.elements) < register.lanes


def load_broadcast(writer: Writer, register: Register, address: str) -> str:
    """Load the distinct elements, which lie side by side, into every group of lanes.

    Raises ValueError for a layout that does not repeat its elements in order.
    """
    elements = register.elements
    period = len(elements)
    if any(register.element(lane) != elements[lane % period] for lane in range(register.lanes)):
        raise ValueError("a broadcast repeats its elements in order")
    bits = period * register.dtype.bits
    groups = register.lanes // period
    word = writer.value(f"load i{bits}, ptr {address}, align {register.dtype.bytes}", "w")
    kind = f"<{groups} x i{bits}>"
    one = writer.value(f"insertelement {kind} poison, i{bits} {word}, i64 0", "w")
    every = writer.value(f"shufflevector {kind} {one}, {kind} poison, <{groups} x i32> zeroinitializer", "w")
    if kind == register.type:
        return every
    return writer.value(f"bitcast {kind} {every} to {register.type}", "a")


def load_vector(writer: Writer, register: Register, address: str, alignment: int) -> str:
    return writer.value(f"load {register.type}, ptr {address}, align {alignment}", "b")


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which numbered register holds what: accumulators first, then right tiles, then one left tile."""

    rows: int
    columns: int

    def acc(self, row: int, column: int) -> int:
        return row * self.columns + column

    def rhs(self, column: int) -> int:
        return self.rows * self.columns + column

    @property
    def lhs(self) -> int:
        return self.rows * self.columns + self.columns


def emit_instruction(writer: Writer, instruction: Instruction, acc: str, lhs: str, rhs: str) -> str:
    """The instruction on given operands (values, or numbers of registers); its result, or nothing."""
    result = "" if instruction.moves else writer.fresh("c")
    text = instruction.emission.format(result=result, acc=acc, lhs=lhs, rhs=rhs, fresh=writer.fresh("t"))
    writer.line(text)
    return result


def move(writer: Writer, template: str, register: int, address: str = "", pitch: Index = 0) -> None:
    """A load, store or zeroing of a numbered register."""
    writer.line(template.format(register=register, address=address, pitch=pitch))
