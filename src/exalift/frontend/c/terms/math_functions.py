"""The functions of `math.h` and `stdlib.h` that have a meaning here, composed where StableHLO has no such op.

Suffix `f` takes and gives float, no suffix double; clang has converted the arguments already.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from exalift.affine import Constant
from exalift.base import DType

from .draft import Converted, Draft, Operation

NO_NAN = "no NaN reaches a minimum or maximum, and the sign of a zero there does not matter"
NO_FMA = "a fused multiply-add may be rounded twice"
NO_RANGE = "hypot may overflow where its operands squared do"


@dataclass(frozen=True, slots=True)
class MathFunction:
    """How a function is said, its number of arguments, and what that relies on."""

    arity: int
    build: Callable[..., Draft]
    assumption: str = ""
    result: DType | None = None


def number(value: float | int | Fraction, dtype: DType) -> Constant:
    return Constant(Fraction(value), dtype)


def apply(function: str, *operands: Draft) -> Draft:
    return Operation(function, operands, operands[-1].dtype)


def _simple(function: str, arity: int = 1, assumption: str = "") -> MathFunction:
    return MathFunction(arity, lambda *operands: apply(function, *operands), assumption)


def _compare(relation: str, left: Draft, right: Draft) -> Draft:
    return Operation(f"compare_{relation}", (left, right), DType.I1)


def _fma(x: Draft, y: Draft, z: Draft) -> Draft:
    return apply("add", apply("multiply", x, y), z)


def _hypot(x: Draft, y: Draft) -> Draft:
    return apply("sqrt", apply("add", apply("multiply", x, x), apply("multiply", y, y)))


def _scaled_log(base: int) -> Callable[[Draft], Draft]:
    return lambda x: apply("divide", apply("log", x), number(math.log(base), x.dtype))


def _exp2(x: Draft) -> Draft:
    return apply("power", number(2, x.dtype), x)


def _sinh(x: Draft) -> Draft:
    # By expm1, so that small arguments keep their accuracy: (m + m / (m + 1)) / 2.
    m = apply("exponential_minus_one", x)
    ratio = apply("divide", m, apply("add", m, number(1, x.dtype)))
    return apply("multiply", apply("add", m, ratio), number(0.5, x.dtype))


def _cosh(x: Draft) -> Draft:
    both = apply("add", apply("exponential", x), apply("exponential", apply("negate", x)))
    return apply("multiply", both, number(0.5, x.dtype))


def _complement_root(x: Draft) -> Draft:
    one = number(1, x.dtype)
    return apply("sqrt", apply("multiply", apply("subtract", one, x), apply("add", one, x)))


def _asin(x: Draft) -> Draft:
    return apply("atan2", x, _complement_root(x))


def _acos(x: Draft) -> Draft:
    return apply("atan2", _complement_root(x), x)


def _atan(x: Draft) -> Draft:
    return apply("atan2", x, number(1, x.dtype))


def _atanh(x: Draft) -> Draft:
    one = number(1, x.dtype)
    ratio = apply("divide", apply("add", x, x), apply("subtract", one, x))
    return apply("multiply", apply("log_plus_one", ratio), number(0.5, x.dtype))


def _trunc(x: Draft) -> Draft:
    negative = _compare("lt", x, number(0, x.dtype))
    return apply("select", negative, apply("ceil", x), apply("floor", x))


def _fdim(x: Draft, y: Draft) -> Draft:
    difference = apply("subtract", x, y)
    return apply("select", _compare("gt", x, y), difference, number(0, x.dtype))


def _rounded(function: str) -> MathFunction:
    def build(x: Draft) -> Draft:
        return Converted(apply(function, x), DType.I64)

    return MathFunction(1, build, "", DType.I64)


_FLOATING: dict[str, MathFunction] = {
    "fabs": _simple("abs"),
    "sqrt": _simple("sqrt"),
    "cbrt": _simple("cbrt"),
    "exp": _simple("exponential"),
    "expm1": _simple("exponential_minus_one"),
    "log": _simple("log"),
    "log1p": _simple("log_plus_one"),
    "log2": MathFunction(1, _scaled_log(2)),
    "log10": MathFunction(1, _scaled_log(10)),
    "exp2": MathFunction(1, _exp2),
    "pow": _simple("power", 2),
    "sin": _simple("sine"),
    "cos": _simple("cosine"),
    "tan": _simple("tan"),
    "tanh": _simple("tanh"),
    "sinh": MathFunction(1, _sinh),
    "cosh": MathFunction(1, _cosh),
    "asin": MathFunction(1, _asin),
    "acos": MathFunction(1, _acos),
    "atan": MathFunction(1, _atan),
    "atanh": MathFunction(1, _atanh),
    "atan2": _simple("atan2", 2),
    "floor": _simple("floor"),
    "ceil": _simple("ceil"),
    "trunc": MathFunction(1, _trunc),
    "round": _simple("round_nearest_afz"),
    "rint": _simple("round_nearest_even"),
    "nearbyint": _simple("round_nearest_even"),
    "lround": _rounded("round_nearest_afz"),
    "llround": _rounded("round_nearest_afz"),
    "lrint": _rounded("round_nearest_even"),
    "llrint": _rounded("round_nearest_even"),
    "erf": _simple("erf"),
    "fmin": _simple("minimum", 2, NO_NAN),
    "fmax": _simple("maximum", 2, NO_NAN),
    "fdim": MathFunction(2, _fdim, NO_NAN),
    "fmod": _simple("remainder", 2),
    "fma": MathFunction(3, _fma, NO_FMA),
    "hypot": MathFunction(2, _hypot, NO_RANGE),
}

_ABSOLUTE = {"abs", "labs", "llabs", "imaxabs"}

_REASONS = {
    "erfc": ("loses its accuracy when composed", "write 1 - erf(x) if that is accurate enough"),
    "asinh": ("loses its accuracy when composed", "write log(x + sqrt(x*x + 1)) if x is not small"),
    "acosh": ("loses its accuracy when composed", "write log(x + sqrt(x*x - 1)) if x is not near 1"),
    "copysign": ("depends on the sign of a zero", "write x < 0 ? -y : y"),
    "isnan": ("tests for NaN", "take care of NaN before the function is called"),
    "isinf": ("tests for infinity", "compare with the largest number that you expect"),
}
# Functions that end the program, and others that `calls` gives a meaning.
ENDING = {"abort", "exit", "_Exit", "__assert_fail", "__assert", "__builtin_unreachable", "__builtin_trap"}
BLOCKS = {"memset", "memcpy", "memmove", "__builtin_memset", "__builtin_memcpy"}
ALLOCATIONS = {"malloc", "calloc", "aligned_alloc", "__builtin_malloc"}
PASSED_ON = {"__builtin_expect", "__builtin_assume_aligned"}
KNOWN = BLOCKS | ALLOCATIONS | PASSED_ON | {"free"}

_INPUT_OUTPUT = {
    "printf", "fprintf", "puts", "putchar", "scanf", "fscanf", "fputs", "fopen", "fclose", "fread", "fwrite",
    "perror", "fflush", "putc", "fputc", "getchar", "sprintf", "snprintf",
}  # fmt: skip


def find(name: str) -> MathFunction | None:
    """The meaning of a library function, None where it has none here."""
    name = name.removeprefix("__builtin_")
    if name in _ABSOLUTE:
        return _simple("abs")
    return _FLOATING.get(name) or (_FLOATING.get(name[:-1]) if name.endswith("f") else None)


def why_not(name: str) -> tuple[str, str]:
    """The reason for refusing a call of a function that the file does not define, and a hint."""
    plain = name.removeprefix("__builtin_")
    bare = plain[:-1] if plain.endswith("f") and plain[:-1] in _REASONS else plain
    if bare in _REASONS:
        reason, hint = _REASONS[bare]
        return f"`{name}` {reason}", hint
    if plain in _INPUT_OUTPUT:
        return f"`{name}` reads or writes files", "move input and output out of the function"
    return (
        f"the function `{name}` is not known",
        "define it in the same file, or move the call out of the function",
    )
