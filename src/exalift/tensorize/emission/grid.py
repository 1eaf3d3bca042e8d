"""A grid plan as LLVM IR for NVPTX: copies to shared memory, fragments, what follows.

The kernel takes the addresses of lhs, rhs, out and of the epilogue's operands, in their order, and is started
on `EmittedGrid.grid` blocks of `EmittedGrid.threads` threads. Pointers are aligned to four bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from exalift.affine import Affine, Load
from exalift.base import DType

from ..contraction import SUM, Access
from ..instructions import Register, llvm_type
from ..rewriter.grid import GridPlan, tile_bytes
from ..rewriter.loops import Nest
from .expressions import emit_expression
from .ir_writer import Index, Writer
from .nibbles import load_nibble
from .packing import Values, partial_offset, spread
from .packing_right import lane_index
from .registers import emit_instruction


@dataclass(frozen=True, slots=True)
class EmittedGrid:
    """A module's text, the kernel's name, and how it is started."""

    text: str
    name: str
    grid: tuple[int, int, int]
    threads: int


def emit_grid(plan: GridPlan, name: str) -> EmittedGrid:
    """The module of a plan: one kernel."""
    writer = Writer()
    _Kernel(plan, writer).emit()
    writer.line("ret void")
    operands = plan.contraction.epilogue.operands if plan.contraction.epilogue else ()
    pointers = ["lhs", "rhs", "out", *(f"extra{position}" for position in range(len(operands)))]
    parameters = ", ".join(f"ptr addrspace(1) noalias %{pointer}.global" for pointer in pointers)
    if plan.contraction.reads_out:
        parameters = parameters.replace("noalias ", "")
    text = "\n\n".join(
        [
            f"@shared = internal addrspace(3) global [{plan.shared_bytes} x i8] undef, align 128",
            *dict.fromkeys(plan.instruction.declarations),
            "declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()",
            "declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()",
            "declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.y()",
            "declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)",
            writer.text(f"define ptx_kernel void @{name}({parameters}) #0"),
            f'attributes #0 = {{ nounwind "nvvm.maxntid"="{plan.threads}" }}',
            "",
        ]
    )
    return EmittedGrid(text, name, plan.grid, plan.threads)


class _Kernel:
    """What one thread does."""

    def __init__(self, plan: GridPlan, writer: Writer) -> None:
        self.plan, self.writer = plan, writer
        self.instruction, self.loops = plan.instruction, plan.loops
        self.m, self.n, self.k = plan.instruction.extents

    def emit(self) -> None:
        writer, plan, schedule = self.writer, self.plan, self.plan.schedule
        self._begin()
        kind, count = self._kind(self.instruction.acc), schedule.rows * schedule.columns
        start = [(kind, "zeroinitializer")] * count
        with writer.loop(0, plan.padded_k, plan.block_k, start) as loop:
            self._copy(True, loop.index)
            self._copy(False, loop.index)
            if plan.fragments.publish:
                writer.line(f'call void asm sideeffect "{plan.fragments.publish}", "~{{memory}}"()')
            self._barrier()
            values = loop.carried
            for step in range(schedule.steps):
                values = self._step(step, values)
            loop.following = values
            self._barrier()
        for row in range(schedule.rows):
            for column in range(schedule.columns):
                self._store(loop.results[row * schedule.columns + column], row, column)

    def _begin(self) -> None:
        """Which thread this is, of which group, of which block; where the operands are."""
        writer, plan = self.writer, self.plan
        operands = plan.contraction.epilogue.operands if plan.contraction.epilogue else ()
        for pointer in ("lhs", "rhs", "out", *(f"extra{position}" for position in range(len(operands)))):
            writer.line(f"%{pointer} = addrspacecast ptr addrspace(1) %{pointer}.global to ptr")
        writer.line("%shared = addrspacecast ptr addrspace(3) @shared to ptr")
        self.thread = self._register("tid.x")
        block = self._register("ctaid.x")
        across = plan.blocks[1]
        self.row = writer.multiply(writer.divide(block, across), plan.tile[0])
        self.column = writer.multiply(writer.remainder(block, across), plan.tile[1])
        batch = self._register("ctaid.y") if self.loops.batch.extent > 1 else 0
        self.batch: Values = spread(writer, self.loops.batch, batch)
        threads = plan.fragments.threads
        group = writer.divide(self.thread, threads)
        self.inside = writer.remainder(self.thread, threads)
        self.group_m = writer.divide(group, plan.schedule.groups_n)
        self.group_n = writer.remainder(group, plan.schedule.groups_n)

    def _register(self, name: str) -> Index:
        value = self.writer.value(f"call i32 @llvm.nvvm.read.ptx.sreg.{name}()")
        return self.writer.value(f"zext i32 {value} to i64")

    def _kind(self, register: Register) -> str:
        """The part of a fragment that a thread holds."""
        return f"<{register.lanes // self.plan.fragments.threads} x {llvm_type(register.dtype)}>"

    def _barrier(self) -> None:
        self.writer.line("call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)")

    def _copy(self, left: bool, start: Index) -> None:
        """A block of a factor to shared memory, [step][tile][lane], zeros outside; threads take turns."""
        writer, plan = self.writer, self.plan
        register = self.instruction.lhs if left else self.instruction.rhs
        tiles = plan.lhs_tiles if left else plan.rhs_tiles
        run, size = plan.run(left), register.dtype.bytes
        words = plan.schedule.steps * tiles * register.lanes // run
        kind = f"i{8 * size * run}"
        base = writer.address("%shared", 0 if left else plan.rhs_at)
        source = "%lhs" if left else "%rhs"
        with writer.loop(self.thread, words, plan.threads) as loop:
            lane = writer.multiply(loop.index, run)
            number = writer.divide(lane, register.lanes)
            within = writer.remainder(lane, register.lanes)
            row, column = (lane_index(writer, index, within) for index in register.layout)
            k, other = (column, row) if left else (row, column)
            step = writer.multiply(writer.divide(number, tiles), self.k)
            k = writer.add(start, writer.add(step, k))
            side = self.m if left else self.n
            other = writer.add(other, writer.multiply(writer.remainder(number, tiles), side))
            other = writer.add(other, self.row if left else self.column)
            nest = self.loops.m if left else self.loops.n
            value = self._element(source, left, (nest, other), k, kind)
            to = writer.address(base, writer.multiply(lane, size))
            writer.line(f"store {kind} {value}, ptr {to}, align {size * run}")

    def _element(self, source: str, left: bool, other: tuple[Nest, Index], k: Index, kind: str) -> str:
        """A word of a factor, zero outside; it is read from the first element there, which always exists."""
        writer, loops = self.writer, self.loops
        nest, place = other
        offset = loops.lhs if left else loops.rhs
        access = self.plan.contraction.lhs if left else self.plan.contraction.rhs
        good = self._both(
            writer.value(f"icmp slt i64 {k}, {loops.k.extent}"),
            writer.value(f"icmp slt i64 {place}, {nest.extent}"),
        )
        k = writer.value(f"select i1 {good}, i64 {k}, i64 0")
        place = writer.value(f"select i1 {good}, i64 {place}, i64 0")
        at = writer.add(partial_offset(writer, offset, self.batch), offset.constant)
        at = writer.add(at, partial_offset(writer, offset, spread(writer, nest, place)))
        at = writer.add(at, partial_offset(writer, offset, spread(writer, loops.k, k)))
        if access.nibbles is not None:
            value = load_nibble(writer, access, source, at)
            if access.dtype.is_float:
                value = writer.value(f"bitcast {llvm_type(access.dtype)} {value} to {kind}")
        else:
            address = writer.address(source, writer.multiply(at, access.dtype.bytes))
            value = writer.value(f"load {kind}, ptr {address}, align {int(kind[1:]) // 8}")
        return writer.value(f"select i1 {good}, {kind} {value}, {kind} 0")

    def _both(self, first: str, second: str) -> str:
        return self.writer.value(f"and i1 {first}, {second}")

    def _step(self, step: int, sums: list[str]) -> list[str]:
        """The products of one step of k."""
        plan, schedule = self.plan, self.plan.schedule
        right = [
            self._fragment(False, self.group_n, schedule.columns, step, column)
            for column in range(schedule.columns)
        ]
        following: list[str] = []
        for row in range(schedule.rows):
            left = self._fragment(True, self.group_m, schedule.rows, step, row)
            for column in range(schedule.columns):
                acc = sums[row * schedule.columns + column]
                following.append(emit_instruction(self.writer, plan.instruction, acc, left, right[column]))
        return following

    def _fragment(self, left: bool, group: Index, count: int, step: int, number: int) -> str:
        """This thread's part of a tile in shared memory, or the descriptor of the tile."""
        writer, plan = self.writer, self.plan
        register = self.instruction.lhs if left else self.instruction.rhs
        tiles = plan.lhs_tiles if left else plan.rhs_tiles
        tile = writer.add(writer.multiply(group, count), step * tiles + number)
        on = writer.add(writer.multiply(tile, tile_bytes(register)), 0 if left else plan.rhs_at)
        if not left and plan.fragments.descriptor:
            base = writer.value("ptrtoint ptr addrspace(3) @shared to i64")
            units = writer.value(f"lshr i64 {writer.add(base, on)}, 4")
            address = writer.value(f"and i64 {units}, {0x3FFF}")
            return writer.value(f"or i64 {address}, {plan.fragments.descriptor}")
        part = tile_bytes(register) // plan.fragments.threads
        address = writer.address("%shared", writer.add(on, writer.multiply(self.inside, part)))
        return writer.value(f"load {self._kind(register)}, ptr {address}, align {part}")

    def _store(self, sums: str, row: int, column: int) -> None:
        """This thread's elements of one tile of the result."""
        writer, plan, schedule = self.writer, self.plan, self.plan.schedule
        acc = self.instruction.acc
        count = acc.lanes // plan.fragments.threads
        down = writer.multiply(writer.add(writer.multiply(self.group_m, schedule.rows), row), self.m)
        on = writer.multiply(writer.add(writer.multiply(self.group_n, schedule.columns), column), self.n)
        down, on = writer.add(down, self.row), writer.add(on, self.column)
        for position in range(count):
            lane = writer.add(writer.multiply(self.inside, count), position)
            place = [lane_index(writer, index, lane) for index in acc.layout]
            m, n = writer.add(down, place[0]), writer.add(on, place[1])
            good = self._both(
                writer.value(f"icmp slt i64 {m}, {self.loops.m.extent}"),
                writer.value(f"icmp slt i64 {n}, {self.loops.n.extent}"),
            )
            with writer.when(good):
                element = llvm_type(acc.dtype)
                value = writer.value(f"extractelement {self._kind(acc)} {sums}, i64 {position}")
                self._finish(value, element, m, n)

    def _finish(self, value: str, element: str, m: Index, n: Index) -> None:
        writer, contraction = self.writer, self.plan.contraction
        address = self._address("%out", self.loops.out, contraction.out, m, n)
        if contraction.accumulate:
            old = writer.value(f"load {element}, ptr {address}, align {contraction.out.dtype.bytes}")
            add = "fadd" if contraction.out.dtype.is_float else "add"
            value = writer.value(f"{add} {element} {value}, {old}")
        epilogue = contraction.epilogue
        if epilogue is not None:
            names = [name for name, _ in epilogue.operands]
            finished = value

            def load(node: Load) -> str:
                if node.array == SUM:
                    return finished
                number = names.index(node.array)
                access = epilogue.operands[number][1]
                place = self._address(f"%extra{number}", self.loops.extra[number], access, m, n)
                return writer.value(f"load {llvm_type(node.dtype)}, ptr {place}, align {node.dtype.bytes}")

            value = emit_expression(writer, epilogue.value, 0, load)
        kind: DType = contraction.out.dtype
        writer.line(f"store {llvm_type(kind)} {value}, ptr {address}, align {kind.bytes}")

    def _address(self, base: str, offset: Affine, access: Access, m: Index, n: Index) -> str:
        writer, loops = self.writer, self.loops
        at = writer.add(partial_offset(writer, offset, self.batch), offset.constant)
        at = writer.add(at, writer.multiply(m, loops.m.stride(offset)))
        at = writer.add(at, writer.multiply(n, loops.n.stride(offset)))
        return writer.address(base, writer.multiply(at, access.dtype.bytes))
