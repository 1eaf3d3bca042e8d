"""Scalar expressions as LLVM IR, on one element or on a vector of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import assert_never

from exalift.affine import Apply, Cast, Constant, Expression, GuardValue, IndexValue, Load, Reduce, fold
from exalift.base import DType, UsageError

from ..instructions import llvm_type
from .ir_writer import Writer

_FLOAT = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv", "remainder": "frem"}
_INTEGER = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "and": "and",
    "or": "or",
    "xor": "xor",
    "shift_left": "shl",
    "shift_right_arithmetic": "ashr",
    "shift_right_logical": "lshr",
}
_FLOAT_CALLS = {
    "maximum": "maximum",
    "minimum": "minimum",
    "abs": "fabs",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "round_nearest_even": "roundeven",
    "round_nearest_afz": "round",
}
_COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


def vector_type(dtype: DType, lanes: int) -> str:
    """The LLVM type of `lanes` elements; a plain element for 0."""
    return f"<{lanes} x {llvm_type(dtype)}>" if lanes else llvm_type(dtype)


def constant_text(value: int | bool | float | Fraction, dtype: DType, lanes: int) -> str:
    """A literal as LLVM writes it, the same in every lane."""
    if dtype.is_float:
        number = float(value)
        if dtype is DType.F32:
            number = struct.unpack("f", struct.pack("f", number))[0]
        # Every float type takes the bits of a double here, except the two of 16 bits.
        bits = struct.unpack("<Q", struct.pack("<d", number))[0]
        text = f"0x{bits:016X}"
        if dtype is DType.F16:
            text = f"0xH{struct.unpack('<H', struct.pack('<e', number))[0]:04X}"
        elif dtype is DType.BF16:
            text = f"0xR{_bfloat_bits(number):04X}"
    else:
        text = str(int(value))
    element = llvm_type(dtype)
    return f"splat ({element} {text})" if lanes else text


def _bfloat_bits(number: float) -> int:
    bits = struct.unpack("<I", struct.pack("<f", number))[0]
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 & 0xFFFF


def emit_expression(writer: Writer, expression: Expression, lanes: int, load: Callable[[Load], str]) -> str:
    """The operand text of an expression's value; `load` gives that of a load. No reductions, no indices.

    Raises UsageError for a function that has no emission.
    """

    # What was rounded, by the name of the rounded value: a conversion that rounds needs no rounding before.
    unrounded: dict[str, str] = {}

    def combine(node: Expression, below: tuple[str, ...]) -> str:
        match node:
            case Constant(value, dtype):
                return constant_text(value, dtype, lanes)
            case Load():
                return load(node)
            case Cast(operand, DType.I32) if operand.dtype is DType.F32 and below[0] in unrounded:
                old, new = vector_type(DType.F32, lanes), vector_type(DType.I32, lanes)
                name = f"llvm.lrint.{overload(DType.I32, lanes)}.{overload(DType.F32, lanes)}"
                return writer.value(f"call {new} @{name}({old} {unrounded[below[0]]})")
            case Cast(operand, dtype):
                return emit_cast(writer, below[0], operand.dtype, dtype, lanes)
            case Apply(function, operands, _):
                value = _apply(writer, function, below, operands[-1].dtype, lanes)
                if function == "round_nearest_even":
                    unrounded[value] = below[0]
                return value
            case Reduce() | IndexValue() | GuardValue():
                raise UsageError(f"{type(node).__name__} has no place after a tensorized sum")
            case _:
                assert_never(node)

    return fold(expression, combine)


def emit_cast(writer: Writer, value: str, source: DType, target: DType, lanes: int) -> str:
    """A conversion, as `affine.Cast` defines it."""
    if source is target:
        return value
    old, new = vector_type(source, lanes), vector_type(target, lanes)
    if target is DType.I1:
        zero = constant_text(0, source, lanes)
        return writer.value(f"{'fcmp une' if source.is_float else 'icmp ne'} {old} {value}, {zero}")
    if source.is_float and target.is_float:
        if source.bits == target.bits:
            value = writer.value(f"fpext {old} {value} to {vector_type(DType.F32, lanes)}")
            return emit_cast(writer, value, DType.F32, target, lanes)
        return writer.value(f"{'fpext' if target.bits > source.bits else 'fptrunc'} {old} {value} to {new}")
    if source.is_float:
        return writer.value(f"{'fptosi' if target.is_signed else 'fptoui'} {old} {value} to {new}")
    signed = source.is_signed and source is not DType.I1
    if target.is_float:
        return writer.value(f"{'sitofp' if signed else 'uitofp'} {old} {value} to {new}")
    if target.bits == source.bits:
        return value
    operation = "trunc" if target.bits < source.bits else "sext" if signed else "zext"
    return writer.value(f"{operation} {old} {value} to {new}")


def _apply(writer: Writer, function: str, operands: tuple[str, ...], dtype: DType, lanes: int) -> str:
    kind = vector_type(dtype, lanes)
    if function == "select":
        chosen, yes, no = operands
        return writer.value(f"select {vector_type(DType.I1, lanes)} {chosen}, {kind} {yes}, {kind} {no}")
    if function == "negate":
        if dtype.is_float:
            return writer.value(f"fneg {kind} {operands[0]}")
        return writer.value(f"sub {kind} {constant_text(0, dtype, lanes)}, {operands[0]}")
    if function == "not":
        return writer.value(f"xor {kind} {operands[0]}, {constant_text(-1, dtype, lanes)}")
    if function.startswith("compare_") and function[8:] in _COMPARISONS:
        left, right = operands
        return writer.value(f"{_comparison(function[8:], dtype)} {kind} {left}, {right}")
    if dtype.is_float:
        if function in _FLOAT:
            return writer.value(f"{_FLOAT[function]} {kind} {operands[0]}, {operands[1]}")
        if function in _FLOAT_CALLS:
            arguments = ", ".join(f"{kind} {operand}" for operand in operands)
            suffix = overload(dtype, lanes)
            return writer.value(f"call {kind} @llvm.{_FLOAT_CALLS[function]}.{suffix}({arguments})")
    elif function in _INTEGER:
        return writer.value(f"{_INTEGER[function]} {kind} {operands[0]}, {operands[1]}")
    elif function in ("maximum", "minimum"):
        name = ("s" if dtype.is_signed else "u") + function[:3]
        left, right = operands
        return writer.value(
            f"call {kind} @llvm.{name}.{overload(dtype, lanes)}({kind} {left}, {kind} {right})"
        )
    elif function in ("divide", "remainder"):
        name = ("s" if dtype.is_signed else "u") + ("div" if function == "divide" else "rem")
        return writer.value(f"{name} {kind} {operands[0]}, {operands[1]}")
    raise UsageError(f"{function} on {dtype} has no place after a tensorized sum")


def _comparison(name: str, dtype: DType) -> str:
    if dtype.is_float:
        return f"fcmp {'une' if name == 'ne' else 'o' + name}"
    if name in ("eq", "ne"):
        return f"icmp {name}"
    return f"icmp {'s' if dtype.is_signed else 'u'}{name}"


def overload(dtype: DType, lanes: int) -> str:
    """The suffix by which LLVM's intrinsics are told apart: v16f32, i64."""
    element = {DType.BF16: "bf16"}.get(dtype, f"{'f' if dtype.is_float else 'i'}{dtype.bits}")
    return f"v{lanes}{element}" if lanes else element
