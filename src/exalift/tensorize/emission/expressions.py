"""Scalar expressions as LLVM IR, on one element or on a vector of them.

Integers wrap, division by zero gives 0, what is shifted out is gone, and a conversion to an integer that does
not hold the number saturates; NaN becomes 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import assert_never

from exalift.affine import (
    Apply,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    fold,
    nodes,
)
from exalift.base import DType, UsageError
from exalift.llvm import saturating

from ..instructions import llvm_type
from .float_ranges import float_range
from .ir_writer import Writer

_FLOAT = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
_INTEGER = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "and": "and",
    "or": "or",
    "xor": "xor",
}
_SHIFTS = {"shift_left": "shl", "shift_right_arithmetic": "ashr", "shift_right_logical": "lshr"}
_FLOAT_CALLS = {
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

    unrounded: dict[str, str] = {}

    def combine(node: Expression, below: tuple[str, ...]) -> str:
        match node:
            case Constant(value, dtype):
                return constant_text(value, dtype, lanes)
            case Load():
                return load(node)
            case Cast(operand, dtype) if operand.dtype.is_float and _holds(dtype, operand):
                # Rounding to integers is done by the conversion itself, where that is one instruction.
                value = unrounded.get(below[0], "") if operand.dtype is DType.F32 else ""
                if value and dtype is DType.I32:
                    return _rounding_conversion(writer, value, lanes)
                old, new = vector_type(operand.dtype, lanes), vector_type(dtype, lanes)
                return writer.value(f"{'fptosi' if dtype.is_signed else 'fptoui'} {old} {below[0]} to {new}")
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


def lacks_emission(expression: Expression) -> str:
    """The first function that `emit_expression` refuses, in words; empty where there is none."""
    for node in nodes(expression):
        if isinstance(node, Reduce | IndexValue | GuardValue):
            return f"a {type(node).__name__}"
        if not isinstance(node, Apply):
            continue
        function, dtype = node.function, node.operands[-1].dtype
        known = {"select", *(f"compare_{name}" for name in _COMPARISONS)}
        if dtype is DType.I1:
            known |= {"and", "or", "xor", "not"}
        elif dtype.is_float:
            known |= {"negate", "maximum", "minimum", *_FLOAT, *_FLOAT_CALLS}
        else:
            known |= {
                "negate",
                "not",
                "abs",
                "maximum",
                "minimum",
                "divide",
                "remainder",
                *_INTEGER,
                *_SHIFTS,
            }
        if function not in known:
            return f"{function} on {dtype}"
    return ""


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
        if source.bits < 32:
            value = emit_cast(writer, value, source, DType.F32, lanes)
            return emit_cast(writer, value, DType.F32, target, lanes)
        return saturating(writer.value, value, source, target, lanes)
    signed = source.is_signed and source is not DType.I1
    if target.is_float:
        return writer.value(f"{'sitofp' if signed else 'uitofp'} {old} {value} to {new}")
    if target.bits == source.bits:
        return value
    operation = "trunc" if target.bits < source.bits else "sext" if signed else "zext"
    return writer.value(f"{operation} {old} {value} to {new}")


def _holds(target: DType, expression: Expression) -> bool:
    """Whether an integer type is seen to hold all values of a floating-point expression."""
    found = None if target is DType.I1 else float_range(expression)
    least, greatest = target.limits
    return found is not None and least <= found[0] and found[1] < greatest + 1


def _rounding_conversion(writer: Writer, value: str, lanes: int) -> str:
    old, new = vector_type(DType.F32, lanes), vector_type(DType.I32, lanes)
    name = f"llvm.lrint.{overload(DType.I32, lanes)}.{overload(DType.F32, lanes)}"
    return writer.value(f"call {new} @{name}({old} {value})")


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
        if function in ("maximum", "minimum"):
            return _extreme(writer, function, operands, dtype, lanes)
        if function in _FLOAT_CALLS:
            arguments = ", ".join(f"{kind} {operand}" for operand in operands)
            suffix = overload(dtype, lanes)
            return writer.value(f"call {kind} @llvm.{_FLOAT_CALLS[function]}.{suffix}({arguments})")
    elif function in _INTEGER:
        return writer.value(f"{_INTEGER[function]} {kind} {operands[0]}, {operands[1]}")
    elif function in _SHIFTS:
        return _shift(writer, function, operands, dtype, lanes)
    elif function == "abs":
        down = writer.value(f"sub {kind} {constant_text(0, dtype, lanes)}, {operands[0]}")
        suffix = overload(dtype, lanes)
        return writer.value(f"call {kind} @llvm.smax.{suffix}({kind} {operands[0]}, {kind} {down})")
    elif function in ("maximum", "minimum"):
        name = ("s" if dtype.is_signed else "u") + function[:3]
        left, right = operands
        return writer.value(
            f"call {kind} @llvm.{name}.{overload(dtype, lanes)}({kind} {left}, {kind} {right})"
        )
    elif function in ("divide", "remainder"):
        return _divide(writer, function, operands, dtype, lanes)
    raise UsageError(f"{function} on {dtype} has no place after a tensorized sum")


def _extreme(writer: Writer, function: str, operands: tuple[str, ...], dtype: DType, lanes: int) -> str:
    """NaN where an operand is NaN: the comparison fails, and leaves the left one. Where the right one is a
    number this is one instruction."""
    kind, truth = vector_type(dtype, lanes), vector_type(DType.I1, lanes)
    left, right = operands
    before = writer.value(f"fcmp {'olt' if function == 'maximum' else 'ogt'} {kind} {left}, {right}")
    chosen = writer.value(f"select {truth} {before}, {kind} {right}, {kind} {left}")
    nan = writer.value(f"fcmp uno {kind} {right}, {right}")
    return writer.value(f"select {truth} {nan}, {kind} {right}, {kind} {chosen}")


def _shift(writer: Writer, function: str, operands: tuple[str, ...], dtype: DType, lanes: int) -> str:
    """Shifted by more than there are bits, nothing is left, or the sign alone."""
    kind, truth = vector_type(dtype, lanes), vector_type(DType.I1, lanes)
    value, amount = operands
    inside = writer.value(f"icmp ult {kind} {amount}, {constant_text(dtype.bits, dtype, lanes)}")
    last = constant_text(dtype.bits - 1, dtype, lanes)
    safe = writer.value(f"select {truth} {inside}, {kind} {amount}, {kind} {last}")
    shifted = writer.value(f"{_SHIFTS[function]} {kind} {value}, {safe}")
    if function == "shift_right_arithmetic":
        return shifted
    return writer.value(f"select {truth} {inside}, {kind} {shifted}, {kind} {constant_text(0, dtype, lanes)}")


def _divide(writer: Writer, function: str, operands: tuple[str, ...], dtype: DType, lanes: int) -> str:
    """The least integer divided by -1 overflows, so dividing by -1 is negating."""
    kind, truth = vector_type(dtype, lanes), vector_type(DType.I1, lanes)
    left, right = operands
    zero, one = constant_text(0, dtype, lanes), constant_text(1, dtype, lanes)
    empty = writer.value(f"icmp eq {kind} {right}, {zero}")
    safe = writer.value(f"select {truth} {empty}, {kind} {one}, {kind} {right}")
    operation = ("s" if dtype.is_signed else "u") + ("div" if function == "divide" else "rem")
    if not dtype.is_signed:
        found = writer.value(f"{operation} {kind} {left}, {safe}")
    else:
        minus = writer.value(f"icmp eq {kind} {right}, {constant_text(-1, dtype, lanes)}")
        safe = writer.value(f"select {truth} {minus}, {kind} {one}, {kind} {safe}")
        found = writer.value(f"{operation} {kind} {left}, {safe}")
        negated = writer.value(f"sub {kind} {zero}, {left}") if function == "divide" else zero
        found = writer.value(f"select {truth} {minus}, {kind} {negated}, {kind} {found}")
    return writer.value(f"select {truth} {empty}, {kind} {zero}, {kind} {found}")


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
