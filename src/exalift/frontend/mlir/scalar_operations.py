"""The meaning of the scalar operations of `arith` and `math`, and of the C library's functions.

Source: MLIR's documentation, pages "'arith' Dialect" and "'math' Dialect"; ISO C17, 7.12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

from exalift.affine import Affine, Constraint, Guard
from exalift.base import DType

from . import scalars
from .scalars import Extremum, Scalar
from .source import Unsupported
from .syntax import Attribute

NO_OVERFLOW = "index arithmetic does not overflow its type"
NO_NAN = "no NaN reaches minimum or maximum"


@dataclass(slots=True)
class Facts:
    """What is known where an operation stands; `assumptions` collects what its translation relies on."""

    least: Callable[[Affine], int | None]
    assumptions: dict[str, None] = field(default_factory=dict[str, None])

    def assume(self, sentence: str) -> None:
        self.assumptions[sentence] = None

    def is_nonnegative(self, index: Extremum) -> bool:
        """Whether an index is known not to be negative."""
        known = [self.least(candidate) for candidate in index.candidates]
        enough = any if index.largest else all
        return enough(bound is not None and bound >= 0 for bound in known)


@dataclass(frozen=True, slots=True)
class Operation:
    """A scalar operation with its operands translated; `dtype` is that of its result."""

    name: str
    operands: tuple[Scalar, ...]
    attributes: dict[str, Attribute]
    dtype: DType
    facts: Facts


Lowering = Callable[[Operation], Scalar]


def lower(operation: Operation) -> Scalar | None:
    """The value of a scalar operation; None where its name is not known.

    Raises Unsupported for an operation that is known and not taken.
    """
    lowering = _LOWERINGS.get(operation.name)
    return None if lowering is None else lowering(operation)


def library_function(name: str, operands: Sequence[Scalar], facts: Facts) -> Scalar | None:
    """The value of a call of the C library; None where the name is not known or the types do not fit."""
    stem = name[:-1] if name.endswith("f") and name[:-1] in _LIBRARY else name
    target = _LIBRARY.get(stem)
    if target is None or not operands or any(not o.dtype.is_float for o in operands):
        return None
    try:
        return lower(Operation(target, tuple(operands), {}, operands[-1].dtype, facts))
    except ValueError:  # the number of operands is wrong: not the library's function
        return None


# Floating point and plain functions.


def _named(function: str, operation: Operation) -> Scalar:
    return scalars.apply(function, *operation.operands)


def _without_nan(function: str, operation: Operation) -> Scalar:
    operation.facts.assume(NO_NAN)
    return scalars.apply(function, *operation.operands)


_ORDERED = {1: "eq", 2: "gt", 3: "ge", 4: "lt", 5: "le"}
_UNORDERED = {9: "le", 10: "lt", 11: "ge", 12: "gt"}  # the ordered opposites


def _cmpf(operation: Operation) -> Scalar:
    left, right = operation.operands
    predicate = operation.attributes["predicate"]
    if not isinstance(predicate, int):
        raise Unsupported("arith.cmpf has no predicate")
    match predicate:
        case 0 | 15:
            return scalars.number(int(predicate == 15), DType.I1)
        case 1 | 2 | 3 | 4 | 5:
            return scalars.compare(_ORDERED[predicate], left, right)
        case 9 | 10 | 11 | 12:
            return scalars.negation(scalars.compare(_UNORDERED[predicate], left, right))
        case 13:
            return scalars.compare("ne", left, right)
        case 6 | 8:
            differ = scalars.apply(
                "or", scalars.compare("lt", left, right), scalars.compare("gt", left, right)
            )
            return differ if predicate == 6 else scalars.negation(differ)
        case 7 | 14:
            numbers = scalars.apply(
                "and", scalars.compare("eq", left, left), scalars.compare("eq", right, right)
            )
            return numbers if predicate == 7 else scalars.negation(numbers)
        case _:
            raise Unsupported(f"unknown predicate {predicate} of arith.cmpf")


def _fused(operation: Operation) -> Scalar:
    left, right, addend = operation.operands
    return scalars.apply("add", scalars.apply("multiply", left, right), addend)


def _clamp(operation: Operation) -> Scalar:
    value, low, high = operation.operands
    return scalars.apply("minimum", scalars.apply("maximum", value, low), high)


def _truncated(operation: Operation) -> Scalar:
    (value,) = operation.operands
    negative = scalars.compare("lt", value, scalars.number(0, value.dtype))
    return scalars.apply("select", negative, scalars.apply("ceil", value), scalars.apply("floor", value))


def _logarithm(base: float, operation: Operation) -> Scalar:
    scale = scalars.number(Fraction(math.log(base)), operation.dtype)
    return scalars.apply("divide", scalars.apply("log", *operation.operands), scale)


def _power_of(base: int, operation: Operation) -> Scalar:
    return scalars.apply("power", scalars.number(base, operation.dtype), *operation.operands)


def _integer_power(operation: Operation) -> Scalar:
    base, exponent = operation.operands
    return scalars.apply("power", base, scalars.cast(exponent, base.dtype))


def _is_nan(operation: Operation) -> Scalar:
    (value,) = operation.operands
    return scalars.compare("ne", value, value)


# Integers and indices.


def _refuse_truth(operation: Operation) -> None:
    if operation.operands[0].dtype is DType.I1:
        raise Unsupported(f"{operation.name} of i1 is not supported")


def _affine(operation: Operation, index: Extremum | None) -> Scalar | None:
    """The index as the operation's value, if there is one and its type is wide enough for indices."""
    if index is None or operation.dtype not in (DType.I32, DType.I64):
        return None
    known = index.single
    if known is not None and known.is_constant:
        limit = 1 << (operation.dtype.bits - 1)
        return scalars.indexed(index, operation.dtype) if -limit <= known.constant < limit else None
    if operation.dtype is DType.I32:
        operation.facts.assume(NO_OVERFLOW)
    return scalars.indexed(index, operation.dtype)


