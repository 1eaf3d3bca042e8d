"""The meaning of the floating-point operations of `arith` and `math`.

Source: MLIR's documentation, pages "'arith' Dialect" and "'math' Dialect".
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

from exalift.base import DType

from . import scalars
from .facts import NO_FMA, NO_NAN, Lowering, ScalarOperation
from .scalars import Scalar
from .source import Unsupported


def _named(function: str, operation: ScalarOperation) -> Scalar:
    return scalars.apply(function, *operation.operands)


def _without_nan(function: str, operation: ScalarOperation) -> Scalar:
    operation.facts.assume(NO_NAN)
    return scalars.apply(function, *operation.operands)


_ORDERED = {1: "eq", 2: "gt", 3: "ge", 4: "lt", 5: "le"}
_UNORDERED = {9: "le", 10: "lt", 11: "ge", 12: "gt"}  # the ordered opposites


def _cmpf(operation: ScalarOperation) -> Scalar:
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


def _fused(operation: ScalarOperation) -> Scalar:
    operation.facts.assume(NO_FMA)
    left, right, addend = operation.operands
    return scalars.apply("add", scalars.apply("multiply", left, right), addend)


def _clamp(operation: ScalarOperation) -> Scalar:
    value, low, high = operation.operands
    return scalars.apply("minimum", scalars.apply("maximum", value, low), high)


def _truncated(operation: ScalarOperation) -> Scalar:
    (value,) = operation.operands
    negative = scalars.compare("lt", value, scalars.number(0, value.dtype))
    return scalars.apply("select", negative, scalars.apply("ceil", value), scalars.apply("floor", value))


def _logarithm(base: float, operation: ScalarOperation) -> Scalar:
    scale = scalars.number(Fraction(math.log(base)), operation.dtype)
    return scalars.apply("divide", scalars.apply("log", *operation.operands), scale)


def _power_of(base: int, operation: ScalarOperation) -> Scalar:
    return scalars.apply("power", scalars.number(base, operation.dtype), *operation.operands)


def _hyperbolic_sine(operation: ScalarOperation) -> Scalar:
    # By expm1, so that small arguments keep their accuracy: (m + m / (m + 1)) / 2.
    m = scalars.apply("exponential_minus_one", *operation.operands)
    ratio = scalars.apply("divide", m, scalars.apply("add", m, scalars.number(1, m.dtype)))
    half = scalars.number(Fraction(1, 2), m.dtype)
    return scalars.apply("multiply", scalars.apply("add", m, ratio), half)


def _hyperbolic_cosine(operation: ScalarOperation) -> Scalar:
    (x,) = operation.operands
    falling = scalars.apply("exponential", scalars.apply("negate", x))
    both = scalars.apply("add", scalars.apply("exponential", x), falling)
    return scalars.apply("multiply", both, scalars.number(Fraction(1, 2), x.dtype))


def _inverse_hyperbolic_tangent(operation: ScalarOperation) -> Scalar:
    (x,) = operation.operands
    one = scalars.number(1, x.dtype)
    ratio = scalars.apply("divide", scalars.apply("add", x, x), scalars.apply("subtract", one, x))
    half = scalars.number(Fraction(1, 2), x.dtype)
    return scalars.apply("multiply", scalars.apply("log_plus_one", ratio), half)


def _arc_tangent(operation: ScalarOperation) -> Scalar:
    (x,) = operation.operands
    return scalars.apply("atan2", x, scalars.number(1, x.dtype))


def _arc(of_sine: bool, operation: ScalarOperation) -> Scalar:
    (x,) = operation.operands
    one = scalars.number(1, x.dtype)
    square = scalars.apply("multiply", scalars.apply("subtract", one, x), scalars.apply("add", one, x))
    root = scalars.apply("sqrt", square)
    return scalars.apply("atan2", x, root) if of_sine else scalars.apply("atan2", root, x)


def _integer_power(operation: ScalarOperation) -> Scalar:
    base, exponent = operation.operands
    return scalars.apply("power", base, scalars.cast(exponent, base.dtype))


def _is_nan(operation: ScalarOperation) -> Scalar:
    (value,) = operation.operands
    return scalars.compare("ne", value, value)


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

FLOAT_LOWERINGS: dict[str, Lowering] = {
    name: partial(_named, function) for name, function in _PLAIN.items()
} | {
    "arith.cmpf": _cmpf,
    "arith.maxnumf": partial(_without_nan, "maximum"),
    "arith.minnumf": partial(_without_nan, "minimum"),
    "math.fma": _fused,
    "math.clampf": _clamp,
    "math.trunc": _truncated,
    "math.log2": partial(_logarithm, 2.0),
    "math.log10": partial(_logarithm, 10.0),
    "math.exp2": partial(_power_of, 2),
    "math.fpowi": _integer_power,
    "math.isnan": _is_nan,
    "math.sinh": _hyperbolic_sine,
    "math.cosh": _hyperbolic_cosine,
    "math.atanh": _inverse_hyperbolic_tangent,
    "math.asin": partial(_arc, True),
    "math.acos": partial(_arc, False),
    "math.atan": _arc_tangent,
}
