"""Moving tiles between memory and registers, by what a description says of its operands."""

from __future__ import annotations

from dataclasses import dataclass

from ..instructions import Instruction, Register, llvm_type
from .ir_writer import Index, Writer


def load_broadcast(writer: Writer, register: Register, address: str) -> str:
    """Load the distinct elements, which lie side by side in that order, into every group of lanes.

    Raises ValueError for a layout that does not repeat its elements in order.
    """
    elements = register.elements
    period = len(elements)
    if any(register.element(lane) != elements[lane % period] for lane in range(register.lanes)):
        raise ValueError("a broadcast repeats its elements in order")
    if period == register.lanes:
        return load_vector(writer, register, address, register.dtype.bytes)
    bits = period * register.dtype.bits
    if bits > 64:
        element = llvm_type(register.dtype)
        part = writer.value(f"load <{period} x {element}>, ptr {address}, align {register.dtype.bytes}", "w")
        order = ", ".join(f"i32 {lane % period}" for lane in range(register.lanes))
        kind = f"<{period} x {element}>"
        return writer.value(
            f"shufflevector {kind} {part}, {kind} poison, <{register.lanes} x i32> <{order}>", "a"
        )
    groups = register.lanes // period
    word = writer.value(f"load i{bits}, ptr {address}, align {register.dtype.bytes}", "w")
    kind = f"<{groups} x i{bits}>"
    one = writer.value(f"insertelement {kind} poison, i{bits} {word}, i64 0", "w")
    every = writer.value(f"shufflevector {kind} {one}, {kind} poison, <{groups} x i32> zeroinitializer", "w")
    if kind == register.type:
        return every
    return writer.value(f"bitcast {kind} {every} to {register.type}", "a")


def row_of(writer: Writer, register: Register, value: str, row: int, columns: int) -> str:
    """One row of a tile that a vector holds, as a vector of its columns."""
    lanes = {register.element(lane): lane for lane in reversed(range(register.lanes))}
    order = [lanes[row, column] for column in range(columns)]
    if order == list(range(register.lanes)):
        return value
    picks = ", ".join(f"i32 {lane}" for lane in order)
    kind = register.type
    return writer.value(f"shufflevector {kind} {value}, {kind} poison, <{columns} x i32> <{picks}>")


def from_row(writer: Writer, register: Register, value: str, columns: int) -> str:
    """A tile all of whose rows are the vector `value`."""
    order = [register.element(lane)[1] for lane in range(register.lanes)]
    if order == list(range(columns)):
        return value
    picks = ", ".join(f"i32 {column}" for column in order)
    kind = f"<{columns} x {llvm_type(register.dtype)}>"
    return writer.value(f"shufflevector {kind} {value}, {kind} poison, <{register.lanes} x i32> <{picks}>")


def load_vector(writer: Writer, register: Register, address: str, alignment: int) -> str:
    return writer.value(f"load {register.type}, ptr {address}, align {alignment}", "b")


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which of `registers` numbered registers holds what: accumulators first, then right tiles, then left
    tiles, which take turns in those that remain."""

    rows: int
    columns: int
    registers: int

    def acc(self, row: int, column: int) -> int:
        return row * self.columns + column

    def rhs(self, column: int) -> int:
        return self.rows * self.columns + column

    def lhs(self, row: int) -> int:
        first = self.rows * self.columns + self.columns
        return first + row % (self.registers - first)


def emit_instruction(writer: Writer, instruction: Instruction, acc: str, lhs: str, rhs: str) -> str:
    """The instruction on given operands (values, or numbers of registers); its result, or nothing."""
    result = "" if instruction.moves else writer.fresh("c")
    text = instruction.emission.format(result=result, acc=acc, lhs=lhs, rhs=rhs, fresh=writer.fresh("t"))
    writer.line(text)
    return result


def move(writer: Writer, template: str, register: int, address: str = "", pitch: Index = 0) -> None:
    """A load, store or zeroing of a numbered register."""
    fresh = writer.fresh("t")
    writer.line(template.format(register=register, address=address, pitch=pitch, fresh=fresh))
