"""Packing the left operand into the order in which a register tile reads it, and copies with margins."""

from __future__ import annotations

from dataclasses import replace

from exalift.affine import Affine
from exalift.base import DType

from ..contraction import ROWS, Access, Dimension, Role
from ..instructions import llvm_type
from ..rewriter.loops import Nest, Padded
from ..rewriter.plan import LINE, Plan
from .expressions import constant_text, emit_cast, vector_type
from .finish import load_strided, store_strided
from .ir_writer import Index, Writer
from .nibbles import copy_nibbles

Values = dict[str, Index]

_UNROLLED = 16
"""A row of at most so many runs is packed by code that is written out."""

_LINES = 8
"""And so is a run of at most so many cache lines."""


def spread(writer: Writer, nest: Nest, counter: Index) -> Values:
    """The value of each loop of a nest at a value of its flattened counter."""
    values: Values = {}
    for position in range(len(nest.loops) - 1, -1, -1):
        loop = nest.loops[position]
        if position == 0:
            values[loop.name] = counter
        else:
            values[loop.name] = writer.remainder(counter, loop.extent)
            counter = writer.divide(counter, loop.extent)
    return values


def partial_offset(writer: Writer, offset: Affine, values: Values) -> Index:
    """The part of an offset that given loops make; the constant is left out."""
    terms = Affine(tuple(term for term in offset.terms if term[0] in values))
    return writer.affine(terms, values)


def emit_pad(
    writer: Writer, access: Access, padded: Padded, source: str, target: str, part: Index, parts: Index
) -> None:
    """Copy an array, unpacked, into a box with margins of `access.fill`; parts share its rows."""
    even = access.nibbles is None or _rows_are_whole(access)
    if access.nibbles is None or not even:
        access, padded = _merged(access, padded)
        even = even or _rows_are_whole(access)
    size = access.dtype.bytes
    rows, width = padded.elements // padded.shape[-1], padded.shape[-1]
    outer = _box(padded.shape[:-1])
    first = writer.value(f"mul i64 {part}, {rows}")
    start = writer.value(f"sdiv i64 {first}, {parts}")
    after = writer.value(f"add i64 {first}, {rows}")
    stop = writer.value(f"sdiv i64 {after}, {parts}")
    with writer.loop(start, stop) as row:
        at = spread(writer, outer, row.index)
        inside = "true"
        on: Index = 0
        for position, name in enumerate(loop.name for loop in outer.loops):
            index = writer.add(at[name], padded.low[position])
            if padded.low[position] or padded.shape[position] != access.shape[position]:
                good = writer.value(f"icmp ult i64 {index}, {access.shape[position]}")
                inside = good if inside == "true" else writer.value(f"and i1 {inside}, {good}")
            on = writer.add(on, writer.multiply(index, access.strides[position]))
        to = writer.address(target, writer.multiply(row.index, width * size))
        if padded.shape != access.shape:
            _fill_row(writer, access, to, width)
        with writer.when(inside):
            place = writer.address(to, -padded.low[-1] * size)
            if access.nibbles is not None:
                copy_nibbles(writer, access, source, on, place, even)
            else:
                source_row = writer.address(source, writer.multiply(on, size))
                _copy(writer, access.dtype, source_row, access.strides[-1], place, access.shape[-1])


def _rows_are_whole(access: Access) -> bool:
    """Whether rows of elements of four bits begin at whole bytes."""
    pairs = access.nibbles is not None and access.nibbles.pairs
    return not pairs or all(stride % 2 == 0 for stride in access.strides[:-1])


def _merged(access: Access, padded: Padded) -> tuple[Access, Padded]:
    """The same copy with rows as long as may be: the last dimension, where it has no margin and lies
    contiguously, joined to the one before."""
    shape, strides, box, low = map(list, (access.shape, access.strides, padded.shape, padded.low))
    while len(shape) > 1 and shape[-1] == box[-1] and strides[-1] == 1 and strides[-2] == shape[-1]:
        inner = shape.pop()
        for values in (strides, box, low):
            values.pop()
        shape[-1], strides[-1], box[-1], low[-1] = shape[-1] * inner, 1, box[-1] * inner, low[-1] * inner
    indices = access.indices[: len(shape)]
    merged = replace(access, shape=tuple(shape), strides=tuple(strides), indices=indices)
    return merged, Padded(tuple(low), tuple(box))


