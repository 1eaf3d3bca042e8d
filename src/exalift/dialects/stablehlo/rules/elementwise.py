"""Neutral elements, double negations, selects with one outcome, and work done before broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import isfinite

from exalift.base import DType

from ...graph import ConstantValue, IndexScalar, Node, Operation
from ..attribute_values import integer
from ..elementwise import DEFINITIONS
from .rule import (
    Number,
    Rewrites,
    Rules,
    as_op,
    broadcast,
    broadcast_dimensions,
    filled,
    is_op,
    names,
    number_of,
)

_ELEMENTWISE = frozenset(d.name.split(".", 1)[1] for d in DEFINITIONS)

# op -> (neutral left operand, neutral right operand); None where there is none.
_NEUTRAL: Mapping[str, tuple[int | None, int | None]] = {
    "add": (0, 0),
    "subtract": (None, 0),
    "multiply": (1, 1),
    "divide": (None, 1),
    "or": (0, 0),
    "xor": (0, 0),
    "shift_left": (None, 0),
    "shift_right_arithmetic": (None, 0),
    "shift_right_logical": (None, 0),
}


def drop_neutral(op: Operation, rewrites: Rewrites) -> Node | None:
    """x + 0 -> x;  x - 0 -> x;  x * 1 -> x;  x / 1 -> x;  x | 0 -> x;  x ^ 0 -> x."""
    del rewrites
    left, right = op.operands
    first, second = _NEUTRAL[op.name.split(".")[1]]
    if second is not None and number_of(right) == second:
        return left
    if first is not None and number_of(left) == first:
        return right
    return None


def absorb(op: Operation, rewrites: Rewrites) -> Node | None:
    """On integers and truth values: x * 0 -> 0;  x & 0 -> 0;  x & true -> x;  x | true -> true."""
    if op.type.dtype.is_float:
        return None
    name = op.name.split(".")[1]
    for one, other in (op.operands, op.operands[::-1]):
        number = number_of(other)
        if number is None:
            continue
        if name in ("multiply", "and") and number == 0:
            return filled(0, op.type, rewrites)
        ones = True if op.type.dtype is DType.I1 else -1
        if name == "and" and number == ones:
            return one
        if name == "or" and number == ones and op.type.dtype is DType.I1:
            return filled(True, op.type, rewrites)
    return None


def drop_twin(op: Operation, rewrites: Rewrites) -> Node | None:
    """max(x, x) -> x, and so min, and, or."""
    del rewrites
    return op.operands[0] if op.operands[0] is op.operands[1] else None


def undo_twice(op: Operation, rewrites: Rewrites) -> Node | None:
    """-(-x) -> x;  not (not x) -> x."""
    del rewrites
    inner = as_op(op.operands[0], op.name.split(".")[1])
    return inner.operands[0] if inner else None


def absorb_negation(op: Operation, rewrites: Rewrites) -> Node | None:
    """x + (-y) -> x - y;  (-x) + y -> y - x;  x - (-y) -> x + y."""
    left, right = op.operands
    negated = as_op(right, "negate")
    if negated:
        return rewrites.make("subtract" if is_op(op, "add") else "add", (left, negated.operands[0]))
    negated = as_op(left, "negate") if is_op(op, "add") else None
    return rewrites.make("subtract", (right, negated.operands[0])) if negated else None


def multiply_by_minus_one(op: Operation, rewrites: Rewrites) -> Node | None:
    """x * -1 -> -x."""
    for one, other in (op.operands, op.operands[::-1]):
        if number_of(other) == -1 and (op.type.dtype.is_float or op.type.dtype.is_signed):
            return rewrites.make("negate", (one,))
    return None


def decide_select(op: Operation, rewrites: Rewrites) -> Node | None:
    """select(c, x, x) -> x;  select(true, x, y) -> x;  select(not c, x, y) -> select(c, y, x);
    select(c, select(c, x, y), z) -> select(c, x, z);  select(c, x, select(c, y, z)) -> select(c, x, z);
    select(c, true, false) -> c."""
    predicate, on_true, on_false = op.operands
    if on_true is on_false:
        return on_true
    known = number_of(predicate)
    if known is not None:
        return on_true if known else on_false
    negated = as_op(predicate, "not")
    if negated:
        return rewrites.make("select", (negated.operands[0], on_false, on_true))
    inner = as_op(on_true, "select")
    if inner and inner.operands[0] is predicate:
        return rewrites.make("select", (predicate, inner.operands[1], on_false))
    inner = as_op(on_false, "select")
    if inner and inner.operands[0] is predicate:
        return rewrites.make("select", (predicate, on_true, inner.operands[2]))
    if op.type == predicate.type and number_of(on_true) == 1 and number_of(on_false) == 0:
        return predicate
    return None


def drop_conversion(op: Operation, rewrites: Rewrites) -> Node | None:
    """convert(x) to x's own type -> x;  convert back from a type that holds every x -> x;
    convert(iota) -> iota;  convert(index scalar) -> index scalar."""
    (operand,) = op.operands
    if operand.type == op.type:
        return operand
    inner = as_op(operand, "convert")
    if inner and inner.operands[0].type == op.type and _holds(operand.type.dtype, op.type.dtype):
        return inner.operands[0]
    wide = op.type.dtype.is_float or (op.type.dtype.is_integer and op.type.dtype.bits >= 32)
    iota = as_op(operand, "iota")
    if iota and wide and operand.type.dtype in (DType.I32, DType.I64):
        dimension = integer(iota.attributes, "iota_dimension")
        return rewrites.make(
            "iota",
            (),
            (("dtype", str(op.type.dtype)), ("iota_dimension", dimension), ("shape", op.type.shape)),
        )
    if isinstance(operand, IndexScalar) and wide and operand.type.dtype is DType.I64:
        return IndexScalar(operand.index, op.type)
    return None


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    if narrow is DType.I1:
        return True
    if wide is DType.I1:
        return False
    if wide.is_float and narrow.is_float:
        return wide.bits > narrow.bits
    if wide.is_float:
        digits = {DType.F64: 53, DType.F32: 24, DType.F16: 11, DType.BF16: 8}[wide]
        return narrow.bits <= digits
    if narrow.is_float:
        return False
    return wide.bits > narrow.bits and (wide.is_signed or not narrow.is_signed)


_EXACT: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
}


def fold_numbers(op: Operation, rewrites: Rewrites) -> Node | None:
    """Arithmetic on literals -> a literal, where the exact result is one of the type's numbers."""
    values = [_exact(o) for o in op.operands]
    if op.type.rank or None in values:
        return None
    numbers = [value for value in values if value is not None]
    name = op.name.split(".")[1]
    result = -numbers[0] if name == "negate" else _EXACT[name](numbers[0], numbers[1])
    if op.type.dtype.is_float:
        if not _fits(result, op.type.dtype) or result == 0:
            return None
        return rewrites.leaf(ConstantValue(result, op.type))
    low = -(1 << (op.type.dtype.bits - 1)) if op.type.dtype.is_signed else 0
    high = low + (1 << op.type.dtype.bits)
    if not low <= result < high:
        return None
    return rewrites.leaf(ConstantValue(int(result), op.type))


