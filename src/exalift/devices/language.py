"""How kernels are written down for a device: a language as a table of its differences from the others.

C, OpenCL C, CUDA C and WGSL share their statements and most of their operators. A `Language` says what
they do not share; `definitions` states the scalar functions once, in terms of it, and `emission` writes
the nests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exalift.base import DType
from exalift.capsule.kernels import Literal


class Language(Protocol):
    """What differs. Texts are expressions unless said otherwise; operands come without need of brackets."""

    @property
    def name(self) -> str: ...

    def refuses(self, dtype: DType) -> str:
        """Why values of the type cannot be had, or nothing."""
        ...

    def type(self, dtype: DType) -> str:
        """The type of a register."""
        ...

    def memory_type(self, dtype: DType) -> str:
        """The type of an element of a buffer."""
        ...

    def literal(self, literal: Literal) -> str: ...

    def choose(self, condition: str, then: str, otherwise: str) -> str:
        """A choice between two values; both may be computed."""
        ...

    def wrap(self, dtype: DType, value: str) -> str:
        """An integer of the type from the result of an operator on `unsigned` operands."""
        ...

    def unsigned(self, dtype: DType, value: str) -> str:
        """The integer in a type whose `+ - * <<` wrap, equal modulo 2^bits."""
        ...

    def bits(self, dtype: DType, value: str) -> str:
        """The integer's bits as an unsigned number below 2^bits."""
        ...

    def signed(self, dtype: DType, value: str) -> str:
        """The integer's bits as a signed number."""
        ...

    def amount(self, value: str) -> str:
        """A number of bits to shift by."""
        ...

    def convert(self, source: DType, target: DType, value: str) -> str: ...

    def native(self, function: str, dtype: DType) -> str | None:
        """The name of the language's own function on floating point, None where it has no good one."""
        ...

    def function(self, name: str, dtype: DType, result: DType, arity: int, body: str) -> str:
        """A whole function of operands `a` and `b` that returns `body`."""
        ...

    def constant(self, name: str, value: str) -> str:
        """A statement: an integer that does not change."""
        ...

    def variable(self, name: str, dtype: DType | None) -> str:
        """A statement: a register (an integer for loops, where None) that is assigned later."""
        ...

    def load(self, buffer: str, dtype: DType, element: str) -> str: ...

    def store(self, buffer: str, dtype: DType, element: str, value: str) -> str:
        """A statement."""
        ...

    def interrupted(self) -> str:
        """Whether work is asked to stop at the next yield point; empty where it cannot be asked."""
        ...


_SUFFIXED = frozenset(
    {
        *("sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan", "floor", "ceil", "rint"),
        *("round", "erf", "cbrt", "pow", "atan2", "fmod", "fabs"),
    }
)

C_FUNCTIONS: Mapping[str, str] = {
    "sqrt": "sqrt",
    "exponential": "exp",
    "exponential_minus_one": "expm1",
    "log": "log",
    "log_plus_one": "log1p",
    "tanh": "tanh",
    "sine": "sin",
    "cosine": "cos",
    "tan": "tan",
    "floor": "floor",
    "ceil": "ceil",
    "round_nearest_even": "rint",
    "round_nearest_afz": "round",
    "erf": "erf",
    "cbrt": "cbrt",
    "power": "pow",
    "atan2": "atan2",
    "remainder": "fmod",
    "abs": "fabs",
}

_FIXED: Mapping[DType, tuple[str, str, str]] = {
    DType.I8: ("signed char", "uint", "uchar"),
    DType.I16: ("short", "uint", "ushort"),
    DType.I32: ("int", "uint", "uint"),
    DType.I64: ("long", "ulong", "ulong"),
    DType.UI8: ("uchar", "uint", "uchar"),
    DType.UI16: ("ushort", "uint", "ushort"),
    DType.UI32: ("uint", "uint", "uint"),
    DType.UI64: ("ulong", "ulong", "ulong"),
}
"""The type, the unsigned type of at least 32 bits in which it is computed, and that of its own width."""

