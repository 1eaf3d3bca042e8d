"""What an expression evaluates to while a function is executed symbolically, and how values combine."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

from exalift.affine import Constant
from exalift.base import DType

from .conditions import Condition, Known, Test, both, compare, either, has_data, negated
from .draft import Converted, Draft, Integer, Memory, Operation, Truth
from .symbolic import Poly, TooComplexError, choice, floor, quotient, type_range, wrap, wrapped


@dataclass(frozen=True, slots=True)
class Tracked:
    """An integer that is followed; equal to the C value modulo 2^bits of `dtype`."""

    value: Poly
    dtype: DType


@dataclass(frozen=True, slots=True)
class TruthValue:
    """A condition as a value, 0 or 1 of type `dtype`."""

    condition: Condition
    dtype: DType


@dataclass(frozen=True, slots=True)
class Datum:
    """Something computed from data."""

    expression: Draft

    @property
    def dtype(self) -> DType:
        return self.expression.dtype


@dataclass(frozen=True, slots=True)
class PointerValue:
    """A pointer into `memory`, to the element at `indices`; `extents` are those of the array that it
    points to, () when it points to single elements. Adding to it moves by that whole array."""

    memory: Memory
    indices: tuple[Poly, ...]
    extents: tuple[Poly, ...]


@dataclass(frozen=True, slots=True)
class Unset:
    """A variable without a usable value; `undefined` when the source never gave it one."""

    reason: str
    undefined: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """What a void call gives."""


Value = Tracked | TruthValue | Datum | PointerValue | Nothing
Arithmetic = Tracked | TruthValue | Datum

ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "remainder"}
LOGICAL = {"&": "and", "|": "or", "^": "xor"}
RELATIONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


def is_parameter_symbol(symbol: str) -> bool:
    """Whether it is a parameter of the function, not the counter of a loop."""
    return "@" not in symbol


def observed(value: Tracked) -> Poly:
    """The value itself, not only modulo 2^bits; see `symbolic`."""
    poly, dtype = value.value, value.dtype
    if dtype is DType.I1 or (dtype.is_signed and dtype.bits >= 32):
        return poly
    known = poly.constant
    if known is not None:
        return Poly.of(wrap(known, dtype))
    # A bare parameter is in the range of its type, and sizes are not negative.
    if isinstance(poly.single_atom, str) and is_parameter_symbol(str(poly)):
        return poly
    return wrapped(poly, dtype)


def as_data(value: Arithmetic) -> Draft:
    match value:
        case Tracked(poly, dtype):
            return Integer(poly, dtype)
        case TruthValue(condition, dtype):
            return truth_as_data(condition, dtype)
        case Datum(expression):
            return expression


def truth_as_data(condition: Condition, dtype: DType) -> Draft:
    if isinstance(condition, Known):
        return Constant(condition.value if dtype is DType.I1 else int(condition.value), dtype)
    bare: Draft = condition.expression if isinstance(condition, Test) else Truth(condition)
    return bare if dtype is DType.I1 else Converted(bare, dtype)


def as_tracked(value: Arithmetic) -> Tracked | None:
    """The value as a followed integer, or None where it depends on data."""
    match value:
        case Tracked():
            return value
        case TruthValue(condition, dtype):
            if has_data(condition):
                return None
            return Tracked(choice(condition, Poly.of(1), Poly.of(0)), dtype)
        case Datum():
            return None


def as_condition(value: Arithmetic) -> Condition:
    """Whether the value is not zero."""
    match value:
        case TruthValue(condition):
            return condition
        case Tracked():
            return compare("ne", observed(value), Poly(), value.dtype)
        case Datum(expression):
            if isinstance(expression, Converted) and expression.operand.dtype is DType.I1:
                expression = expression.operand
            if isinstance(expression, Truth):
                return expression.condition
            if isinstance(expression, Constant):
                return Known(bool(expression.value))
            if expression.dtype is DType.I1:
                return Test(expression)
            zero = Constant(Fraction(0) if expression.dtype.is_float else 0, expression.dtype)
            return Test(Operation("compare_ne", (expression, zero), DType.I1))


def converted(value: Arithmetic, dtype: DType) -> Arithmetic:
    """C's conversion to an arithmetic type."""
    if value.dtype is dtype:
        return value
    if dtype is DType.I1:
        return TruthValue(as_condition(value), dtype)
    match value:
        case TruthValue(condition):
            if dtype.is_float:
                return Datum(Converted(truth_as_data(condition, DType.I1), dtype))
            return TruthValue(condition, dtype)
        case Tracked(poly):
            if dtype.is_float:
                seen = observed(value)
                return Datum(convert_constant(Integer(seen, value.dtype), dtype))
            if dtype.bits < 32:
                return Tracked(wrapped(poly, dtype), dtype)
            widens = dtype.bits > value.dtype.bits
            return Tracked(observed(value) if widens else poly, dtype)
        case Datum(expression):
            return Datum(convert_constant(expression, dtype))