def _both(operation: Operation) -> tuple[Extremum, Extremum] | None:
    left, right = (operand.index for operand in operation.operands)
    return None if left is None or right is None else (left, right)


def _addi(sign: int, operation: Operation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.apply("xor", left, right)
    both = _both(operation)
    found = _affine(operation, both[0].plus(both[1].times(sign)) if both else None)
    return found or scalars.apply("add" if sign > 0 else "subtract", left, right)


def _muli(operation: Operation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.conjunction(left, right)
    both = _both(operation)
    index: Extremum | None = None
    if both is not None and right.constant is not None:
        index = both[0].times(right.constant)
    elif both is not None and left.constant is not None:
        index = both[1].times(left.constant)
    return _affine(operation, index) or scalars.apply("multiply", left, right)


def _division(function: str, rounding: str, operation: Operation) -> Scalar:
    """Integer division and remainder. C's rounding is the floor's where nothing is negative."""
    _refuse_truth(operation)
    left, right = operation.operands
    divisor = right.constant
    exact = left.index is not None and (rounding != "zero" or operation.facts.is_nonnegative(left.index))
    if exact and left.index is not None and divisor is not None and divisor > 0:
        found = _affine(operation, _divided(left.index, function, divisor, rounding == "up"))
        if found is not None:
            return found
    if rounding != "zero":
        raise Unsupported(f"{operation.name} is supported for affine values and a positive constant only")
    return scalars.apply(function, left, right)


def _divided(index: Extremum, function: str, divisor: int, up: bool) -> Extremum | None:
    if function == "divide":
        return index.divided(divisor, up)
    return index.remainder(divisor)


def _unsigned(function: str, operation: Operation) -> Scalar:
    """A function of the operands read as unsigned."""
    _refuse_truth(operation)
    left, right = operation.operands
    divisor = right.constant if function in ("divide", "remainder") else None
    if left.index is not None and divisor is not None and divisor > 0:
        exact = operation.facts.is_nonnegative(left.index)
        found = _affine(operation, _divided(left.index, function, divisor, up=False)) if exact else None
        if found is not None:
            return found
    wide = DType(f"ui{operation.dtype.bits}")
    value = scalars.apply(function, scalars.cast(left, wide), scalars.cast(right, wide))
    return scalars.cast(value, operation.dtype)


def _extremum(largest: bool, operation: Operation) -> Scalar:
    _refuse_truth(operation)
    both = _both(operation)
    found = _affine(operation, Extremum.combined(both, largest) if both else None)
    return found or scalars.apply("maximum" if largest else "minimum", *operation.operands)


def _shli(operation: Operation) -> Scalar:
    left, right = operation.operands
    amount = right.constant
    if left.index is not None and amount is not None and 0 <= amount < operation.dtype.bits - 1:
        found = _affine(operation, left.index.times(1 << amount))
        if found is not None:
            return found
    _refuse_truth(operation)
    return scalars.apply("shift_left", left, right)


def _shrsi(operation: Operation) -> Scalar:
    left, right = operation.operands
    amount = right.constant
    if left.index is not None and amount is not None and 0 <= amount < operation.dtype.bits - 1:
        found = _affine(operation, left.index.divided(1 << amount))
        if found is not None:
            return found
    _refuse_truth(operation)
    return scalars.apply("shift_right_arithmetic", left, right)


def _andi(operation: Operation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.conjunction(left, right)
    return scalars.apply("and", left, right)


def _ori(operation: Operation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.disjunction(left, right)
    return scalars.apply("or", left, right)


def _xori(operation: Operation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        for one, other in ((left, right), (right, left)):
            if one.guard is not None and one.guard.is_always:
                return scalars.negation(other)
    return scalars.apply("xor", left, right)


_SIGNED = {0: "eq", 1: "ne", 2: "lt", 3: "le", 4: "gt", 5: "ge"}
_UNSIGNED = {6: "lt", 7: "le", 8: "gt", 9: "ge"}


def _cmpi(operation: Operation) -> Scalar:
    left, right = operation.operands
    predicate = operation.attributes["predicate"]
    if not isinstance(predicate, int) or predicate not in (_SIGNED | _UNSIGNED):
        raise Unsupported(f"unknown predicate {predicate} of arith.cmpi")
    if left.dtype is DType.I1:
        if predicate > 1:
            raise Unsupported("i1 values can be compared for equality only")
        differ = scalars.apply("xor", left, right)
        return differ if predicate else scalars.negation(differ)
    direction = (_SIGNED | _UNSIGNED)[predicate]
    first = left.index.single if left.index else None
    second = right.index.single if right.index else None
    if first is not None and second is not None:
        known = all(operation.facts.is_nonnegative(Extremum.of(value)) for value in (first, second))
        if predicate in _SIGNED or known:
            return scalars.conditioned(_condition(direction, first - second))
    if predicate in _SIGNED:
        return scalars.compare(direction, left, right)
    wide = DType(f"ui{left.dtype.bits}")
    return scalars.compare(direction, scalars.cast(left, wide), scalars.cast(right, wide))


def _condition(direction: str, difference: Affine) -> Guard:
    """`difference DIRECTION 0`."""
    match direction:
        case "eq":
            constraint = Constraint(difference, equality=True)
        case "ne":
            return ~Guard.of(Constraint(difference, equality=True))
        case "lt":
            constraint = Constraint(-difference - 1)
        case "le":
            constraint = Constraint(-difference)
        case "gt":
            constraint = Constraint(difference - 1)
        case _:
            constraint = Constraint(difference)
    if difference.is_constant:
        return Guard.of() if Guard.of(constraint).at({}) else Guard(())
    return Guard.of(constraint)


# Conversions.


def _cast(operation: Operation) -> Scalar:
    return scalars.cast(operation.operands[0], operation.dtype)


def _signed_widening(operation: Operation) -> Scalar:
    """`extsi`, `sitofp`, `index_cast`: an i1 counts as 0 or -1."""
    (value,) = operation.operands
    if value.dtype is DType.I1:
        return scalars.apply("negate", scalars.cast(value, operation.dtype))
    if not operation.dtype.is_float:
        found = _affine(operation, value.index)
        if found is not None:
            return found
    return scalars.cast(value, operation.dtype)


def _unsigned_widening(operation: Operation) -> Scalar:
    """`extui`, `uitofp`, `index_castui`."""
    (value,) = operation.operands
    if value.dtype is DType.I1:
        return scalars.cast(value, operation.dtype)
    if value.index is not None and operation.facts.is_nonnegative(value.index):
        return _signed_widening(operation)
    if not operation.dtype.is_float and operation.dtype.bits <= value.dtype.bits:
        return _signed_widening(operation)
    return scalars.cast(scalars.cast(value, DType(f"ui{value.dtype.bits}")), operation.dtype)


def _narrowing(operation: Operation) -> Scalar:
    (value,) = operation.operands
    if operation.dtype is DType.I1:
        one = scalars.number(1, value.dtype)
        return scalars.compare("ne", scalars.apply("and", value, one), scalars.number(0, value.dtype))
    return _signed_widening(operation)


def _to_unsigned(operation: Operation) -> Scalar:
    (value,) = operation.operands
    if operation.dtype is DType.I1:
        raise Unsupported("arith.fptoui to i1 is not supported")
    return scalars.cast(scalars.cast(value, DType(f"ui{operation.dtype.bits}")), operation.dtype)


def _to_signed(operation: Operation) -> Scalar:
    if operation.dtype is DType.I1:
        raise Unsupported("arith.fptosi to i1 is not supported")
    return _cast(operation)


def _constant(operation: Operation) -> Scalar:
    value = operation.attributes.get("value")
    if not isinstance(value, bool | int | float):
        raise Unsupported("only scalar constants are supported")
    return scalars.number(value, operation.dtype)


def _select(operation: Operation) -> Scalar:
    condition, then, otherwise = operation.operands
    return scalars.selection(condition, then, otherwise)


_PLAIN = {
    "arith.addf": "add",
    "arith.subf": "subtract",
    "arith.mulf": "multiply",
    "arith.divf": "divide",
    "arith.remf": "remainder",
    "arith.negf": "negate",
    "arith.maximumf": "maximum",
    "arith.minimumf": "minimum",
    "arith.shrui": "shift_right_logical",
    "math.absf": "abs",
    "math.absi": "abs",
    "math.sqrt": "sqrt",
    "math.rsqrt": "rsqrt",
    "math.cbrt": "cbrt",
    "math.exp": "exponential",
    "math.expm1": "exponential_minus_one",
    "math.log": "log",
    "math.log1p": "log_plus_one",
    "math.sin": "sine",
    "math.cos": "cosine",
    "math.tan": "tan",
    "math.tanh": "tanh",
    "math.erf": "erf",
    "math.atan2": "atan2",
    "math.powf": "power",
    "math.floor": "floor",
    "math.ceil": "ceil",
    "math.round": "round_nearest_afz",
    "math.roundeven": "round_nearest_even",
}

_LOWERINGS: dict[str, Lowering] = {name: partial(_named, function) for name, function in _PLAIN.items()} | {
    "arith.constant": _constant,
    "arith.select": _select,
    "arith.cmpf": _cmpf,
    "arith.cmpi": _cmpi,
    "arith.maxnumf": partial(_without_nan, "maximum"),
    "arith.minnumf": partial(_without_nan, "minimum"),
    "arith.addi": partial(_addi, 1),
    "arith.subi": partial(_addi, -1),
    "arith.muli": _muli,
    "arith.divsi": partial(_division, "divide", "zero"),
    "arith.remsi": partial(_division, "remainder", "zero"),
    "arith.floordivsi": partial(_division, "divide", "down"),
    "arith.ceildivsi": partial(_division, "divide", "up"),
    "arith.divui": partial(_unsigned, "divide"),
    "arith.remui": partial(_unsigned, "remainder"),
    "arith.maxsi": partial(_extremum, True),
    "arith.minsi": partial(_extremum, False),
    "arith.maxui": partial(_unsigned, "maximum"),
    "arith.minui": partial(_unsigned, "minimum"),
    "arith.shli": _shli,
    "arith.shrsi": _shrsi,
    "arith.andi": _andi,
    "arith.ori": _ori,
    "arith.xori": _xori,
    "arith.extf": _cast,
    "arith.truncf": _cast,
    "arith.extsi": _signed_widening,
    "arith.sitofp": _signed_widening,
    "arith.index_cast": _signed_widening,
    "arith.extui": _unsigned_widening,
    "arith.uitofp": _unsigned_widening,
    "arith.index_castui": _unsigned_widening,
    "arith.trunci": _narrowing,
    "arith.fptosi": _to_signed,
    "arith.fptoui": _to_unsigned,
    "math.fma": _fused,
    "math.clampf": _clamp,
    "math.trunc": _truncated,
    "math.log2": partial(_logarithm, 2.0),
    "math.log10": partial(_logarithm, 10.0),
    "math.exp2": partial(_power_of, 2),
    "math.fpowi": _integer_power,
    "math.isnan": _is_nan,
}

_LIBRARY = {
    "sqrt": "math.sqrt",
    "cbrt": "math.cbrt",
    "exp": "math.exp",
    "exp2": "math.exp2",
    "expm1": "math.expm1",
    "log": "math.log",
    "log2": "math.log2",
    "log10": "math.log10",
    "log1p": "math.log1p",
    "sin": "math.sin",
    "cos": "math.cos",
    "tan": "math.tan",
    "tanh": "math.tanh",
    "atan2": "math.atan2",
    "erf": "math.erf",
    "pow": "math.powf",
    "fabs": "math.absf",
    "floor": "math.floor",
    "ceil": "math.ceil",
    "round": "math.round",
    "rint": "math.roundeven",
    "nearbyint": "math.roundeven",
    "trunc": "math.trunc",
    "fma": "math.fma",
    "fmod": "arith.remf",
    "fmax": "arith.maxnumf",
    "fmin": "arith.minnumf",
}