def _box(shape: tuple[int, ...]) -> Nest:
    return Nest(tuple(Dimension(f"d{position}", extent, Role.M) for position, extent in enumerate(shape)))


def _fill_row(writer: Writer, access: Access, to: str, width: int) -> None:
    element = llvm_type(access.dtype)
    text = constant_text(access.fill, access.dtype, 0)
    with writer.loop(0, width) as loop:
        address = writer.address(to, writer.multiply(loop.index, access.dtype.bytes))
        writer.line(f"store {element} {text}, ptr {address}, align {access.dtype.bytes}")


def bits_of(dtype: DType) -> DType:
    """The integer type of the same width: moving bits asks nothing of their meaning."""
    return {8: DType.I8, 16: DType.I16, 32: DType.I32, 64: DType.I64}[dtype.bits]


def _copy(writer: Writer, dtype: DType, source: str, stride: int, target: str, count: int) -> None:
    """Copy `count` elements to consecutive places, exactly."""
    bits, size = bits_of(dtype), dtype.bytes
    lanes = LINE // size
    if stride != 1:
        kind = vector_type(bits, 0)
        with writer.loop(0, count) as loop:
            at = writer.address(source, writer.multiply(loop.index, stride * size))
            value = writer.value(f"load {kind}, ptr {at}, align {size}")
            to = writer.address(target, writer.multiply(loop.index, size))
            writer.line(f"store {kind} {value}, ptr {to}, align {size}")
        return
    whole, kind = count // lanes * lanes, vector_type(bits, lanes)
    if whole:
        with writer.loop(0, whole, lanes) as loop:
            on = writer.multiply(loop.index, size)
            value = writer.value(f"load {kind}, ptr {writer.address(source, on)}, align {size}")
            writer.line(f"store {kind} {value}, ptr {writer.address(target, on)}, align {size}")
    if count > whole:
        value = load_strided(writer, writer.address(source, whole * size), bits, 1, lanes, count - whole)
        store_strided(writer, value, writer.address(target, whole * size), bits, 1, lanes, count - whole)


def emit_pack_lhs(
    writer: Writer,
    plan: Plan,
    source: str,
    target: str,
    rows: tuple[Index, Index],
    block: tuple[Index, Index],
    whole_row: str,
    sums: str,
) -> None:
    """Pack rows [first, last) of k in [start, stop) of the left operand: row after row at `plan.row_pitch`
    bytes, zero up to whole instructions, recoded where the instruction wants the other sign. Where that takes
    several rows in a vector, a row is packed at `whole_row` first and dealt out from there. The rows' sums
    go to `sums`, where the plan needs them."""
    loops, access = plan.loops, plan.contraction.lhs
    size, run = access.dtype.bytes, loops.lhs_run
    first, last = rows
    start, stop = block
    single = run == loops.k.extent
    stride = plan.lhs_row_stride
    with writer.loop(first, last) as row:
        if stride is None:
            at = partial_offset(writer, loops.lhs, spread(writer, loops.m, row.index))
        else:
            at = writer.multiply(row.index, stride)
        base = writer.address(source, writer.multiply(at, size))
        down = writer.subtract(row.index, first)
        to = writer.address(target, writer.multiply(down, plan.row_pitch))
        if plan.instruction.takes_rows:
            to = whole_row
        written_out = plan.blocks_k == 1 and run > 1 and loops.k.extent // run <= _UNROLLED
        if written_out and not plan.instruction.takes_rows:
            _pack_whole(writer, plan, base, to)
        elif single and run > 1:
            here = writer.address(base, writer.multiply(start, size))
            _pack_run(writer, plan, here, to, writer.subtract(stop, start))
        else:
            _pack_runs(writer, plan, base, to, start, stop)
        if plan.contraction.loads_sums(ROWS):
            _sum_row(
                writer,
                plan,
                to,
                writer.address(sums, writer.multiply(down, plan.contraction.accumulator.bytes)),
            )
        if plan.instruction.takes_rows:
            _deal_out(writer, plan, whole_row, target, down, writer.subtract(stop, start))


