"""Running PTX without a GPU: the few instructions that our kernels are made of, all threads of a block.

Threads that have diverged are run in the order of their places in the text, so that they meet again where
branches join. What is undefined on a GPU is an error here: accesses that are out of bounds or not aligned,
barriers and matrix instructions that not all threads reach together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
from fragment_tables import left, right, shared_right, total
from numpy.typing import NDArray

Array = NDArray[np.generic]
Words = NDArray[np.uint64]
SHARED_AT = 4096

_TYPES = {
    "s8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "tf32": np.dtype(np.float32),
}


class Memory:
    """Bytes at addresses from `base` on."""

    def __init__(self, size: int, base: int) -> None:
        self.bytes = np.zeros(size, np.uint8)
        self.base = base

    def _places(self, addresses: Words, width: int, alignment: int) -> NDArray[np.int64]:
        at = addresses.astype(np.int64) - self.base
        assert (at >= 0).all() and (at + width <= len(self.bytes)).all(), "an access out of bounds"
        assert (at % alignment == 0).all(), "an access that is not aligned"
        return at[:, None] + np.arange(width)

    def load(self, addresses: Words, width: int, alignment: int) -> Words:
        found = np.zeros((len(addresses), 8), np.uint8)
        found[:, :width] = self.bytes[self._places(addresses, width, alignment)]
        return found.view(np.uint64)[:, 0]

    def store(self, addresses: Words, values: Words, width: int, alignment: int) -> None:
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)[:, :width]
        self.bytes[self._places(addresses, width, alignment)] = raw


class Simulator:
    """One kernel of a module's text."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"//.*", "", text)
        self.parameters = re.findall(r"\.param \.u64[^,\n]*\b(\w+)", text)
        shared = re.search(r"\.shared [^;]*\[(\d+)\]", text)
        self.shared_bytes = int(shared.group(1)) if shared else 0
        body = text[text.index("{") + 1 : text.rindex("}")]
        self.labels: dict[str, int] = {}
        self.code: list[tuple[str, str, list[str]]] = []
        for line in re.split(r";|\n(?=\$\w+:)|(?<=:)\n", body):
            line = " ".join(line.split())
            if not line or line.startswith("."):
                continue
            if line.endswith(":"):
                self.labels[line[:-1]] = len(self.code)
                continue
            guard, operation, rest = re.fullmatch(r"(@!?%p\d+)? ?([\w.:]+) ?(.*)", line).groups()
            self.code.append((guard or "", operation, re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", rest)))

    def run(self, grid: tuple[int, int, int], threads: int, arrays: Sequence[Array]) -> None:
        """Run every block on copies of the arrays, which are then written back."""
        starts, at = [], 256
        for array in arrays:
            starts.append(at)
            at += -(-array.nbytes // 256) * 256
        memory = Memory(at, 0)
        memory.base = 0
        for start, array in zip(starts, arrays, strict=True):
            memory.bytes[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
        for y in range(grid[1]):
            for x in range(grid[0]):
                _Block(self, threads, (x, y), memory, dict(zip(self.parameters, starts, strict=True))).run()
        for start, array in zip(starts, arrays, strict=True):
            array.reshape(-1).view(np.uint8)[:] = memory.bytes[start : start + array.nbytes]


class _Block:
    def __init__(
        self,
        simulator: Simulator,
        threads: int,
        place: tuple[int, int],
        memory: Memory,
        parameters: dict[str, int],
    ) -> None:
        self.simulator, self.threads, self.parameters = simulator, threads, parameters
        self.memory = {"global": memory, "shared": Memory(simulator.shared_bytes, SHARED_AT)}
        self.registers: dict[str, Words] = {
            "%tid.x": np.arange(threads, dtype=np.uint64),
            "%ctaid.x": np.full(threads, place[0], np.uint64),
            "%ctaid.y": np.full(threads, place[1], np.uint64),
            "shared": np.full(threads, SHARED_AT, np.uint64),
        }

    def run(self) -> None:
        at = np.zeros(self.threads, np.int64)
        code = self.simulator.code
        while (at < len(code)).any():
            place = int(at.min())
            active = at == place
            guard, operation, operands = code[place]
            at[active] += 1
            if guard:
                condition = self.value(guard.lstrip("@!")).astype(bool)
                active = active & (condition != guard.startswith("@!"))
            if operation.startswith("bra"):
                at[active] = self.simulator.labels[operands[0]]
            elif operation == "ret":
                at[active] = len(code)
            elif active.any():
                self.execute(operation, operands, active)

    def value(self, operand: str) -> Words:
        if operand in self.registers:
            return self.registers[operand]
        if operand.startswith("0f"):
            return np.full(self.threads, int(operand[2:], 16), np.uint64)
        return np.full(self.threads, int(operand, 0) & (1 << 64) - 1, np.uint64)

    def write(self, register: str, values: Words, active: NDArray[np.bool_]) -> None:
        before = self.registers.get(register)
        if before is None:
            before = np.zeros(self.threads, np.uint64)
        self.registers[register] = np.where(active, values.astype(np.uint64), before)

    def execute(self, operation: str, operands: list[str], active: NDArray[np.bool_]) -> None:
        kind, *rest = operation.split(".")
        if kind in ("ld", "st"):
            self.access(kind, rest, operands, active)
        elif kind in ("bar", "fence", "wgmma", "mma"):
            assert active.all(), f"{operation} is not reached by all threads"
            if kind == "mma":
                self.multiply(rest[2], rest[5:], operands, 32)
            elif rest[0] == "mma_async":
                self.multiply(rest[3], rest[4:], operands, 128)
        else:
            values = [self.value(operand) for operand in operands[1:]]
            self.write(operands[0], _compute(operation, values), active)

    def access(self, kind: str, rest: list[str], operands: list[str], active: NDArray[np.bool_]) -> None:
        width = int(rest[-1][1:]) // 8
        names, place = operands if kind == "ld" else operands[::-1]
        name, _, offset = place.strip("[]").partition("+")
        if rest[0] == "param":
            self.write(names, np.full(self.threads, self.parameters[name], np.uint64), active)
            return
        registers = [one.strip() for one in names.strip("{}").split(",")]
        addresses = self.value(name) + np.uint64(int(offset or 0) & (1 << 64) - 1)
        memory = self.memory[rest[0]]
        for number, register in enumerate(registers):
            here = addresses[active] + np.uint64(number * width)
            # A vector is aligned as a whole.
            alignment = width * len(registers) if number == 0 else width
            if kind == "ld":
                found = np.zeros(self.threads, np.uint64)
                found[active] = memory.load(here, width, alignment)
                self.write(register, found, active)
            else:
                memory.store(here, self.value(register)[active], width, alignment)

    def multiply(self, shape: str, kinds: list[str], operands: list[str], group: int) -> None:
        """Every group of threads: gather the factors by the tables, multiply, hand out the sums."""
        m, n, k = map(int, re.fullmatch(r"m(\d+)n(\d+)k(\d+)", shape).groups())
        lhs, rhs = _TYPES[kinds[1]], _TYPES[kinds[2]]
        sums = np.dtype(np.int32 if kinds[0] == "s32" else np.float32)
        names = [[one.strip() for one in text.strip("{}").split(",")] for text in operands]
        for first in range(0, self.threads, group):
            every = slice(first, first + group)
            words = [self.words(part, every) for part in (names[0], names[1])]
            a, c = np.zeros((m, k), lhs), np.zeros((m, n), sums)
            scattered(a, words[1].view(lhs), lambda t, i: left(lhs.itemsize, t, i))
            scattered(c, words[0].view(sums), total)
            if group == 32:
                b = np.zeros((k, n), rhs)
                part = self.words(names[2], every).view(rhs)
                scattered(b, part, lambda t, i: right(rhs.itemsize, t, i))
            else:
                b = self.shared_factor(self.value(names[2][0])[every], (k, n), rhs)
            wide = np.int64 if sums == np.int32 else np.float64
            result = (_exact(a, kinds[1], wide) @ _exact(b, kinds[2], wide) + c.astype(wide)).astype(sums)
            out = np.zeros((group, len(names[0])), sums)
            for thread in range(group):
                for number in range(out.shape[1]):
                    out[thread, number] = result[total(thread, number)]
            bits = out.view(np.uint32).astype(np.uint64)
            active = np.zeros(self.threads, bool)
            active[every] = True
            for number, name in enumerate(names[0]):
                values = np.zeros(self.threads, np.uint64)
                values[every] = bits[:, number]
                self.write(name, values, active)

    def words(self, names: list[str], every: slice) -> NDArray[np.uint32]:
        return np.stack([self.value(name)[every] for name in names], axis=1).astype(np.uint32)

    def shared_factor(self, descriptors: Words, shape: tuple[int, int], dtype: np.dtype) -> Array:
        assert (descriptors == descriptors[0]).all(), "the descriptor is one for all threads"
        number = int(descriptors[0])
        assert number >> 62 == 0 and (number >> 49) & 7 == 0, "no swizzling, no base offset"
        start, leading, stride = ((number >> shift & 0x3FFF) << 4 for shift in (0, 16, 32))
        found = np.zeros(shape, dtype)
        memory = self.memory["shared"]
        for k in range(shape[0]):
            for column in range(shape[1]):
                at = start + shared_right(dtype.itemsize, leading, stride, k, column) - memory.base
                found[k, column] = memory.bytes[at : at + dtype.itemsize].view(dtype)[0]
        return found


def scattered(matrix: Array, parts: Array, place: Callable[[int, int], tuple[int, int]]) -> None:
    """Every thread's elements to their places."""
    for thread in range(parts.shape[0]):
        for number in range(parts.shape[1]):
            matrix[place(thread, number)] = parts[thread, number]


def _exact(matrix: Array, kind: str, wide: type) -> Array:
    if kind == "tf32":
        matrix = (matrix.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    return matrix.astype(wide)


def _narrow(values: Words, kind: str) -> Array:
    """The low bits as a type: s64, u32, b16 and so on."""
    bits = {"pred": 8}.get(kind) or int(kind[1:])
    letter = "i" if kind[0] == "s" else "f" if kind[0] == "f" else "u"
    return values.astype(f"u{bits // 8}").view(f"{letter}{bits // 8}")


_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "min": np.minimum,
    "max": np.maximum,
}
_COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def _compute(operation: str, values: list[Words]) -> Words:
    """One arithmetic instruction on all threads; the result's bits."""
    kind, *rest = operation.split(".")
    last = rest[-1]
    if kind == "selp":
        return np.where(values[2].astype(bool), values[0], values[1])
    if kind == "bfe":
        return values[0] >> values[1] & (np.uint64(1) << values[2]) - np.uint64(1)
    if kind == "cvt":
        return _converted(rest, values[0])
    one, *others = [_narrow(value, last) for value in values]
    with np.errstate(over="ignore"):
        if kind == "mov":
            result: Array = one != 0 if last == "pred" else one
        elif kind in _BINARY:
            result = _BINARY[kind](one, others[0])
        elif kind == "not":
            result = one == 0 if last == "pred" else ~one
        elif kind == "setp":
            result = _COMPARE[rest[0]](one, others[0])
        elif kind == "shl":
            result = one << values[1].astype(one.dtype)
        elif kind == "shr":
            result = one >> values[1].astype(one.dtype)
        elif kind == "mul" and one.dtype.kind == "f":
            result = one * others[0]
        elif kind in ("mul", "mad"):
            result = _product(rest[0], one, others)
        else:
            raise NotImplementedError(operation)
    if result.dtype == bool:
        return result.astype(np.uint64)
    return result.view(f"u{result.dtype.itemsize}").astype(np.uint64)


def _product(form: str, one: Array, others: list[Array]) -> Array:
    if form == "lo":
        return one * others[0] + (others[1] if len(others) > 1 else one.dtype.type(0))
    wide = f"{one.dtype.kind}{2 * one.dtype.itemsize}"
    product = one.astype(wide) * others[0].astype(wide)
    if form == "hi":
        return (product >> wide_shift(one)).astype(one.dtype)
    return product


def wide_shift(one: Array) -> np.generic:
    return np.dtype(f"{one.dtype.kind}{2 * one.dtype.itemsize}").type(8 * one.dtype.itemsize)


def _converted(rest: list[str], value: Words) -> Words:
    target, source = rest[-2:]
    number = _narrow(value, source)
    if target == "bf16":
        return number.astype(ml_dtypes.bfloat16).view(np.uint16).astype(np.uint64)
    if target.startswith("f"):
        return number.astype(f"f{int(target[1:]) // 8}").view(f"u{int(target[1:]) // 8}").astype(np.uint64)
    if source.startswith("f"):
        number = {"rni": np.rint, "rzi": np.trunc}[rest[0]](number)
    return number.astype(np.int64).view(np.uint64) & np.uint64((1 << int(target[1:])) - 1)
