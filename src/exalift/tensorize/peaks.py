"""What this machine can do at best: instructions on registers, and reads from each level of memory.

Operands are random: on zeros a CPU draws less power, and runs faster than it ever does on data. Floats are
of moderate size: random bytes would have denormal products, on which some instructions take many cycles.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exalift.base import DType
from exalift.llvm import compile_text, host_target, team

from .calling import Array, aligned, usable_features
from .emission.ir_writer import Writer
from .emission.registers import Numbering, emit_instruction, load_vector, move
from .instructions import INSTRUCTIONS, Instruction
from .samples import random_operand

_NAME = "exalift.peak"
_ROUNDS = 20000
_CHAINS = 12
_BYTES = 1 << 16
LEVELS = (("L2 read", 512 << 10), ("L3 read", 8 << 20), ("DRAM read", 256 << 20))
"""Levels of memory, with how many bytes of each a thread reads."""


@dataclass(frozen=True, slots=True)
class Peak:
    """One figure. `rate`: operations a second for instructions, bytes a second for memory."""

    name: str
    threads: int
    rate: float
    is_memory: bool = False


def measure_peaks(
    threads: int = 1, repeats: int = 7, instructions: Sequence[Instruction] = INSTRUCTIONS
) -> tuple[Peak, ...]:
    """The peak of every instruction that this CPU has, and of reading memory; the best of some runs each.

    Not of those whose accumulators alone are numbered registers (SME).
    """
    features = usable_features()
    found: list[Peak] = []
    for instruction in instructions:
        measurable = instruction.moves is None or instruction.loads_tiles
        if measurable and instruction.requirements <= features:
            text = instruction_text(instruction, "v" if host_target().is_x86 else "")
            seconds = _run(text, _random(instruction.lhs.dtype, _BYTES), threads, repeats)
            count = _ROUNDS * _per_round(instruction) * threads
            found.append(Peak(instruction.name, threads, count * instruction.operations / seconds))
    for name, size in LEVELS:
        rounds = max(1, (64 << 20) // size)
        data = np.resize(_random(DType.UI8, 1 << 20), size)
        seconds = _run(_read_text(size, rounds), data, threads, max(2, repeats // 2))
        found.append(Peak(name, threads, size * rounds * threads / seconds, is_memory=True))
    return tuple(found)


def _per_round(instruction: Instruction) -> int:
    return 4 if instruction.moves else _CHAINS


def _random(dtype: DType, size: int) -> Array:
    """`size` bytes of random numbers of this type."""
    return random_operand(np.random.default_rng(0), dtype, (size // dtype.bytes,)).view(np.uint8)


def _run(text: str, content: Array, threads: int, repeats: int) -> float:
    """Seconds of the fastest of some runs; every thread has a copy of the data."""
    library = compile_text(text, [_NAME], host_target())
    data = aligned(content.size * threads)
    data.reshape(threads, content.size)[:] = content
    arguments = np.array([data.ctypes.data], np.uintp)
    together = team(threads)
    best = float("inf")
    for _ in range(repeats + 1):
        start_s = time.perf_counter()
        together.run(library.address(_NAME), arguments.ctypes.data)
        best = min(best, time.perf_counter() - start_s)
    return best


def _function(writer: Writer, attributes: str = "") -> str:
    header = f'define void @"{_NAME}"(i64 %part, i64 %parts, ptr %arguments, ptr %barrier) #0'
    plain = 'nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512"'
    return f"{writer.text(header)}\nattributes #0 = {{ {plain} {attributes} }}\n"


def _own_data(writer: Writer, size: int) -> str:
    data = writer.value("load ptr, ptr %arguments, align 8")
    return writer.address(data, writer.multiply("%part", size))


def instruction_text(instruction: Instruction, constraint: str = "") -> str:
    """A loop of independent instructions; numbered registers are loaded anew in every round.

    constraint: LLVM's letter for a vector register. Where given, the left factor passes through one unseen
    before each instruction: what does not need the accumulator (`pmaddwd`, before its addition) would
    otherwise be taken out of the loop.
    """
    writer = Writer()
    data = _own_data(writer, _BYTES)
    moves = instruction.moves
    if moves is None:
        kind = instruction.acc.type
        lhs = load_vector(writer, instruction.lhs, data, 1)
        rhs = load_vector(writer, instruction.rhs, writer.address(data, 256), 1)
        first = load_vector(writer, instruction.acc, writer.address(data, 512), 1)
        with writer.loop(0, _ROUNDS, 1, [(kind, first)] * _CHAINS) as loop:
            for position, acc in enumerate(loop.carried):
                factor = _unseen(writer, instruction.lhs.type, lhs, constraint) if constraint else lhs
                loop.following[position] = emit_instruction(writer, instruction, acc, factor, rhs)
        for position, value in enumerate(loop.results):
            writer.line(f"store {kind} {value}, ptr {writer.address(data, 1024 + 64 * position)}, align 1")
    else:
        numbers = Numbering(2, 2, instruction.registers)
        writer.line(moves.enter)
        with writer.loop(0, _ROUNDS) as loop:
            on = writer.multiply(writer.remainder(loop.index, 8), 4096)
            for column in range(2):
                address = writer.address(writer.address(data, on), 1024 * column)
                move(writer, moves.load, numbers.rhs(column), address, 64)
            for row in range(2):
                address = writer.address(writer.address(data, on), 2048 + 1024 * row)
                move(writer, moves.load, numbers.lhs(row), address, 64)
                for column in range(2):
                    acc, rhs_number = str(numbers.acc(row, column)), str(numbers.rhs(column))
                    emit_instruction(writer, instruction, acc, str(numbers.lhs(row)), rhs_number)
        writer.line(moves.leave)
    writer.line("ret void")
    declarations = dict.fromkeys(instruction.declarations)
    return "\n".join([*declarations, _function(writer, instruction.attributes)])


def _unseen(writer: Writer, kind: str, value: str, constraint: str) -> str:
    """The same value, of which LLVM knows no more than that it is new every time."""
    return writer.value(f'call {kind} asm sideeffect "", "={constraint},0"({kind} {value})')


def _read_text(size: int, rounds: int) -> str:
    """Read every line once a round, in eight independent chains of exclusive or."""
    writer = Writer()
    data = _own_data(writer, size)
    kind = "<16 x i32>"
    with writer.loop(0, rounds, 1, [(kind, "zeroinitializer")] * 8) as outer:
        with writer.loop(0, size, 512, [(kind, value) for value in outer.carried]) as inner:
            base = writer.address(data, inner.index)
            for position, value in enumerate(inner.carried):
                address = writer.address(base, 64 * position)
                loaded = writer.value(f"load volatile {kind}, ptr {address}, align 64")
                inner.following[position] = writer.value(f"xor {kind} {value}, {loaded}")
        outer.following = inner.results
    for position, value in enumerate(outer.results):
        writer.line(f"store {kind} {value}, ptr {writer.address(data, 64 * position)}, align 64")
    writer.line("ret void")
    return _function(writer)
