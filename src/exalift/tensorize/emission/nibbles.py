"""Elements of four bits, unpacked while they are copied."""

from __future__ import annotations

from exalift.base import DType

from ..contraction import Access
from ..nibbles import Nibbles
from ..rewriter.plan import LINE
from .expressions import constant_text, emit_cast, vector_type
from .finish import load_strided, store_strided
from .ir_writer import Index, Writer

_BYTE = DType.I8


def _value(writer: Writer, nibbles: Nibbles, dtype: DType, codes: str, lanes: int) -> str:
    """What codes (bytes below 16; of signed ones the high half may be anything) stand for, in `dtype`."""
    kind, four = vector_type(_BYTE, lanes), constant_text(4, _BYTE, lanes)
    if nibbles.signed:
        high = writer.value(f"shl {kind} {codes}, {four}")
        codes = writer.value(f"ashr {kind} {high}, {four}")
    else:
        codes = writer.value(f"and {kind} {codes}, {constant_text(15, _BYTE, lanes)}")
    value = emit_cast(writer, codes, _BYTE, dtype, lanes)
    if not nibbles.added:
        return value
    add = "fadd" if dtype.is_float else "add"
    added = constant_text(nibbles.added, dtype, lanes)
    return writer.value(f"{add} {vector_type(dtype, lanes)} {value}, {added}")


def load_nibble(writer: Writer, access: Access, base: str, at: Index) -> str:
    """The element at a linear place."""
    nibbles = access.nibbles
    assert nibbles is not None
    place = writer.divide(at, 2) if nibbles.pairs else at
    byte = writer.value(f"load i8, ptr {writer.address(base, place)}, align 1")
    if nibbles.pairs:
        half = writer.multiply(writer.remainder(at, 2), 4)
        if isinstance(half, str):
            half = writer.value(f"trunc i64 {half} to i8")
        byte = writer.value(f"lshr i8 {byte}, {half}")
    return _value(writer, nibbles, access.dtype, byte, 0)


def copy_nibbles(writer: Writer, access: Access, source: str, first: Index, target: str, even: bool) -> None:
    """Unpack a row of an array, which begins at the element `first` of it, to consecutive places.

    even: whether every row begins at a whole byte.
    """
    dtype, stride, count = access.dtype, access.strides[-1], access.shape[-1]
    size, lanes = dtype.bytes, LINE // dtype.bytes
    nibbles = access.nibbles
    assert nibbles is not None
    whole = count // lanes * lanes if even and stride == 1 else 0
    base = writer.address(source, writer.divide(first, 2) if nibbles.pairs else first)
    if whole:
        with writer.loop(0, whole, lanes) as loop:
            on = writer.divide(loop.index, 2) if nibbles.pairs else loop.index
            codes = _codes(writer, nibbles, writer.address(base, on), lanes, lanes)
            value = _value(writer, nibbles, dtype, codes, lanes)
            to = writer.address(target, writer.multiply(loop.index, size))
            writer.line(f"store {vector_type(dtype, lanes)} {value}, ptr {to}, align {size}")
    left = count - whole
    if left and even and stride == 1:
        codes = _codes(writer, nibbles, writer.address(base, nibbles.bytes(whole)), lanes, left)
        value = _value(writer, nibbles, dtype, codes, lanes)
        store_strided(writer, value, writer.address(target, whole * size), dtype, 1, lanes, left)
    elif left:
        with writer.loop(0, count) as loop:
            at = writer.add(first, writer.multiply(loop.index, stride))
            value = load_nibble(writer, access, source, at)
            to = writer.address(target, writer.multiply(loop.index, size))
            writer.line(f"store {vector_type(dtype, 0)} {value}, ptr {to}, align {size}")


def _codes(writer: Writer, nibbles: Nibbles, address: str, lanes: int, active: int) -> str:
    """The codes of `lanes` elements, of which the first `active` are there, from a whole byte on."""
    if not nibbles.pairs:
        return load_strided(writer, address, _BYTE, 1, lanes, active)
    half = lanes // 2
    kind = vector_type(_BYTE, half)
    low = load_strided(writer, address, _BYTE, 1, half, nibbles.bytes(active))
    high = writer.value(f"lshr {kind} {low}, {constant_text(4, _BYTE, half)}")
    order = ", ".join(f"i32 {lane // 2 + half * (lane % 2)}" for lane in range(lanes))
    return writer.value(f"shufflevector {kind} {low}, {kind} {high}, <{lanes} x i32> <{order}>")
