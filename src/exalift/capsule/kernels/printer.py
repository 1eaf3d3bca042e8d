"""Kernels as text; what is printed reads back equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from exalift.base import DType

from .functions import INFIX
from .index import Index
from .ir import (
    Apply,
    Assign,
    Constraint,
    Convert,
    Declare,
    Expression,
    For,
    Holds,
    If,
    IndexValue,
    Kernel,
    Literal,
    Load,
    Loop,
    Module,
    Nest,
    Range,
    Register,
    Statement,
    Step,
    Store,
    Yield,
    children,
)
from .parser import LEVELS, VERSION


def print_module(module: Module) -> str:
    """The text of a module, deterministic."""
    rows = [f"kernels {VERSION}"]
    for kernel in module.kernels:
        rows += ["", *_kernel(kernel)]
    return "\n".join(rows) + "\n"


def _kernel(kernel: Kernel) -> list[str]:
    rows = [f"kernel {kernel.name} {{"]
    rows += [f"  param {p.name} = {p.lower} to {p.upper}" for p in kernel.parameters]
    for buffer in kernel.buffers:
        shape = ", ".join(map(str, buffer.shape))
        rows.append(f"  {buffer.role.value} {buffer.name}: {buffer.dtype}[{shape}]")
    pending: list[tuple[Step | Statement | str, int]] = [("}", 0)]
    pending += [(step, 1) for step in reversed(kernel.body)]
    while pending:
        item, depth = pending.pop()
        margin = "  " * depth
        rows.append(margin + (item if isinstance(item, str) else _head(item)))
        if isinstance(item, Nest | Loop | For | If):
            pending.append(("}", depth))
            pending += [(inner, depth + 1) for inner in reversed(item.body)]
    return rows


def _head(item: Step | Statement) -> str:
    match item:
        case Yield():
            return "yield"
        case Nest(axes=axes):
            return f"parallel ({', '.join(_range(axis) for axis in axes)}) {{"
        case Loop(range=range) | For(range=range):
            return f"for {_range(range)} {{"
        case If(constraints=constraints):
            return f"if ({_constraints(constraints)}) {{"
        case Declare(name, dtype, value):
            return f"var {name}: {dtype} = {print_expression(value)}"
        case Assign(name, value):
            return f"{name} = {print_expression(value)}"
        case Store(buffer, indices, value):
            return f"{buffer}[{_list(indices)}] = {print_expression(value)}"
        case _:
            assert_never(item)


def _range(range: Range) -> str:
    return f"{range.name} = {_bound('max', range.lower)} to {_bound('min', range.upper)}"


def _bound(combiner: str, bounds: Sequence[Index]) -> str:
    return str(bounds[0]) if len(bounds) == 1 else f"{combiner}({_list(bounds)})"


def _list(indices: Sequence[Index]) -> str:
    return ", ".join(map(str, indices))


def _constraints(constraints: Sequence[Constraint]) -> str:
    return ", ".join(f"{c.index} {'==' if c.equality else '>='} 0" for c in constraints)


def print_literal(literal: Literal) -> str:
    """A literal with its type; floating-point numbers so that they read back exactly."""
    value, dtype = literal.value, literal.dtype
    if dtype is DType.I1:
        return "true" if value else "false"
    if not dtype.is_float:
        return f"{int(value)}:{dtype}"
    number = float(value)
    if math.isnan(number):
        return f"nan:{dtype}"
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    return f"{sign}{'inf' if math.isinf(number) else repr(abs(number))}:{dtype}"


def print_expression(expression: Expression) -> str:
    """The text of an expression; iterative, since sums may be long."""
    texts: dict[int, str] = {}
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        here, expanded = stack.pop()
        below = children(here)
        if below and not expanded:
            stack.append((here, True))
            stack += [(child, False) for child in below]
        else:
            texts[id(here)] = _one(here, [texts[id(child)] for child in below])
    return texts[id(expression)]


def _one(expression: Expression, below: Sequence[str]) -> str:
    match expression:
        case Literal():
            return print_literal(expression)
        case Register(name):
            return name
        case IndexValue(index, dtype):
            return f"index({index}, {dtype})"
        case Holds(constraints):
            return f"holds({_constraints(constraints)})"
        case Load(buffer, indices, _, checked):
            return f"{buffer}{'?' if checked else ''}[{_list(indices)}]"
        case Convert(_, dtype):
            return f"convert({below[0]}, {dtype})"
        case Apply(function, operands):
            if function not in INFIX:
                return f"{function}({', '.join(below)})"
            left, right = below
            level = _level(expression)
            # One level binds from the left; comparisons are never written in a row.
            if _level(operands[0]) < max(level, 1):
                left = f"({left})"
            if _level(operands[1]) <= level:
                right = f"({right})"
            return f"{left} {INFIX[function]} {right}"
        case _:
            assert_never(expression)


def _level(expression: Expression) -> int:
    """How tightly an expression binds: what is not infix, tightest."""
    if not isinstance(expression, Apply) or expression.function not in INFIX:
        return len(LEVELS)
    symbol = INFIX[expression.function]
    return next(level for level, symbols in enumerate(LEVELS) if symbol in symbols)
