"""What happens to a finished tile of sums: add to what is there, compute the epilogue, store."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.affine import Affine, Load
from exalift.base import DType

from ..contraction import COLUMNS, OUT, ROWS, SUM
from ..instructions import llvm_type
from ..rewriter.lanes import LanePlan
from ..rewriter.plan import Plan
from .expressions import emit_expression, overload, vector_type
from .ir_writer import Index, Writer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile lies: the addresses of its first element in the output, of its columns' and rows' sums,
    and of its first element in the epilogue's operands."""

    out: str
    columns: str
    rows: str
    extra: tuple[str, ...]


def _mask(lanes: int, active: int) -> str:
    return "<" + ", ".join(f"i1 {1 if lane < active else 0}" for lane in range(lanes)) + ">"


def _offsets(stride: int, lanes: int, size: int) -> str:
    return "<" + ", ".join(f"i64 {lane * stride * size}" for lane in range(lanes)) + ">"


def load_strided(writer: Writer, address: str, dtype: DType, stride: int, lanes: int, active: int) -> str:
    """`lanes` elements at a stride, of which the first `active` are there; the others are zero."""
    kind = vector_type(dtype, lanes)
    size = dtype.bytes
    if stride == 0:
        one = writer.value(f"load {llvm_type(dtype)}, ptr {address}, align {size}")
        vector = writer.value(f"insertelement {kind} poison, {llvm_type(dtype)} {one}, i64 0")
        return writer.value(f"shufflevector {kind} {vector}, {kind} poison, <{lanes} x i32> zeroinitializer")
    if stride == 1 and active == lanes:
        return writer.value(f"load {kind}, ptr {address}, align {size}")
    suffix, mask = overload(dtype, lanes), f"<{lanes} x i1> {_mask(lanes, active)}"
    if stride == 1:
        return writer.value(
            f"call {kind} @llvm.masked.load.{suffix}.p0"
            f"(ptr {address}, i32 {size}, {mask}, {kind} zeroinitializer)"
        )
    pointers = _pointers(writer, address, stride, lanes, size)
    return writer.value(
        f"call {kind} @llvm.masked.gather.{suffix}.v{lanes}p0"
        f"(<{lanes} x ptr> {pointers}, i32 {size}, {mask}, {kind} zeroinitializer)"
    )


def store_strided(
    writer: Writer, value: str, address: str, dtype: DType, stride: int, lanes: int, active: int
) -> None:
    """Store the first `active` of `lanes` elements at a stride."""
    kind, size = vector_type(dtype, lanes), dtype.bytes
    if stride == 1 and active == lanes:
        writer.line(f"store {kind} {value}, ptr {address}, align {size}")
        return
    suffix, mask = overload(dtype, lanes), f"<{lanes} x i1> {_mask(lanes, active)}"
    if stride == 1:
        writer.line(
            f"call void @llvm.masked.store.{suffix}.p0({kind} {value}, ptr {address}, i32 {size}, {mask})"
        )
        return
    pointers = _pointers(writer, address, stride, lanes, size)
    writer.line(
        f"call void @llvm.masked.scatter.{suffix}.v{lanes}p0"
        f"({kind} {value}, <{lanes} x ptr> {pointers}, i32 {size}, {mask})"
    )


def _pointers(writer: Writer, address: str, stride: int, lanes: int, size: int) -> str:
    return writer.value(f"getelementptr i8, ptr {address}, <{lanes} x i64> {_offsets(stride, lanes, size)}")


def _in_output(
    writer: Writer, plan: Plan | LanePlan, place: Place, row: Index, column: int
) -> tuple[str, int]:
    """Where an element of a tile is in the output, and how far apart columns are there, in elements."""
    offset = _within(writer, plan, plan.loops.out, plan.contraction.out.dtype, row, column)
    return writer.address(place.out, offset), plan.loops.n.stride(plan.loops.out)


def store_sums(
    writer: Writer,
    plan: Plan | LanePlan,
    value: str,
    place: Place,
    row: Index,
    column: int,
    lanes: int,
    active: int,
) -> None:
    """Store sums as they are, to be added to by the next block of k."""
    out = plan.contraction.out
    address, stride = _in_output(writer, plan, place, row, column)
    store_strided(writer, value, address, out.dtype, stride, lanes, active)


def add_previous(
    writer: Writer,
    plan: Plan | LanePlan,
    value: str,
    place: Place,
    row: Index,
    column: int,
    lanes: int,
    active: int,
) -> str:
    """Sums plus what the output holds."""
    out = plan.contraction.out
    address, stride = _in_output(writer, plan, place, row, column)
    old = load_strided(writer, address, out.dtype, stride, lanes, active)
    operation = "fadd" if out.dtype.is_float else "add"
    return writer.value(f"{operation} {vector_type(out.dtype, lanes)} {value}, {old}")


Loaded = dict[tuple[str, Index | None, int | None], str]
"""What an epilogue loaded in a tile, by its name and by the row and the column, where it moves with them."""


def finish(
    writer: Writer,
    plan: Plan | LanePlan,
    value: str,
    place: Place,
    row: Index,
    column: int,
    lanes: int,
    active: int,
    loaded: Loaded,
) -> None:
    """Compute the epilogue of a vector of whole sums and store it; `row` and `column` are in the tile.

    What was `loaded` for another vector of the same block of code is not loaded again: LLVM cannot tell that
    results are stored elsewhere.
    """
    epilogue = plan.contraction.epilogue
    if epilogue is None:
        store_sums(writer, plan, value, place, row, column, lanes, active)
        return

    def load(node: Load) -> str:
        if node.array == SUM:
            return value
        if node.array == OUT:
            return fresh(node)
        if node.array in (ROWS, COLUMNS):
            down, across = node.array == ROWS, node.array == COLUMNS
        else:
            offset = plan.loops.extra[[name for name, _ in epilogue.operands].index(node.array)]
            down, across = plan.loops.m.stride(offset) != 0, plan.loops.n.stride(offset) != 0
        key = node.array, row if down else None, column if across else None
        if key not in loaded:
            loaded[key] = fresh(node)
        return loaded[key]

    def fresh(node: Load) -> str:
        if node.array in (ROWS, COLUMNS):
            at, stride = (row, 0) if node.array == ROWS else (column, 1)
            base = place.rows if node.array == ROWS else place.columns
            address = writer.address(base, writer.multiply(at, node.dtype.bytes))
            return load_strided(writer, address, node.dtype, stride, lanes, lanes)
        position = [name for name, _ in epilogue.operands].index(node.array)
        access, offset = epilogue.operands[position][1], plan.loops.extra[position]
        on = _within(writer, plan, offset, access.dtype, row, column)
        address = writer.address(place.extra[position], on)
        stride = plan.loops.n.stride(offset)
        return load_strided(writer, address, access.dtype, stride, lanes, active)

    result = emit_expression(writer, epilogue.value, lanes, load)
    out = plan.contraction.out
    address = writer.address(place.out, _within(writer, plan, plan.loops.out, out.dtype, row, column))
    store_strided(writer, result, address, out.dtype, plan.loops.n.stride(plan.loops.out), lanes, active)


def _within(
    writer: Writer, plan: Plan | LanePlan, offset: Affine, dtype: DType, row: Index, column: int
) -> Index:
    """Bytes from a tile's first element to one of its elements."""
    down = writer.multiply(row, plan.loops.m.stride(offset) * dtype.bytes)
    return writer.add(down, column * plan.loops.n.stride(offset) * dtype.bytes)