_SIGNED = {8: "signed char", 16: "short", 32: "int", 64: "long"}


@dataclass(frozen=True)
class CLanguage:
    """C and what descends from it. Types go by OpenCL's names (`uchar`, 64-bit `long`); a prologue of the
    others defines them.

    suffix: put after the names of float functions of f32. helpers_are: what stands before a function.
    flag: an expression for `interrupted`.
    """

    name: str
    suffix: str = ""
    helpers_are: str = "static inline"
    flag: str = ""
    missing: Mapping[DType, str] = field(default_factory=dict[DType, str])

    def refuses(self, dtype: DType) -> str:
        return self.missing.get(dtype, "")

    def type(self, dtype: DType) -> str:
        match dtype:
            case DType.I1:
                return "bool"
            case DType.F32:
                return "float"
            case DType.F64:
                return "double"
            case _:
                return _FIXED[dtype][0]

    def memory_type(self, dtype: DType) -> str:
        return "uchar" if dtype is DType.I1 else self.type(dtype)

    def literal(self, literal: Literal) -> str:
        value, dtype = literal.value, literal.dtype
        if dtype is DType.I1:
            return "true" if value else "false"
        if not dtype.is_float:
            number = int(value)
            if dtype is DType.I64:
                # The smallest number has no literal of its own.
                return f"({number + 1}L - 1L)" if number < 0 else f"{number}L"
            if dtype is DType.I32:
                return f"({number + 1} - 1)" if number < 0 else str(number)
            return f"{number}{'UL' if dtype is DType.UI64 else 'U' if dtype is DType.UI32 else ''}"
        return _c_float(float(value), dtype)

    def choose(self, condition: str, then: str, otherwise: str) -> str:
        return f"({condition} ? {then} : {otherwise})"

    def wrap(self, dtype: DType, value: str) -> str:
        return f"({self.type(dtype)})({value})"

    def unsigned(self, dtype: DType, value: str) -> str:
        return f"({_FIXED[dtype][1]}){value}"

    def bits(self, dtype: DType, value: str) -> str:
        return f"({_FIXED[dtype][2]}){value}"

    def signed(self, dtype: DType, value: str) -> str:
        return f"({_SIGNED[dtype.bits]}){value}"

    def amount(self, value: str) -> str:
        return f"(uint){value}"

    def convert(self, source: DType, target: DType, value: str) -> str:
        if target is DType.I1:
            return f"({value} != 0)"
        return f"({self.type(target)})({value})"

    def native(self, function: str, dtype: DType) -> str | None:
        name = C_FUNCTIONS.get(function)
        if name is None or not dtype.is_float:
            return None
        return name + self.suffix if dtype is DType.F32 and name in _SUFFIXED else name

    def function(self, name: str, dtype: DType, result: DType, arity: int, body: str) -> str:
        operands = ", ".join(f"{self.type(dtype)} {operand}" for operand in "ab"[:arity])
        return f"{self.helpers_are} {self.type(result)} {name}({operands}) {{ return {body}; }}"

    def constant(self, name: str, value: str) -> str:
        return f"const int {name} = {value};"

    def variable(self, name: str, dtype: DType | None) -> str:
        return f"{self.type(dtype or DType.I32)} {name} = 0;"

    def load(self, buffer: str, dtype: DType, element: str) -> str:
        return f"({buffer}[{element}] != 0)" if dtype is DType.I1 else f"{buffer}[{element}]"

    def store(self, buffer: str, dtype: DType, element: str, value: str) -> str:
        return f"{buffer}[{element}] = {value};"

    def interrupted(self) -> str:
        return self.flag


def _c_float(value: float, dtype: DType) -> str:
    suffix = "f" if dtype is DType.F32 else ""
    if value != value:
        return f"(0.0{suffix} / 0.0{suffix})"
    if value in (float("inf"), float("-inf")):
        return f"({'-' if value < 0 else ''}1.0{suffix} / 0.0{suffix})"
    return f"({value.hex()}{suffix})" if value.hex().startswith("-") else f"{value.hex()}{suffix}"
