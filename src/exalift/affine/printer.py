"""Affine programs as text to read: like C, deterministic, with nothing left out.

There is no parser for it; golden files and people read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import assert_never

from exalift.base import NO_SPAN, DType, Span

from .affine_expression import Affine
from .expressions import (
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)
from .functions import FUNCTIONS, Kind
from .guards import Guard
from .ir import Array, Assign, If, Loop, Program, Role, Size, Statement

_ATOM = 100
_INFIX = {
    "multiply": ("*", 12),
    "divide": ("/", 12),
    "remainder": ("%", 12),
    "add": ("+", 11),
    "subtract": ("-", 11),
    "shift_left": ("<<", 10),
    "shift_right_arithmetic": (">>", 10),
    "shift_right_logical": (">>>", 10),
    "compare_lt": ("<", 9),
    "compare_le": ("<=", 9),
    "compare_gt": (">", 9),
    "compare_ge": (">=", 9),
    "compare_eq": ("==", 8),
    "compare_ne": ("!=", 8),
    "and": ("&", 7),
    "xor": ("^", 6),
    "or": ("|", 5),
}
_PREFIX = {"negate": "-", "not": "~"}
_PREFIX_LEVEL = 13
_SELECT_LEVEL = 3


def print_program(program: Program, *, spans: bool = False) -> str:
    """The program as text, one statement a line, ending in a newline; `spans` adds where each came from.

    A subscript or bound that is affine stands plainly in brackets or loop heads; as data it is
    `index<i32>(i + 1)`, and a condition on indices as data is `holds(i >= 0)`. Constants carry their
    type as a suffix unless it is f64. A node whose type does not follow from its operands (which the
    verifier refuses) is marked with `: type`.
    """
    arrays = {array.name: array for array in program.arrays}
    lines = [f"// assumes {sentence}" for sentence in program.assumptions]
    if not program.constraints.is_always:
        lines.append(f"// where {program.constraints}")
    sizes = {size.name: size for size in program.sizes}
    listed = [
        ("global " if name in program.globals else "")
        + (_size(sizes[name]) if name in sizes else _parameter(arrays[name], program.by_value))
        for name in program.parameters
    ]
    returned = "void" if program.returns is None else str(program.returns.dtype)
    lines.append(f"{returned} {program.name}({', '.join(listed)}) {{{_place(program.span, spans)}")
    lines += [f"  {_size(size)};" for size in program.sizes if not size.is_parameter]
    for array in program.arrays:
        if array.role is Role.LOCAL:
            lines.append(f"  {_declaration(array)};{_place(array.span, spans)}")
    lines += _statements(program.body, arrays, spans)
    if program.returns is not None:
        lines.append(f"  return {print_expression(program.returns, arrays)};")
    return "\n".join([*lines, "}", ""])


def print_expression(expression: Expression, arrays: Mapping[str, Array] | None = None) -> str:
    """An expression as text, as `print_program` writes it. `arrays` tells the loads' expected types."""
    known = arrays or {}
    done: dict[int, tuple[str, int]] = {}
    pending = [expression]
    while pending:
        node = pending[-1]
        missing = [child for child in children(node) if id(child) not in done]
        if missing:
            pending += missing
            continue
        pending.pop()
        done[id(node)] = _marked(node, [done[id(child)] for child in children(node)], known)
    return done[id(expression)][0]


def _size(size: Size) -> str:
    value = "" if size.value is None else f" = {size.value}"
    return f"size {size.dtype} {size.name}{value} (>= {size.minimum})"


def _declaration(array: Array) -> str:
    return f"{array.dtype} {array.name}{_subscripts(array.shape)}"


def _parameter(array: Array, by_value: frozenset[str]) -> str:
    if array.shape or array.name in by_value:
        return _declaration(array)
    return f"{array.dtype} &{array.name}"


def _subscripts(indices: tuple[Affine, ...]) -> str:
    return "".join(f"[{index}]" for index in indices)


def _place(span: Span, spans: bool) -> str:
    return f"  // {span}" if spans and span != NO_SPAN else ""


def _bound(function: str, expressions: tuple[Affine, ...]) -> str:
    if len(expressions) == 1:
        return str(expressions[0])
    return f"{function}({', '.join(map(str, expressions))})"


