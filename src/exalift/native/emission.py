"""A procedure as the text of an LLVM module: one function that all threads of a team run together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from exalift.affine import Constraint
from exalift.base import DType
from exalift.llvm import Code, Target, waiting_text
from exalift.tensorize import emit_kernel, usable_features

from .accumulators import Slots
from .arithmetic import Arithmetic
from .column_loops import ColumnWriter
from .memory import Memory
from .nests import NestWriter, Part
from .planning import weigh
from .program import Assignment, Block, Columns, Item, Procedure, Product, Sequential
from .reductions import ReductionWriter
from .scheduling import Nest, schedule
from .terms import Pool
from .values import Values

ENTRY = "exalift_entry"


@dataclass(frozen=True, slots=True)
class Emitted:
    """The module's text, what every assignment became, in the order of the program, and the texts of the
    modules of tensorized kernels that belong to it."""

    text: str
    nests: tuple[Nest, ...]
    kernels: tuple[str, ...] = ()


def emit(procedure: Procedure, pool: Pool, target: Target, threads: int, strict_fp: bool = False) -> Emitted:
    """The module of a procedure, for a team of `threads`."""
    code, declarations = Code(), set[str]()
    half = not target.is_x86 or target.has("f16c")
    arithmetic = Arithmetic(code, declarations, half, not strict_fp)
    memory = Memory(code, arithmetic, procedure.buffers)
    memory.declare_scopes()
    values = Values(code, arithmetic, memory, pool)
    reductions = ReductionWriter(values, Slots(code, target.has("avx512f", "avx512bw")))
    values.reducer = reductions
    writer = _Writer(procedure, target, threads, strict_fp, values, NestWriter(values, reductions))
    writer.pointers()
    writer.integers()
    writer.items(procedure.body, procedure.known, threads > 1)
    return Emitted(writer.text(), tuple(writer.made), tuple(writer.kernels))


@dataclass(slots=True)
class _Writer:
    procedure: Procedure
    target: Target
    threads: int
    strict_fp: bool
    values: Values
    nests: NestWriter
    made: list[Nest] = field(default_factory=list[Nest])
    kernels: list[str] = field(default_factory=list[str])

    @property
    def code(self) -> Code:
        return self.values.code

    def pointers(self) -> None:
        """The addresses of the buffers, from the block of arguments, in the buffers' order."""
        empty = self.code.metadata.node("")
        for position, name in enumerate(self.procedure.buffers):
            place = self.code.value(f"getelementptr ptr, ptr %arguments, i64 {position}")
            pointer = self.code.value(f"load ptr, ptr {place}, align 8, !invariant.load {empty}")
            self.values.memory.pointers[name] = pointer

    def integers(self) -> None:
        """The values of the integers that the body names, which nothing writes."""
        for integer in self.procedure.integers:
            pointer = self.values.memory.pointers[integer.iv]
            self.values.symbols[integer.iv] = self.code.value(f"load i64, ptr {pointer}, align 8")

    def text(self) -> str:
        metadata = self.code.metadata.text()
        slots = "\n".join(f"  {line}" for line in self.nests.slots.allocas)
        body = self.code.text()
        waiting = waiting_text(self.target.triple) if self.threads > 1 else ""
        declarations = "\n".join(sorted(self.values.arithmetic.declarations))
        attributes = f'"prefer-vector-width"="{self.target.vector_bytes * 8}" nounwind'
        return (
            f"{waiting}\n{declarations}\n\n"
            f"define void @{ENTRY}(i64 %thread, i64 %threads, ptr %arguments, ptr %barrier) #9 {{\n"
            f"entry:\n{slots}\n{body}\n  ret void\n}}\n\nattributes #9 = {{ {attributes} }}\n{metadata}\n"
        )

    # Items, run by all threads together (`team`), or by one.

    def items(self, items: Sequence[Item], context: tuple[Constraint, ...], team: bool) -> None:
        alone: list[Item] = []
        for item in items:
            if team and weigh(item).pays:
                self._alone(alone, context)
                alone = []
                self._item(item, context, True)
            else:
                alone.append(item)
        if team:
            self._alone(alone, context)
        else:
            for item in alone:
                self._item(item, context, False)

    def _alone(self, items: Sequence[Item], context: tuple[Constraint, ...]) -> None:
        """One thread runs the items, the others wait."""
        if not items:
            return
        first = self.code.value("icmp eq i64 %thread, 0")
        with self.code.when(first), self.values.scope():
            for item in items:
                self._item(item, context, False)
        self._meet()

    def _meet(self) -> None:
        self.code.emit(f"call void @exalift_barrier(ptr %barrier, i64 {self.threads})")

    def _item(self, item: Item, context: tuple[Constraint, ...], team: bool) -> None:
        match item:
            case Block(assignments, together):
                for position, assignment in enumerate(assignments):
                    self._assignment(assignment, context, team)
                    last = position == len(assignments) - 1
                    if team and (last or not together):
                        self._meet()
            case Sequential():
                self._loop(item, context, team)
            case Product():
                self._product(item, team)
            case Columns():
                writer = ColumnWriter(self.nests, item, self.target.vector_bytes, context)
                with self.values.scope():
                    self.made += writer.write(self._part if team else None)
                if team:
                    self._meet()
            case _:
                assert_never(item)

    def _product(self, product: Product, team: bool) -> None:
        """The phases of a kernel, each by all threads, which meet after it."""
        name = f"product{len(self.kernels)}"
        kernel = emit_kernel(product.plan, name)
        self.kernels.append(kernel.text)
        pointers = self.values.memory.pointers
        arrays = (product.lhs, product.rhs, product.out, product.packed, product.workspace)
        given = ", ".join(f"ptr {pointers[array]}" for array in arrays)
        extra = self._addresses(product.extra)
        part, parts = ("%thread", self.threads) if team else ("0", 1)
        for phase in filter(None, (kernel.pad, kernel.pack, kernel.run)):
            types = ", ".join(["ptr"] * 6 + ["i64"] * 2)
            self.values.arithmetic.declarations.add(f'declare void @"{phase}"({types})')
            self.code.emit(f'call void @"{phase}"({given}, ptr {extra}, i64 {part}, i64 {parts})')
            if team:
                self._meet()

    def _addresses(self, arrays: Sequence[str]) -> str:
        """A place on the stack with the addresses of arrays."""
        if not arrays:
            return "null"
        place = self.nests.slots.slot(f"[{len(arrays)} x ptr]")
        for position, array in enumerate(arrays):
            at = self.code.value(f"getelementptr ptr, ptr {place}, i64 {position}")
            self.code.emit(f"store ptr {self.values.memory.pointers[array]}, ptr {at}, align 8")
        return place

    def _loop(self, loop: Sequential, context: tuple[Constraint, ...], team: bool) -> None:
        values = self.values
        lower = self._extreme([values.index(bound, {}) for bound in loop.lower], "smax")
        upper = self._extreme([values.index(bound, {}) for bound in loop.upper], "smin")
        hint = "".join(letter for letter in loop.iv if letter.isalnum())
        with self.code.loop(lower, upper, name=hint) as counter, values.scope():
            values.symbols[loop.iv] = counter
            self.items(loop.body, (*context, *loop.constraints), team)

    def _extreme(self, bounds: Sequence[str], function: str) -> str:
        result = bounds[0]
        for other in bounds[1:]:
            result = self.values.arithmetic.intrinsic(function, DType.I64, 1, [result, other])
        return result

    def _assignment(self, assignment: Assignment, context: tuple[Constraint, ...], team: bool) -> None:
        buffers, features = self.procedure.buffers, usable_features(self.target)
        nest = schedule(assignment, buffers, self.target.vector_bytes, features, self.strict_fp)
        self.made.append(nest)
        self.nests.context = context
        split = self._part if team and nest.order else None
        with self.values.scope():
            if team and split is None:
                with self.code.when(self.code.value("icmp eq i64 %thread, 0")), self.values.scope():
                    self.nests.write(nest)
            else:
                self.nests.write(nest, split)

    def _part(self, lower: str, upper: str, step: int, uneven: bool) -> Part:
        """Even loops in one stretch a thread; uneven ones in turns."""
        code, arithmetic = self.code, self.values.arithmetic
        if uneven:
            offset = code.value(f"mul nsw i64 %thread, {step}")
            start = code.value(f"add nsw i64 {lower}, {offset}")
            return Part(start, upper, step * self.threads, code.value("icmp eq i64 %thread, 0"))
        length = code.value(f"sub nsw i64 {upper}, {lower}")
        length = arithmetic.intrinsic("smax", DType.I64, 1, [length, "0"])
        share = step * self.threads
        rounded = code.value(f"add nsw i64 {length}, {share - 1}")
        chunk = code.value(f"mul nsw i64 {code.value(f'udiv i64 {rounded}, {share}')}, {step}")
        start = code.value(f"add nsw i64 {lower}, {code.value(f'mul nsw i64 %thread, {chunk}')}")
        start = arithmetic.intrinsic("smin", DType.I64, 1, [start, upper])
        limit = code.value(f"add nsw i64 {start}, {chunk}")
        return Part(start, arithmetic.intrinsic("smin", DType.I64, 1, [limit, upper]), step)
