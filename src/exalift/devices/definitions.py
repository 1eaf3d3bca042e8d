"""The scalar functions of kernels, said once for all languages: what `capsule.kernels.numbers` means."""

from __future__ import annotations

from exalift.base import DType
from exalift.capsule.kernels import FUNCTIONS, Literal

from .language import Language

_OPERATORS = {
    "compare_lt": "<",
    "compare_le": "<=",
    "compare_gt": ">",
    "compare_ge": ">=",
    "compare_eq": "==",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
}
_TRUTH = {
    "not": "!a",
    "compare_lt": "!a && b",
    "compare_le": "!a || b",
    "compare_gt": "a && !b",
    "compare_ge": "a || !b",
    "compare_eq": "a == b",
    "compare_ne": "a != b",
}
_LOGIC = {"and": ("&&", "&"), "or": ("||", "|"), "xor": ("!=", "^")}


def function_name(function: str, dtype: DType) -> str:
    return f"xl_{function}_{dtype}"


def define(function: str, dtype: DType, language: Language) -> str | None:
    """The text of a function `xl_FUNCTION_DTYPE` on operands of the type; None where the language has none.

    `select` is no function, and stays an expression.
    """
    name = function_name(function, dtype)
    body = _body(function, dtype, language)
    if body is None:
        return None
    known = FUNCTIONS[function]
    return language.function(name, dtype, DType.I1 if known.compares else dtype, known.arity, body)


def _body(function: str, dtype: DType, language: Language) -> str | None:
    if dtype is DType.I1:
        return _TRUTH.get(function) or f"a {_LOGIC[function][0]} b"
    if function == "compare_ne":
        # WGSL's != is false of NaN on some drivers, == is right on all.
        return "!(a == b)"
    if function.startswith("compare_"):
        return f"a {_OPERATORS[function]} b"
    if function in ("maximum", "minimum"):
        return _extreme(">" if function == "maximum" else "<", dtype, language)
    if function == "sign":
        return _sign(dtype, language)
    if dtype.is_float:
        return _float(function, dtype, language)
    return _integer(function, dtype, language)


def _number(value: int, dtype: DType, language: Language) -> str:
    return language.literal(Literal(float(value) if dtype.is_float else value, dtype))


def _extreme(comparison: str, dtype: DType, language: Language) -> str:
    best = language.choose(f"a {comparison} b", "a", "b")
    if not dtype.is_float:
        return best
    return language.choose("!(a == a)", "a", language.choose("!(b == b)", "b", best))


def _sign(dtype: DType, language: Language) -> str:
    zero, one = _number(0, dtype, language), _number(1, dtype, language)
    below = "a"
    if dtype.is_signed or dtype.is_float:
        below = language.choose(f"a < {zero}", _number(-1, dtype, language), "a")
    return language.choose(f"a > {zero}", one, below)


def _float(function: str, dtype: DType, language: Language) -> str | None:
    native = language.native(function, dtype)
    if native is not None:
        return f"{native}(a, b)" if FUNCTIONS[function].arity == 2 else f"{native}(a)"
    one = _number(1, dtype, language)
    match function:
        case "add" | "subtract" | "multiply" | "divide":
            return f"a {_OPERATORS[function]} b"
        case "negate":
            return "-a"
        case "rsqrt":
            root = language.native("sqrt", dtype)
            return f"{one} / {root}(a)" if root else None
        case "logistic":
            exponential = language.native("exponential", dtype)
            return f"{one} / ({one} + {exponential}(-a))" if exponential else None
        case _:
            return None


def _integer(function: str, dtype: DType, language: Language) -> str | None:
    zero = _number(0, dtype, language)
    u = language.unsigned(dtype, "a"), language.unsigned(dtype, "b")
    negated = language.wrap(dtype, f"{language.unsigned(dtype, zero)} - {u[0]}")
    match function:
        case "add" | "subtract" | "multiply":
            return language.wrap(dtype, f"{u[0]} {_OPERATORS[function]} {u[1]}")
        case "negate":
            return negated
        case "abs":
            return language.choose(f"a < {zero}", negated, "a") if dtype.is_signed else "a"
        case "divide" | "remainder":
            # The divisor is never 0 where it is divided by, whether or not both choices are computed.
            safe = language.choose(f"b == {zero}", _number(1, dtype, language), "b")
            made = language.wrap(dtype, f"a {'/' if function == 'divide' else '%'} {safe}")
            if dtype.is_signed:
                minus = _number(-1, dtype, language)
                made = language.choose(f"b == {minus}", negated if function == "divide" else zero, made)
            return language.choose(f"b == {zero}", zero, made)
        case "and" | "or" | "xor":
            return language.wrap(dtype, f"a {_LOGIC[function][1]} b")
        case "not":
            return language.wrap(dtype, f"~{u[0]}")
        case "shift_left" | "shift_right_arithmetic" | "shift_right_logical":
            return _shift(function, dtype, language)
        case _:
            return None


def _shift(function: str, dtype: DType, language: Language) -> str:
    zero = _number(0, dtype, language)
    bits = _number(dtype.bits, dtype, language)
    inside = f"b < {bits}" if not dtype.is_signed else f"b >= {zero} && b < {bits}"
    # A shift by too much is undefined even where its result is not used.
    amount = language.amount(language.choose(inside, "b", zero))
    outside = zero
    match function:
        case "shift_left":
            shifted = f"{language.unsigned(dtype, 'a')} << {amount}"
        case "shift_right_arithmetic":
            signed = language.signed(dtype, "a")
            shifted = f"{signed} >> {amount}"
            ones = language.wrap(dtype, f"~{language.unsigned(dtype, zero)}")
            negative = language.bits(dtype, "a") + f" >> {language.amount(str(dtype.bits - 1))}"
            outside = language.choose(f"({negative}) != {language.bits(dtype, zero)}", ones, zero)
        case _:
            shifted = f"{language.bits(dtype, 'a')} >> {amount}"
    return language.choose(inside, language.wrap(dtype, shifted), outside)