def _statements(body: tuple[Statement, ...], arrays: Mapping[str, Array], spans: bool) -> list[str]:
    lines: list[str] = []
    pending: list[tuple[Statement | str, int]] = [(statement, 1) for statement in reversed(body)]
    while pending:
        item, depth = pending.pop()
        margin = "  " * depth
        if isinstance(item, str):
            lines.append(f"{margin}{item}")
            continue
        place = _place(item.span, spans)
        match item:
            case Assign(array, indices, value):
                right = print_expression(value, arrays)
                lines.append(f"{margin}{array}{_subscripts(indices)} = {right};{place}")
            case Loop(iv, lower, upper, inner):
                head = f"{iv} = {_bound('max', lower)}; {iv} < {_bound('min', upper)}; {iv}++"
                lines.append(f"{margin}for ({head}) {{{place}")
                pending.append(("}", depth))
                pending += [(child, depth + 1) for child in reversed(inner)]
            case If(guard, then, otherwise):
                lines.append(f"{margin}if ({guard}) {{{place}")
                pending.append(("}", depth))
                if otherwise:
                    pending += [(child, depth + 1) for child in reversed(otherwise)]
                    pending.append(("} else {", depth))
                pending += [(child, depth + 1) for child in reversed(then)]
            case _:
                assert_never(item)
    return lines


def _marked(
    node: Expression, operands: list[tuple[str, int]], arrays: Mapping[str, Array]
) -> tuple[str, int]:
    text, level = _node(node, operands)
    if node.dtype is _expected(node, arrays):
        return text, level
    return f"({_within((text, level), 1)} : {node.dtype})", _ATOM


def _expected(node: Expression, arrays: Mapping[str, Array]) -> DType:
    """The type that a reader would assume from the text of the node."""
    match node:
        case Load(array, dtype=dtype):
            return arrays[array].dtype if array in arrays else dtype
        case Apply(function, operands):
            return DType.I1 if FUNCTIONS[function].kind is Kind.COMPARISON else operands[-1].dtype
        case GuardValue():
            return DType.I1
        case Reduce(body=body):
            return body.dtype
        case Constant(dtype=dtype) | IndexValue(dtype=dtype) | Cast(dtype=dtype):
            return dtype
        case _:
            assert_never(node)


def _within(operand: tuple[str, int], level: int) -> str:
    """An operand's text, in parentheses unless it binds at least as tightly as `level`."""
    text, own = operand
    return text if own >= level else f"({text})"


def _node(node: Expression, operands: list[tuple[str, int]]) -> tuple[str, int]:
    """The text of a node and how tightly it binds."""
    match node:
        case Constant(value, dtype):
            # Not an atom, so that -(1.0), a negation, is told from the literal -1.0.
            return _constant(value, dtype), _PREFIX_LEVEL
        case IndexValue(index, dtype):
            return f"index<{dtype}>({index})", _ATOM
        case GuardValue(guard):
            return f"holds({guard})", _ATOM
        case Load(array, indices):
            return f"{array}{_subscripts(indices)}", _ATOM
        case Cast(dtype=dtype):
            return f"cast<{dtype}>({operands[0][0]})", _ATOM
        case Reduce(function, axes, guard=guard):
            return f"{function}[{_axes(axes, guard)}]({operands[0][0]})", _ATOM
        case Apply(function):
            return _apply(function, operands)
        case _:
            assert_never(node)


def _apply(function: str, operands: list[tuple[str, int]]) -> tuple[str, int]:
    if function in _INFIX:
        symbol, level = _INFIX[function]
        left, right = operands
        # An equal level on the right keeps its parentheses: floating point does not reassociate.
        return f"{_within(left, level)} {symbol} {_within(right, level + 1)}", level
    if function in _PREFIX:
        return f"{_PREFIX[function]}{_within(operands[0], _PREFIX_LEVEL + 1)}", _PREFIX_LEVEL
    if function == "select":
        condition, then, otherwise = (_within(operand, _SELECT_LEVEL + 1) for operand in operands)
        return f"{condition} ? {then} : {otherwise}", _SELECT_LEVEL
    return f"{function}({', '.join(text for text, _ in operands)})", _ATOM


def _axes(axes: tuple[Axis, ...], guard: Guard) -> str:
    text = ", ".join(f"{axis.name} < {axis.extent}" for axis in axes)
    return text if guard.is_always else f"{text} if {guard}"


def _constant(value: int | bool | float | Fraction, dtype: DType) -> str:
    if dtype is DType.I1:
        return "true" if value else "false"
    if not dtype.is_float:
        return f"{value}{dtype}"
    if isinstance(value, Fraction | int):
        exact = _as_double(Fraction(value))
        text = f"({Fraction(value)})" if exact is None else repr(exact)
    else:
        text = repr(float(value))
    return text if dtype is DType.F64 else f"{text}{dtype}"


def _as_double(value: Fraction) -> float | None:
    """The double of exactly this value, or None where there is none."""
    try:
        nearest = float(value)
    except OverflowError:
        return None
    return nearest if Fraction(nearest) == value else None