def _sum_row(writer: Writer, plan: Plan, row: str, target: str) -> None:
    """The sum of a whole packed row, less what recoding added to each element."""
    dtype, acc, extent = plan.instruction.lhs.dtype, plan.contraction.accumulator, plan.loops.k.extent
    element = vector_type(acc, 0)
    with writer.loop(0, extent, 1, [(element, str(-plan.encoding * extent))]) as k:
        address = writer.address(row, writer.multiply(k.index, dtype.bytes))
        value = writer.value(f"load {vector_type(dtype, 0)}, ptr {address}, align {dtype.bytes}")
        value = emit_cast(writer, value, dtype, acc, 0)
        k.following = [writer.value(f"add {element} {k.carried[0]}, {value}")]
    writer.line(f"store {element} {k.results[0]}, ptr {target}, align {acc.bytes}")


def _deal_out(writer: Writer, plan: Plan, row: str, target: str, down: Index, count: Index) -> None:
    """A packed row, a step of k at a time, to its place in the tiles: [step][row within the tile][k]."""
    m, _, k = plan.instruction.extents
    word = k * plan.contraction.lhs.dtype.bytes
    kind = f"i{8 * word}"
    first = writer.multiply(writer.divide(down, m), m * plan.row_pitch)
    base = writer.address(target, writer.add(first, writer.multiply(writer.remainder(down, m), word)))
    with writer.loop(0, writer.divide(writer.add(count, k - 1), k)) as step:
        source = writer.address(row, writer.multiply(step.index, word))
        value = writer.value(f"load {kind}, ptr {source}, align {word}")
        to = writer.address(base, writer.multiply(step.index, m * word))
        writer.line(f"store {kind} {value}, ptr {to}, align {word}")


