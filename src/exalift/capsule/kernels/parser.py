"""The text form of kernels, read. docs/kernels.md has its grammar."""

from __future__ import annotations

import math

from exalift.base import DType, Span

from .cursor import KEYWORDS, TokenReader
from .functions import FUNCTIONS, INFIX
from .ir import (
    Apply,
    Assign,
    Buffer,
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
    Parameter,
    Range,
    Register,
    Role,
    Statement,
    Step,
    Store,
    Yield,
)
from .lexer import TokenKind, refuse

VERSION = 1
"""The version of the text form; a text of another one is refused."""

MOST_BUFFERS = 256
MOST_STATEMENTS = 20_000

LEVELS = (("<", "<=", ">", ">=", "==", "!="), ("+", "-"), ("*", "/", "%"))
"""Infix symbols, those that bind weakest first; of one level, from the left."""

_FUNCTION_OF = {symbol: name for name, symbol in INFIX.items()}


def parse_module(text: str, file: str = "<kernels>") -> Module:
    """Read a text: `kernels 1`, then kernels.

    Raises RefusedError, with the place, for a text of another version or form, and for one that is too
    long or nested too deep. Types of names are resolved here; `verify_module` checks all the rest.
    """
    reader = TokenReader(text, file)
    reader.expect("kernels")
    span = reader.token.span
    version = reader.integer()
    if version != VERSION:
        raise refuse(f"version {version} of the text form is not known; this reads version {VERSION}", span)
    kernels: dict[str, Kernel] = {}
    while reader.token.kind is not TokenKind.END:
        span = reader.following.span
        kernel = _KernelParser(reader).kernel()
        if kernel.name in kernels:
            raise refuse(f"a second kernel {kernel.name!r}", span)
        kernels[kernel.name] = kernel
    return Module(tuple(kernels.values()))