def convert_constant(expression: Draft, dtype: DType) -> Draft:
    """A conversion, done at once for a literal."""
    if isinstance(expression, Integer) and expression.value.constant is not None:
        expression = Constant(wrap(expression.value.constant, expression.dtype), expression.dtype)
    if isinstance(expression, Constant) and expression.dtype is not DType.I1:
        value = expression.value
        if dtype.is_float:
            return Constant(rounded(value, dtype), dtype)
        if isinstance(value, int):
            return Constant(wrap(value, dtype), dtype)
        whole = math.trunc(value) if math.isfinite(value) else None
        low, high = type_range(dtype)
        if whole is not None and low <= whole <= high:
            return Constant(whole, dtype)
    return Converted(expression, dtype)


def rounded(value: int | float | Fraction, dtype: DType) -> Fraction | float:
    """A number rounded to the nearest of a floating-point type, ties to even."""
    if isinstance(value, float) and not math.isfinite(value):
        return value
    exact = Fraction(value)
    if dtype is DType.F64:
        try:
            return Fraction(exact.numerator / exact.denominator)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf
    return _to_float32(exact)


def _to_float32(exact: Fraction) -> Fraction | float:
    if not exact:
        return exact
    magnitude = abs(exact)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    # Rounding a Fraction to an integer goes to even at ties.
    nearest = round(exact / unit) * unit
    largest = Fraction(struct.unpack("<f", b"\xff\xff\x7f\x7f")[0])
    if abs(nearest) > largest:
        return math.inf if exact > 0 else -math.inf
    return nearest


def negative(value: Arithmetic) -> Arithmetic:
    if isinstance(value, TruthValue):
        value = converted(value, DType.I32)
    match value:
        case Tracked(poly, dtype):
            return Tracked(-poly, dtype)
        case _:
            expression = as_data(value)
            if (
                isinstance(expression, Constant)
                and not isinstance(expression.value, bool)
                and expression.value
            ):
                negated_value = -expression.value
                if expression.dtype.is_float:
                    return Datum(Constant(negated_value, expression.dtype))
                return Datum(Constant(wrap(int(negated_value), expression.dtype), expression.dtype))
            return Datum(Operation("negate", (expression,), expression.dtype))


def complement(value: Arithmetic) -> Arithmetic:
    tracked = as_tracked(value)
    if tracked is not None:
        return Tracked(-tracked.value - 1, tracked.dtype)
    expression = as_data(value)
    return Datum(Operation("not", (expression,), expression.dtype))


def logical_not(value: Arithmetic) -> TruthValue:
    return TruthValue(negated(as_condition(value)), DType.I32)


def arithmetic(operator: str, left: Arithmetic, right: Arithmetic, dtype: DType) -> Arithmetic:
    """`left operator right`, both already of type `dtype` (for shifts: the left one)."""
    if operator in ("&", "|") and isinstance(left, TruthValue) and isinstance(right, TruthValue):
        combine = both if operator == "&" else either
        return TruthValue(combine(left.condition, right.condition), dtype)
    if not dtype.is_float:
        first, second = _followed(left, right), _followed(right, left)
        if first is not None and second is not None:
            try:
                followed = _followed_arithmetic(operator, first, second, dtype)
            except TooComplexError:
                followed = None
            if followed is not None:
                return Tracked(followed, dtype)
    if operator in ("<<", ">>"):
        right = converted(right, dtype)
        name = "shift_left"
        if operator == ">>":
            name = "shift_right_arithmetic" if dtype.is_signed else "shift_right_logical"
    else:
        name = ARITHMETIC.get(operator) or LOGICAL[operator]
    return Datum(Operation(name, (as_data(left), as_data(right)), dtype))