def _pack_whole(writer: Writer, plan: Plan, base: str, to: str) -> None:
    """A row with all of its runs, written out: each may write beyond its end what the next one overwrites."""
    loops, run = plan.loops, plan.loops.lhs_run
    size, outer = plan.contraction.lhs.dtype.bytes, _outer(plan.loops.k, run)
    for number in range(loops.k.extent // run):
        at = partial_offset(writer, loops.lhs, spread(writer, outer, number))
        source = writer.address(base, writer.multiply(at, size))
        _pack_over(writer, plan, source, writer.address(to, number * run * size))
    _pack_zeros(writer, plan, to, loops.k.extent * size)


def _pack_over(writer: Writer, plan: Plan, source: str, target: str) -> None:
    """A run; what is written after its last element is not said."""
    run, bits = plan.loops.lhs_run, bits_of(plan.contraction.lhs.dtype)
    size, lanes = bits.bytes, LINE // bits.bytes

    def line(place: Index, width: int, active: int) -> None:
        value = load_strided(writer, writer.address(source, place), bits, 1, width, active)
        value = _recoded(writer, plan, value, width)
        to = writer.address(target, place)
        writer.line(f"store {vector_type(bits, width)} {value}, ptr {to}, align {size}")

    whole, left = run // lanes, run % lanes
    if whole > _LINES:
        with writer.loop(0, whole * LINE, LINE) as loop:
            line(loop.index, lanes, lanes)
    else:
        for number in range(whole):
            line(number * LINE, lanes, lanes)
    if left:
        width = 1 << (left - 1).bit_length()
        # A copy with margins has room for a line after its end; an array of the caller's has not.
        line(whole * LINE, width, width if plan.loops.padded_lhs is not None else left)


def _pack_zeros(writer: Writer, plan: Plan, to: str, at: Index) -> None:
    """What an instruction sums beyond k."""
    tail, kind = writer.address(to, at), vector_type(DType.I8, 0)
    for byte in range((plan.padded_k - plan.loops.k.extent) * plan.contraction.lhs.dtype.bytes):
        writer.line(f"store {kind} 0, ptr {writer.address(tail, byte)}, align 1")


def _pack_runs(writer: Writer, plan: Plan, base: str, to: str, start: Index, stop: Index) -> None:
    """A row whose k is in several runs: one after the other, then zeros."""
    loops, size = plan.loops, plan.contraction.lhs.dtype.bytes
    run = loops.lhs_run if loops.lhs_run > 1 else 1
    outer = _outer(loops.k, run)
    with writer.loop(writer.divide(start, run), writer.divide(stop, run)) as loop:
        at = partial_offset(writer, loops.lhs, spread(writer, outer, loop.index))
        here = writer.address(base, writer.multiply(at, size))
        on = writer.multiply(writer.subtract(writer.multiply(loop.index, run), start), size)
        place = writer.address(to, on)
        if run == 1:
            _pack_element(writer, plan, here, place)
        else:
            _pack_run(writer, plan, here, place, run)
    _pack_zeros(writer, plan, to, writer.multiply(writer.subtract(stop, start), size))


def _outer(nest: Nest, run: int) -> Nest:
    """The loops outside the innermost ones that make up a run."""
    loops = list(nest.loops)
    while run > 1 and loops:
        run //= loops.pop().extent
    return Nest(tuple(loops))


def _pack_element(writer: Writer, plan: Plan, source: str, target: str) -> None:
    access = plan.contraction.lhs
    kind, size = vector_type(bits_of(access.dtype), 0), access.dtype.bytes
    value = writer.value(f"load {kind}, ptr {source}, align {size}")
    value = _recoded(writer, plan, value, 0)
    writer.line(f"store {kind} {value}, ptr {target}, align {size}")


def _recoded(writer: Writer, plan: Plan, value: str, lanes: int) -> str:
    if not plan.encoding:
        return value
    bits = bits_of(plan.contraction.lhs.dtype)
    # Adding half of the range, in either direction, flips the sign bit.
    flip = constant_text(-(1 << bits.bits - 1), bits, lanes)
    return writer.value(f"xor {vector_type(bits, lanes)} {value}, {flip}")


def _pack_run(writer: Writer, plan: Plan, source: str, target: str, count: Index) -> None:
    """A run of consecutive elements; writes whole lines, zeros after the last element of the last one."""
    access = plan.contraction.lhs
    bits, size = bits_of(access.dtype), access.dtype.bytes
    lanes = LINE // size
    kind = vector_type(bits, lanes)
    whole = writer.multiply(writer.divide(count, lanes), lanes)
    if whole != 0:
        with writer.loop(0, whole, lanes) as loop:
            on = writer.multiply(loop.index, size)
            value = writer.value(f"load {kind}, ptr {writer.address(source, on)}, align {size}")
            value = _recoded(writer, plan, value, lanes)
            writer.line(f"store {kind} {value}, ptr {writer.address(target, on)}, align {size}")
    # What is left over has one length for all whole blocks, and that of the last block is k's.
    run = plan.loops.lhs_run
    left = (count if isinstance(count, int) else run) % lanes
    if not left:
        return
    on = writer.multiply(whole, size)
    place = writer.address(target, on)
    if isinstance(count, int):
        _pack_tail(writer, plan, writer.address(source, on), place, left)
        return
    with writer.when(writer.value(f"icmp ne i64 {whole}, {count}")):
        _pack_tail(writer, plan, writer.address(source, on), place, left)


def _pack_tail(writer: Writer, plan: Plan, source: str, target: str, left: int) -> None:
    bits = bits_of(plan.contraction.lhs.dtype)
    lanes = LINE // bits.bytes
    value = load_strided(writer, source, bits, 1, lanes, left)
    value = _recoded(writer, plan, value, lanes)
    writer.line(f"store {vector_type(bits, lanes)} {value}, ptr {target}, align {bits.bytes}")