def _exact(node: Node) -> Fraction | None:
    """The literal's exact value. A float's zero may be negative, which a fraction does not tell."""
    if not isinstance(node, ConstantValue) or node.type.dtype is DType.I1:
        return None
    value = node.value
    if isinstance(value, float) and (not isfinite(value) or not value):
        return None
    return Fraction(value)


def _fits(value: Fraction, dtype: DType) -> bool:
    """Whether the fraction is a normal number of the type."""
    digits, exponent = {
        DType.F64: (53, 1022),
        DType.F32: (24, 126),
        DType.F16: (11, 14),
        DType.BF16: (8, 126),
    }[dtype]
    numerator, denominator = abs(value.numerator), value.denominator
    if not numerator:
        return True
    odd = numerator >> ((numerator & -numerator).bit_length() - 1)
    if denominator & (denominator - 1) or odd.bit_length() > digits:
        return False
    return Fraction(1, 1 << exponent) <= abs(value) < (1 << exponent)


def fold_conversion(op: Operation, rewrites: Rewrites) -> Node | None:
    """convert(literal) -> literal, between integers and floats that both hold it."""
    value = _exact(op.operands[0])
    target = op.type.dtype
    if op.type.rank or value is None or target is DType.I1:
        return None
    if target.is_float:
        folded: Number | None = value if _fits(value, target) else None
    else:
        low = -(1 << (target.bits - 1)) if target.is_signed else 0
        inside = low <= value < low + (1 << target.bits)
        folded = int(value) if value.denominator == 1 and inside else None
    return None if folded is None else rewrites.leaf(ConstantValue(folded, op.type))


def compute_before_broadcast(op: Operation, rewrites: Rewrites) -> Node | None:
    """f(broadcast(x), broadcast(y)) -> broadcast(f(x, y)), where both are broadcast alike or from scalars."""
    sources: list[Operation] = []
    for operand in op.operands:
        source = as_op(operand, "broadcast_in_dim")
        if source is None or operand.type.shape != op.type.shape:
            return None
        sources.append(source)
    if not sources:
        return None
    widest = max(sources, key=lambda source: source.operands[0].type.rank)
    shape, dimensions = widest.operands[0].type.shape, broadcast_dimensions(widest)
    inner: list[Node] = []
    for source in sources:
        (node,) = source.operands
        if not node.type.rank:
            inner.append(broadcast(node, shape, (), rewrites))
        elif node.type.shape == shape and broadcast_dimensions(source) == dimensions:
            inner.append(node)
        else:
            return None
    name = op.name if op.name.startswith("chlo.") else op.name.split(".")[1]
    computed = rewrites.make(name, inner, _retyped(op))
    return broadcast(computed, op.type.shape, dimensions, rewrites)


def _retyped(op: Operation) -> tuple[tuple[str, str | int], ...]:
    """The attributes of an element-wise op, none of which mentions the shape."""
    return tuple((name, value) for name, value in op.attributes if isinstance(value, str | int))


ELEMENTWISE_RULES: Rules = (
    (frozenset(_NEUTRAL), drop_neutral),
    (names("multiply and or"), absorb),
    (names("maximum minimum and or"), drop_twin),
    (names("negate not"), undo_twice),
    (names("add subtract"), absorb_negation),
    (names("multiply"), multiply_by_minus_one),
    (names("select"), decide_select),
    (names("convert"), drop_conversion),
    (names("convert"), fold_conversion),
    (names("add subtract multiply negate"), fold_numbers),
    (_ELEMENTWISE, compute_before_broadcast),
)