def _followed(value: Arithmetic, other: Arithmetic) -> Tracked | None:
    # A condition next to data is better left as data.
    if isinstance(value, TruthValue) and isinstance(other, Datum):
        return None
    return as_tracked(value)


def _followed_arithmetic(operator: str, left: Tracked, right: Tracked, dtype: DType) -> Poly | None:
    amount = right.value.constant
    match operator:
        case "+":
            return left.value + right.value
        case "-":
            return left.value - right.value
        case "*":
            return left.value * right.value
        case "/" | "%":
            above, below = observed(left), observed(right)
            if below.constant == 0:
                return None
            whole = quotient(above, below, dtype)
            return whole if operator == "/" else above - whole * below
        case "<<":
            return None if amount is None or not 0 <= amount < dtype.bits else left.value * (1 << amount)
        case ">>":
            return (
                None if amount is None or not 0 <= amount < dtype.bits else floor(observed(left), 1 << amount)
            )
        case "&":
            return None if amount is None else _masked(left.value, amount, dtype)
        case _:
            return None


def _masked(value: Poly, mask: int, dtype: DType) -> Poly | None:
    """`value & mask` for masks of the lowest bits, such as 7, and of all but those, such as ~7."""
    if not dtype.is_signed and mask >> (dtype.bits - 1):
        mask -= 1 << dtype.bits
    low = mask if mask >= 0 else -mask - 1
    if low & (low + 1) or low.bit_length() >= dtype.bits - 1:
        return None
    whole = floor(value, low + 1) * (low + 1)
    return value - whole if mask >= 0 else whole


def compared(operator: str, left: Arithmetic, right: Arithmetic) -> TruthValue:
    """A comparison of two values of one type."""
    relation = RELATIONS[operator]
    first, second = _followed(left, right), _followed(right, left)
    if first is not None and second is not None:
        condition = compare(relation, observed(first), observed(second), left.dtype)
        return TruthValue(condition, DType.I32)
    pair = (as_data(left), as_data(right))
    return TruthValue(Test(Operation(f"compare_{relation}", pair, DType.I1)), DType.I32)


def chosen(condition: Condition, then: Arithmetic, otherwise: Arithmetic) -> Arithmetic:
    """`condition ? then : otherwise`, both of one type."""
    if isinstance(condition, Known):
        return then if condition.value else otherwise
    first, second = as_tracked(then), as_tracked(otherwise)
    if first is not None and second is not None and not has_data(condition):
        return Tracked(choice(condition, first.value, second.value), then.dtype)
    test = truth_as_data(condition, DType.I1)
    return Datum(Operation("select", (test, as_data(then), as_data(otherwise)), then.dtype))


def moved(pointer: PointerValue, by: Poly) -> PointerValue:
    """`pointer + by`."""
    if by.constant == 0:
        return pointer
    memory, rank, depth = pointer.memory, len(pointer.indices), len(pointer.extents)
    indices = list(pointer.indices)
    if memory.extents[rank - depth :] == pointer.extents and depth < rank:
        indices[rank - 1 - depth] = indices[rank - 1 - depth] + by
    else:
        for extent in pointer.extents:
            by = by * extent
        indices[-1] = indices[-1] + by
    return PointerValue(memory, tuple(indices), pointer.extents)


def symbols_of(value: Value | Unset) -> frozenset[str]:
    """The symbols that a followed value mentions."""
    match value:
        case Tracked(poly):
            return poly.symbols
        case PointerValue(_, indices, extents):
            return frozenset[str]().union(*(p.symbols for p in indices + extents))
        case TruthValue(condition):
            return condition.symbols
        case _:
            return frozenset()