class _KernelParser:
    """Reads one kernel; it knows the types of the buffers and of the registers in sight."""

    def __init__(self, reader: TokenReader) -> None:
        self.reader = reader
        self.buffers: dict[str, Buffer] = {}
        self.registers: dict[str, DType] = {}
        self.count = 0

    def kernel(self) -> Kernel:
        reader = self.reader
        reader.expect("kernel")
        name = reader.name("a kernel").text
        reader.expect("{")
        parameters: dict[str, Parameter] = {}
        while reader.is_at("param"):
            parameter = self._parameter()
            if parameter.name in parameters:
                raise refuse(f"a second parameter {parameter.name!r}", parameter.span)
            parameters[parameter.name] = parameter
        while reader.token.text in {role.value for role in Role}:
            self._buffer()
        body = self._steps()
        return Kernel(name, tuple(parameters.values()), tuple(self.buffers.values()), body)

    def _parameter(self) -> Parameter:
        reader = self.reader
        reader.expect("param")
        token = reader.name("a parameter")
        reader.expect("=")
        lower = reader.integer()
        reader.expect("to")
        return Parameter(token.text, lower, reader.integer(), token.span)

    def _buffer(self) -> None:
        reader = self.reader
        role = Role(reader.take().text)
        token = reader.name("a buffer")
        reader.expect(":")
        dtype = reader.dtype()
        reader.expect("[")
        shape: list[int] = []
        while not reader.accept("]"):
            if shape:
                reader.expect(",")
            shape.append(reader.integer())
        if token.text in self.buffers:
            raise refuse(f"a second buffer {token.text!r}", token.span)
        if len(self.buffers) >= MOST_BUFFERS:
            raise refuse(f"more than {MOST_BUFFERS} buffers", token.span)
        self.buffers[token.text] = Buffer(token.text, dtype, tuple(shape), role, token.span)

    # Steps and statements. The recursion is over the nesting, which the reader bounds.

    def _counted(self) -> Span:
        self.count += 1
        if self.count > MOST_STATEMENTS:
            raise refuse(f"more than {MOST_STATEMENTS} statements", self.reader.token.span)
        return self.reader.token.span

    def _steps(self) -> tuple[Step, ...]:
        reader = self.reader
        reader.enter()
        steps: list[Step] = []
        while not reader.accept("}"):
            span = self._counted()
            if reader.accept("yield"):
                steps.append(Yield(span))
            elif reader.accept("for"):
                loop = self._range()
                reader.expect("{")
                steps.append(Loop(loop, self._steps(), span))
            elif reader.accept("parallel"):
                steps.append(self._nest(span))
            else:
                raise refuse(f"expected 'parallel', 'for' or 'yield', found {reader.token}", span)
        reader.depth -= 1
        return tuple(steps)

    def _nest(self, span: Span) -> Nest:
        reader = self.reader
        reader.expect("(")
        axes: list[Range] = []
        while not reader.accept(")"):
            if axes:
                reader.expect(",")
            axes.append(self._range())
        reader.expect("{")
        self.registers = {}
        return Nest(tuple(axes), self._statements(), span)

    def _range(self) -> Range:
        reader = self.reader
        name = reader.name("a loop variable").text
        reader.expect("=")
        lower = reader.bound("max")
        reader.expect("to")
        return Range(name, lower, reader.bound("min"))

    def _statements(self) -> tuple[Statement, ...]:
        reader = self.reader
        reader.enter()
        outer = dict(self.registers)
        body: list[Statement] = []
        while not reader.accept("}"):
            body.append(self._statement(self._counted()))
        self.registers = outer
        reader.depth -= 1
        return tuple(body)

    def _statement(self, span: Span) -> Statement:
        reader = self.reader
        if reader.accept("yield"):
            return Yield(span)
        if reader.accept("for"):
            loop = self._range()
            reader.expect("{")
            return For(loop, self._statements(), span)
        if reader.accept("if"):
            reader.expect("(")
            constraints = reader.constraints(")")
            reader.expect("{")
            return If(constraints, self._statements(), span)
        if reader.accept("var"):
            return self._declaration(span)
        token = reader.name("a register or a buffer")
        if token.text in self.buffers:
            reader.expect("[")
            indices = reader.indices("]")
            reader.expect("=")
            return Store(token.text, indices, self.expression(), token.span)
        if token.text not in self.registers:
            raise refuse(f"there is no register and no buffer {token.text!r}", token.span)
        reader.expect("=")
        return Assign(token.text, self.expression(), token.span)

    def _declaration(self, span: Span) -> Declare:
        reader = self.reader
        token = reader.name("a register")
        reader.expect(":")
        dtype = reader.dtype()
        reader.expect("=")
        value = self.expression()
        self.registers[token.text] = dtype
        return Declare(token.text, dtype, value, token.span)

    # Expressions.

    def expression(self, level: int = 0) -> Expression:
        reader = self.reader
        if level == len(LEVELS):
            return self._primary()
        left = self.expression(level + 1)
        while reader.token.kind is TokenKind.SYMBOL and reader.token.text in LEVELS[level]:
            token = reader.take()
            right = self.expression(level + 1)
            function = _FUNCTION_OF[token.text]
            dtype = DType.I1 if FUNCTIONS[function].compares else left.dtype
            left = Apply(function, (left, right), dtype, token.span)
        return left

    def _primary(self) -> Expression:
        reader = self.reader
        token = reader.token
        reader.enter()
        try:
            if reader.accept("("):
                inner = self.expression()
                reader.expect(")")
                return inner
            if token.kind is TokenKind.NUMBER or token.text in ("-", "inf", "nan"):
                return self._literal()
            if token.text in ("true", "false"):
                return Literal(reader.take().text == "true", DType.I1)
            if token.kind is not TokenKind.NAME:
                raise refuse(f"expected an expression, found {token}", token.span)
            if reader.following.text == "(":
                return self._call()
            return self._named()
        finally:
            reader.depth -= 1

    def _named(self) -> Expression:
        reader = self.reader
        token = reader.take()
        if token.text in self.registers and token.text not in self.buffers:
            return Register(token.text, self.registers[token.text])
        if token.text not in self.buffers:
            raise refuse(
                f"there is no register and no buffer {token.text!r}",
                token.span,
                "a loop variable is used as data by index(...)" if token.text not in KEYWORDS else "",
            )
        checked = reader.accept("?")
        reader.expect("[")
        buffer = self.buffers[token.text]
        return Load(token.text, reader.indices("]"), buffer.dtype, checked, token.span)

    def _literal(self) -> Literal:
        reader = self.reader
        start = reader.token.span
        sign = -1 if reader.accept("-") else 1
        token = reader.take()
        if token.kind is not TokenKind.NUMBER and token.text not in ("inf", "nan"):
            raise refuse(f"expected a number, found {token}", token.span)
        reader.expect(":")
        dtype = reader.dtype()
        if dtype.is_float:
            return Literal(math.copysign(float(token.text), sign), dtype)
        if not token.text.isdigit():
            raise refuse(f"{token} is not of type {dtype}", token.span)
        value = sign * int(token.text)
        low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
        if dtype is DType.I1 or not low <= value < low + (1 << dtype.bits):
            raise refuse(f"{value} is not of type {dtype}", start.through(token.span))
        return Literal(value, dtype)

    def _call(self) -> Expression:
        reader = self.reader
        token = reader.take()
        reader.expect("(")
        match token.text:
            case "index":
                index = reader.index()
                reader.expect(",")
                made: Expression = IndexValue(index, reader.dtype())
            case "convert":
                operand = self.expression()
                reader.expect(",")
                made = Convert(operand, reader.dtype())
            case "holds":
                constraints: tuple[Constraint, ...] = reader.constraints(")")
                return Holds(constraints)
            case _:
                return self._function(token.text, token.span)
        reader.expect(")")
        return made

    def _function(self, name: str, span: Span) -> Expression:
        reader = self.reader
        function = FUNCTIONS.get(name)
        if function is None:
            raise refuse(f"there is no function {name!r}", span)
        operands: list[Expression] = []
        while not reader.accept(")"):
            if operands:
                reader.expect(",")
            operands.append(self.expression())
        if len(operands) != function.arity:
            raise refuse(f"{name} takes {function.arity} operands, got {len(operands)}", span)
        dtype = DType.I1 if function.compares else operands[-1].dtype
        return Apply(name, tuple(operands), dtype, span)
