"""Scalar functions as LLVM IR, on numbers and on vectors of them.

Meanings: `exalift.affine.functions`, as `affine.algebra.machine` computes them. Integers wrap; division
by zero gives 0; a conversion to an integer that does not hold the number saturates, and NaN becomes 0.
f16 and bf16 are computed in f32 and rounded after every operation.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exalift.base import DeviceError, DType
from exalift.llvm import Code, saturating

_NARROW = frozenset({DType.F16, DType.BF16})

# Functions that LLVM has as intrinsics on any vector, and those that only libm has.
_INTRINSICS = {
    "sqrt": "sqrt",
    "exponential": "exp",
    "log": "log",
    "sine": "sin",
    "cosine": "cos",
    "power": "pow",
    "floor": "floor",
    "ceil": "ceil",
    "round_nearest_even": "roundeven",
    "round_nearest_afz": "round",
    "abs": "fabs",
}
_LIBRARY = {
    "cbrt": "cbrt",
    "exponential_minus_one": "expm1",
    "log_plus_one": "log1p",
    "tanh": "tanh",
    "tan": "tan",
    "erf": "erf",
    "atan2": "atan2",
    "remainder": "fmod",
}
_FLOAT_BINARY = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
_INTEGER_BINARY = {"add": "add", "subtract": "sub", "multiply": "mul", "and": "and", "or": "or", "xor": "xor"}
_FLOAT_PREDICATES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_INTEGER_PREDICATES = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}


def register_dtype(dtype: DType) -> DType:
    """The type in which values are held in registers."""
    return DType.F32 if dtype in _NARROW else dtype


def scalar_type(dtype: DType) -> str:
    held = register_dtype(dtype)
    if held is DType.I1:
        return "i1"
    return {DType.F32: "float", DType.F64: "double"}[held] if held.is_float else f"i{held.bits}"


def stored_type(dtype: DType) -> str:
    """The type of an element in memory; truth values take a byte."""
    if dtype is DType.I1:
        return "i8"
    if dtype is DType.F16:
        return "half"
    return "i16" if dtype is DType.BF16 else scalar_type(dtype)


def vector_of(type: str, width: int) -> str:
    return type if width == 1 else f"<{width} x {type}>"


def literal(value: int | bool | float | Fraction, dtype: DType) -> str:
    """A number as LLVM reads it back to the same bits, rounded once to the element type."""
    if dtype is DType.I1:
        return "true" if value else "false"
    if not dtype.is_float:
        wrapped = int(value) % (1 << dtype.bits)
        return str(wrapped - (1 << dtype.bits) if wrapped >> (dtype.bits - 1) else wrapped)
    number = _rounded(value, dtype)
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _rounded(value: int | bool | float | Fraction, dtype: DType) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if dtype is DType.F64 or not math.isfinite(number):
        return number
    if dtype is DType.BF16:
        bits = struct.unpack("<I", struct.pack("<f", _rounded(number, DType.F32)))[0]
        if bits & 0x7F800000 == 0x7F800000:
            return _rounded(number, DType.F32)
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
        return float(struct.unpack("<f", struct.pack("<I", bits))[0])
    form = "f" if dtype is DType.F32 else "e"
    try:
        return float(struct.unpack(f"<{form}", struct.pack(f"<{form}", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


@dataclass(slots=True)
class Arithmetic:
    """Writes operations into `code`; external functions that they need are collected in `declarations`.

    `half` tells whether the processor converts f16 by itself; `contract` whether a product and a sum may be
    rounded once.
    """

    code: Code
    declarations: set[str]
    half: bool = True
    contract: bool = True

    def splat(self, value: str, dtype: DType, width: int) -> str:
        """A vector of one number."""
        if width == 1:
            return value
        type = scalar_type(dtype)
        if not value.startswith("%"):
            return "<" + ", ".join([f"{type} {value}"] * width) + ">"
        vector = vector_of(type, width)
        first = self.code.value(f"insertelement {vector} poison, {type} {value}, i64 0")
        return self.code.value(
            f"shufflevector {vector} {first}, {vector} poison, <{width} x i32> zeroinitializer"
        )

    def call(self, name: str, result: str, operands: Sequence[tuple[str, str]]) -> str:
        """Call of an external function or intrinsic."""
        types = ", ".join(type for type, _ in operands)
        self.declarations.add(f"declare {result} @{name}({types})")
        given = ", ".join(f"{type} {value}" for type, value in operands)
        return self.code.value(f"call {result} @{name}({given})")

    def intrinsic(self, name: str, dtype: DType, width: int, operands: Sequence[str]) -> str:
        type = scalar_type(dtype)
        short = {"float": "f32", "double": "f64"}.get(type, type)
        suffix = short if width == 1 else f"v{width}{short}"
        vector = vector_of(type, width)
        return self.call(f"llvm.{name}.{suffix}", vector, [(vector, operand) for operand in operands])

    def apply(self, function: str, operands: Sequence[str], source: DType, dtype: DType, width: int) -> str:
        """A function of `affine.functions`; `source` is the last operand's type."""
        if function == "select":
            return self._select(operands, dtype, width)
        if function.startswith("compare_"):
            return self._compare(function.removeprefix("compare_"), operands, source, width)
        if not source.is_float:
            return self._integer(function, operands, source, width)
        value = self._float(function, operands, register_dtype(source), width)
        return self.round(value, dtype, width)

    def round(self, value: str, dtype: DType, width: int) -> str:
        """A float rounded to f16 or bf16, still as a float; other types as they are."""
        if dtype is DType.F16:
            wide, narrow = vector_of("float", width), vector_of("half", width)
            return self.code.value(f"fpext {narrow} {self._to_half(value, width)} to {wide}")
        if dtype is DType.BF16:
            bits, wide = vector_of("i32", width), vector_of("float", width)
            upper = self._bfloat_bits(value, width)
            return self.code.value(f"bitcast {bits} {upper} to {wide}")
        return value

    def _to_half(self, value: str, width: int) -> str:
        if not self.half:
            raise DeviceError("f16 needs a processor with f16c, which this one lacks or has switched off")
        return self.code.value(f"fptrunc {vector_of('float', width)} {value} to {vector_of('half', width)}")

    def _bfloat_bits(self, value: str, width: int) -> str:
        """The bits of a float, rounded to nearest even at 16 bits; NaN stays NaN."""
        code, type, wide = self.code, vector_of("i32", width), vector_of("float", width)

        def number(literal: str) -> str:
            return self.splat(literal, DType.I32, width)

        bits = code.value(f"bitcast {wide} {value} to {type}")
        upper_bits = code.value(f"lshr {type} {bits}, {number('16')}")
        last = code.value(f"and {type} {upper_bits}, {number('1')}")
        bias = code.value(f"add {type} {last}, {number('32767')}")
        moved = code.value(f"add {type} {bits}, {bias}")
        upper = code.value(f"and {type} {moved}, {number('-65536')}")
        nan = code.value(f"fcmp uno {wide} {value}, {value}")
        quiet = code.value(f"or {type} {bits}, {number('4194304')}")
        kept = code.value(f"and {type} {quiet}, {number('-65536')}")
        return code.value(f"select {vector_of('i1', width)} {nan}, {type} {kept}, {type} {upper}")

    def from_memory(self, value: str, dtype: DType, width: int) -> str:
        """What was loaded as `stored_type`, as a value in a register."""
        code = self.code
        if dtype is DType.I1:
            zero = "0" if width == 1 else "zeroinitializer"
            return code.value(f"icmp ne {vector_of('i8', width)} {value}, {zero}")
        if dtype is DType.F16:
            if not self.half:
                raise DeviceError("f16 needs a processor with f16c, which this one lacks or has switched off")
            return code.value(f"fpext {vector_of('half', width)} {value} to {vector_of('float', width)}")
        if dtype is DType.BF16:
            wide = code.value(f"zext {vector_of('i16', width)} {value} to {vector_of('i32', width)}")
            up = code.value(f"shl {vector_of('i32', width)} {wide}, {self.splat('16', DType.I32, width)}")
            return code.value(f"bitcast {vector_of('i32', width)} {up} to {vector_of('float', width)}")
        return value

    def to_memory(self, value: str, dtype: DType, width: int) -> str:
        code = self.code
        if dtype is DType.I1:
            return code.value(f"zext {vector_of('i1', width)} {value} to {vector_of('i8', width)}")
        if dtype is DType.F16:
            return self._to_half(value, width)
        if dtype is DType.BF16:
            bits = self._bfloat_bits(value, width)
            down = code.value(f"lshr {vector_of('i32', width)} {bits}, {self.splat('16', DType.I32, width)}")
            return code.value(f"trunc {vector_of('i32', width)} {down} to {vector_of('i16', width)}")
        return value

    def _select(self, operands: Sequence[str], dtype: DType, width: int) -> str:
        condition, yes, no = operands
        type = vector_of(scalar_type(dtype), width)
        return self.code.value(f"select {vector_of('i1', width)} {condition}, {type} {yes}, {type} {no}")

    def _compare(self, direction: str, operands: Sequence[str], source: DType, width: int) -> str:
        type = vector_of(scalar_type(source), width)
        left, right = operands
        if source.is_float:
            return self.code.value(f"fcmp {_FLOAT_PREDICATES[direction]} {type} {left}, {right}")
        predicate = _INTEGER_PREDICATES[direction]
        if direction not in ("eq", "ne"):
            predicate = ("s" if source.is_signed and source is not DType.I1 else "u") + predicate
        return self.code.value(f"icmp {predicate} {type} {left}, {right}")

    def _float(self, function: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        code, type = self.code, vector_of(scalar_type(dtype), width)
        if function in _FLOAT_BINARY:
            flag = " contract" if self.contract else ""
            return code.value(f"{_FLOAT_BINARY[function]}{flag} {type} {operands[0]}, {operands[1]}")
        if function in ("maximum", "minimum"):
            return self._extreme(function, operands, dtype, width)
        if function in _INTRINSICS:
            return self.intrinsic(_INTRINSICS[function], dtype, width, operands)
        if function in _LIBRARY:
            return self._each(_LIBRARY[function], operands, dtype, width)
        one = self.splat(literal(1, dtype), dtype, width)
        match function:
            case "negate":
                return code.value(f"fneg {type} {operands[0]}")
            case "sign":
                return self._sign(operands[0], dtype, width)
            case "rsqrt":
                root = self.intrinsic("sqrt", dtype, width, operands)
                return code.value(f"fdiv {type} {one}, {root}")
            case "logistic":
                down = self.intrinsic("exp", dtype, width, [code.value(f"fneg {type} {operands[0]}")])
                return code.value(f"fdiv {type} {one}, {code.value(f'fadd {type} {one}, {down}')}")
            case _:
                raise DeviceError(f"{function} is not defined on {dtype}")

    def _extreme(self, function: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        """NaN where an operand is NaN."""
        code, type, truth = self.code, vector_of(scalar_type(dtype), width), vector_of("i1", width)
        left, right = operands
        order = "ogt" if function == "maximum" else "olt"
        before = code.value(f"fcmp {order} {type} {left}, {right}")
        # Where either is NaN the comparison fails, which leaves the right operand.
        chosen = code.value(f"select {truth} {before}, {type} {left}, {type} {right}")
        nan = code.value(f"fcmp uno {type} {left}, {left}")
        return code.value(f"select {truth} {nan}, {type} {left}, {type} {chosen}")

    def _sign(self, value: str, dtype: DType, width: int) -> str:
        code, type, truth = self.code, vector_of(scalar_type(dtype), width), vector_of("i1", width)
        one = self.splat(literal(1, dtype), dtype, width)
        signed = self.intrinsic("copysign", dtype, width, [one, value])
        zero = self.splat(literal(0, dtype), dtype, width)
        itself = code.value(f"fcmp ueq {type} {value}, {zero}")
        return code.value(f"select {truth} {itself}, {type} {value}, {type} {signed}")

    def _each(self, name: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        """A function of libm, lane by lane."""
        type = scalar_type(dtype)
        symbol = name + ("f" if dtype is DType.F32 else "")
        return self.lanes(
            lambda lane: self.call(symbol, type, [(type, operand) for operand in lane]),
            [(operand, type) for operand in operands],
            type,
            width,
        )

    def lanes(
        self,
        one: Callable[[list[str]], str],
        operands: Sequence[tuple[str, str]],
        result: str,
        width: int,
    ) -> str:
        """A scalar computation on every lane of its operands (value, scalar type)."""
        if width == 1:
            return one([value for value, _ in operands])
        joined = "poison"
        for lane in range(width):
            parts = [
                self.code.value(f"extractelement <{width} x {type}> {value}, i64 {lane}")
                for value, type in operands
            ]
            made = one(parts)
            joined = self.code.value(
                f"insertelement <{width} x {result}> {joined}, {result} {made}, i64 {lane}"
            )
        return joined

    # Integers and truth values.

    def _integer(self, function: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        code, type = self.code, vector_of(scalar_type(dtype), width)
        if dtype is DType.I1:
            function = {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and"}.get(
                function, function
            )
        if function in _INTEGER_BINARY:
            return code.value(f"{_INTEGER_BINARY[function]} {type} {operands[0]}, {operands[1]}")
        sign = "s" if dtype.is_signed else "u"
        zero = self.splat("0", dtype, width)
        match function:
            case "maximum" | "minimum":
                return self.intrinsic(f"{sign}{function[:3]}", dtype, width, operands)
            case "negate":
                return code.value(f"sub {type} {zero}, {operands[0]}")
            case "not":
                ones = self.splat("true" if dtype is DType.I1 else "-1", dtype, width)
                return code.value(f"xor {type} {operands[0]}, {ones}")
            case "abs":
                down = code.value(f"sub {type} {zero}, {operands[0]}")
                return self.intrinsic("smax", dtype, width, [operands[0], down])
            case "sign":
                low = self.intrinsic("smax", dtype, width, [operands[0], self.splat("-1", dtype, width)])
                return self.intrinsic("smin", dtype, width, [low, self.splat("1", dtype, width)])
            case "divide" | "remainder":
                return self._divide(function, operands, dtype, width)
            case "shift_left" | "shift_right_arithmetic" | "shift_right_logical":
                return self._shift(function, operands, dtype, width)
            case "power":
                return self._power(operands, dtype, width)
            case _:
                raise DeviceError(f"{function} is not defined on {dtype}")

    def _divide(self, function: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        code, type, truth = self.code, vector_of(scalar_type(dtype), width), vector_of("i1", width)
        left, right = operands
        zero, one = self.splat("0", dtype, width), self.splat("1", dtype, width)
        empty = code.value(f"icmp eq {type} {right}, {zero}")
        safe = code.value(f"select {truth} {empty}, {type} {one}, {type} {right}")
        sign = "s" if dtype.is_signed else "u"
        if dtype.is_signed:
            # The least integer divided by -1 overflows: dividing by -1 is negating.
            minus = code.value(f"icmp eq {type} {right}, {self.splat('-1', dtype, width)}")
            safe = code.value(f"select {truth} {minus}, {type} {one}, {type} {safe}")
            quotient = code.value(f"{sign}{'div' if function == 'divide' else 'rem'} {type} {left}, {safe}")
            down = code.value(f"sub {type} {zero}, {left}") if function == "divide" else zero
            quotient = code.value(f"select {truth} {minus}, {type} {down}, {type} {quotient}")
        else:
            quotient = code.value(f"{sign}{'div' if function == 'divide' else 'rem'} {type} {left}, {safe}")
        return code.value(f"select {truth} {empty}, {type} {zero}, {type} {quotient}")

    def _shift(self, function: str, operands: Sequence[str], dtype: DType, width: int) -> str:
        code, type, truth = self.code, vector_of(scalar_type(dtype), width), vector_of("i1", width)
        value, amount = operands
        zero = self.splat("0", dtype, width)
        inside = code.value(f"icmp ult {type} {amount}, {self.splat(str(dtype.bits), dtype, width)}")
        safe = code.value(f"select {truth} {inside}, {type} {amount}, {type} {zero}")
        match function:
            case "shift_left":
                operation, outside = "shl", zero
            case "shift_right_logical":
                operation, outside = "lshr", zero
            case _:
                operation = "ashr"
                last = self.splat(str(dtype.bits - 1), dtype, width)
                outside = code.value(f"ashr {type} {value}, {last}")
        shifted = code.value(f"{operation} {type} {value}, {safe}")
        return code.value(f"select {truth} {inside}, {type} {shifted}, {type} {outside}")

    def _power(self, operands: Sequence[str], dtype: DType, width: int) -> str:
        """By squaring; to a negative power, 1 and -1 keep their size and all else is 0."""
        code, type, truth = self.code, vector_of(scalar_type(dtype), width), vector_of("i1", width)
        base, exponent = operands
        zero, one = self.splat("0", dtype, width), self.splat("1", dtype, width)
        square, result = base, one
        for bit in range(dtype.bits - int(dtype.is_signed)):
            mask = self.splat(literal(1 << bit, dtype), dtype, width)
            here = code.value(f"icmp ne {type} {code.value(f'and {type} {exponent}, {mask}')}, {zero}")
            times = code.value(f"mul {type} {result}, {square}")
            result = code.value(f"select {truth} {here}, {type} {times}, {type} {result}")
            square = code.value(f"mul {type} {square}, {square}")
        if not dtype.is_signed:
            return result
        minus = self.splat("-1", dtype, width)
        odd = code.value(f"icmp ne {type} {code.value(f'and {type} {exponent}, {one}')}, {zero}")
        flipped = code.value(f"select {truth} {odd}, {type} {minus}, {type} {one}")
        is_minus = code.value(f"icmp eq {type} {base}, {minus}")
        unit = code.value(f"select {truth} {is_minus}, {type} {flipped}, {type} {zero}")
        is_one = code.value(f"icmp eq {type} {base}, {one}")
        unit = code.value(f"select {truth} {is_one}, {type} {one}, {type} {unit}")
        negative = code.value(f"icmp slt {type} {exponent}, {zero}")
        return code.value(f"select {truth} {negative}, {type} {unit}, {type} {result}")

    def cast(self, value: str, source: DType, target: DType, width: int) -> str:
        """`stablehlo.convert`."""
        if source is target:
            return value
        code = self.code
        held, wanted = register_dtype(source), register_dtype(target)
        first, second = vector_of(scalar_type(held), width), vector_of(scalar_type(wanted), width)
        if target is DType.I1:
            zero = self.splat(literal(0, held), held, width)
            return code.value(
                f"fcmp une {first} {value}, {zero}" if held.is_float else f"icmp ne {first} {value}, {zero}"
            )
        if held.is_float and wanted.is_float:
            if held is not wanted:
                operation = "fpext" if held.bits < wanted.bits else "fptrunc"
                value = code.value(f"{operation} {first} {value} to {second}")
            return self.round(value, target, width)
        if held.is_float:
            lanes = width if width > 1 else 0
            return saturating(code.value, value, held, wanted, lanes)
        signed = source.is_signed and source is not DType.I1
        if wanted.is_float:
            made = code.value(f"{'s' if signed else 'u'}itofp {first} {value} to {second}")
            return self.round(made, target, width)
        if held.bits == wanted.bits:
            return value
        operation = "trunc" if held.bits > wanted.bits else "sext" if signed else "zext"
        return code.value(f"{operation} {first} {value} to {second}")
