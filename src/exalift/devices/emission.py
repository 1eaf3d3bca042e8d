"""Nests of kernels written down in a language: what one work-item does, resumable at its yield points.

A work-item that resumes runs the same text as one that begins. `xl_point` is the yield at which it stands,
0 when it is running: what comes before that yield is skipped, loops around it go on from their saved
variables, and at the yield the point becomes 0. So the text needs no jumps, which WGSL has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import assert_never

from exalift.base import DeviceError, DType
from exalift.capsule.kernels import (
    POINT_DONE,
    Apply,
    Assign,
    Buffer,
    Constraint,
    Convert,
    Declare,
    Expression,
    For,
    Frame,
    Holds,
    If,
    Index,
    IndexValue,
    Kernel,
    Launch,
    Literal,
    Load,
    PlacedNest,
    Quotient,
    Register,
    Statement,
    Store,
    Yield,
    children,
    points_of,
    statements_of,
    subexpressions,
)

from .definitions import define, function_name
from .language import Language

_WIDE = 16
_MOST_ALONG = 1 << 20
"""With few points on its last axis, and not too many altogether, a nest is laid out along one dimension."""


@dataclass(frozen=True, slots=True)
class NestText:
    """One nest in a language.

    buffers: what it touches, in the order in which the device binds them, frames last.
    integers: names of the 32-bit integers that it takes, in order; `integers_of` gives their values.
    wide: how many of the last axes make up dimension 0 of the launch; the others make up dimension 1.
    body: statements of one work-item, at `xl_x` and `xl_y` in the launch; `return` ends it.
    written: the names of the buffers that it may write.
    """

    placed: PlacedNest
    buffers: tuple[Buffer, ...]
    written: frozenset[str]
    integers: tuple[str, ...]
    wide: int
    body: str

    def integers_of(self, launch: Launch) -> tuple[int, ...]:
        values = [launch.variables[name] for name in self.placed.scope.names]
        return (
            *values,
            *launch.origin,
            *launch.extents,
            *((int(launch.fresh), launch.stop) if self.frame else ()),
        )

    @property
    def wide_extent(self) -> str:
        """The launch's extent along dimension 0, as an expression."""
        rank = len(self.placed.nest.axes)
        return " * ".join(f"xl_e{position}" for position in range(rank - self.wide, rank)) or "1"

    def size(self, launch: Launch) -> tuple[int, int]:
        """The launch's extents along dimensions 0 and 1."""
        sizes = [1, 1]
        for position, extent in enumerate(launch.extents):
            sizes[0 if position >= len(launch.extents) - self.wide else 1] *= extent
        return sizes[0], sizes[1]

    @property
    def frame(self) -> Frame | None:
        return self.placed.frame


@dataclass(frozen=True, slots=True)
class KernelText:
    """A kernel in a language: functions that the nests call, then the nests."""

    prelude: str
    nests: tuple[NestText, ...]


def emit_kernel(kernel: Kernel, nests: Sequence[PlacedNest], language: Language) -> KernelText:
    """Raises DeviceError for a type or a function that the language does not have, by name."""
    used: dict[tuple[str, DType], None] = {}
    texts = tuple(_Emission(kernel, placed, language, used).nest() for placed in nests)
    rows = [language.function("xl_floor", DType.I32, DType.I32, 2, _floor(language))]
    for function, dtype in used:
        text = define(function, dtype, language)
        if text is None:
            raise DeviceError(f"{kernel.name}: {language.name} has no {function} of {dtype}")
        rows.append(text)
    return KernelText("\n".join(rows), texts)


def _floor(language: Language) -> str:
    return language.choose("a >= 0", "a / b", "-((b - 1 - a) / b)")


def buffers_of(kernel: Kernel, placed: PlacedNest) -> tuple[tuple[Buffer, ...], frozenset[str]]:
    """The buffers that a nest touches, in the kernel's order, and the names of those that it writes."""
    read: set[str] = set()
    written: set[str] = set()
    for statement in statements_of(placed.nest.body):
        if isinstance(statement, Store):
            written.add(statement.buffer)
        if isinstance(statement, Store | Declare | Assign):
            loads = (e for e in subexpressions(statement.value) if isinstance(e, Load))
            read |= {load.buffer for load in loads}
    touched = tuple(buffer for buffer in kernel.buffers if buffer.name in read | written)
    frame = placed.frame.buffers if placed.frame else ()
    return (*touched, *frame), frozenset(written) | {buffer.name for buffer in frame}


@dataclass(slots=True)
class _Emission:
    kernel: Kernel
    placed: PlacedNest
    language: Language
    used: dict[tuple[str, DType], None]
    rows: list[str] = field(default_factory=list[str])

    def nest(self) -> NestText:
        placed, language = self.placed, self.language
        buffers, written = buffers_of(self.kernel, placed)
        for buffer in buffers:
            self._check(buffer.dtype, buffer.name)
        extents = placed.extents
        wide = 1 if extents and (extents[-1] >= _WIDE or prod(extents) > _MOST_ALONG) else len(extents)
        names = [local(name) for name in placed.scope.names]
        axes = range(len(placed.nest.axes))
        integers = (*names, *(f"xl_o{d}" for d in axes), *(f"xl_e{d}" for d in axes))
        if placed.frame is not None:
            integers = (*integers, "xl_fresh", "xl_stop")
        self._axes(wide)
        self._variables()
        if placed.frame is not None:
            self._restore(placed.frame)
        self._block(placed.nest.body, 0, 0)
        if placed.frame is not None:
            self._row(
                0, language.store(local(placed.frame.point.name), DType.I32, "xl_item", str(POINT_DONE))
            )
        return NestText(placed, buffers, written, integers, wide, "\n".join(self.rows))

    def _check(self, dtype: DType, what: str) -> None:
        reason = self.language.refuses(dtype)
        if reason:
            raise DeviceError(f"{self.kernel.name}: {what} is of type {dtype}, and {reason}")

    def _row(self, depth: int, text: str) -> None:
        self.rows.append("  " * (depth + 1) + text)

    def _axes(self, wide: int) -> None:
        """The axes' values from the place in the launch, the last one fastest."""
        axes = self.placed.nest.axes
        first = len(axes) - wide
        for group, place in ((range(first, len(axes)), "xl_x"), (range(first), "xl_y")):
            rest = place
            for position in reversed(group):
                last = position == group[0]
                part = rest if last else f"({rest}) % xl_e{position}"
                self._row(0, self.language.constant(local(axes[position].name), f"xl_o{position} + {part}"))
                rest = f"({rest}) / xl_e{position}"

    def _variables(self) -> None:
        seen: dict[str, DType | None] = {}
        for statement in statements_of(self.placed.nest.body):
            match statement:
                case Declare(name, dtype):
                    self._check(dtype, name)
                    seen[name] = dtype
                case For(range):
                    seen[range.name] = None
                case _:
                    pass
        for name, dtype in seen.items():
            self._row(0, self.language.variable(local(name), dtype))

    def _restore(self, frame: Frame) -> None:
        language = self.language
        item = "0"
        for position, extent in enumerate(frame.extents):
            name = local(self.placed.nest.axes[position].name)
            item = f"({item}) * {extent} + ({name} - xl_o{position})"
        self._row(0, language.constant("xl_item", item))
        self._row(0, language.variable("xl_point", None))
        self._row(0, language.variable("xl_passed", None))
        self._row(0, "if (xl_fresh == 0) {")
        self._row(1, f"xl_point = {language.load(local(frame.point.name), DType.I32, 'xl_item')};")
        self._row(1, f"xl_passed = {language.load(local(frame.passed.name), DType.I32, 'xl_item')};")
        self._row(1, f"if (xl_point == {POINT_DONE} || xl_passed >= xl_stop) {{ return; }}")
        for saved in frame.saved:
            value = language.load(local(saved.buffer.name), saved.buffer.dtype, "xl_item")
            self._row(1, f"{local(saved.name)} = {value};")
        self._row(0, "}")

    # Statements; the recursion is over the nesting, which the parser bounds.

    def _block(self, body: tuple[Statement, ...], before: int, depth: int) -> None:
        """`before` yields of the nest stand in front of the body. What stands before its own last yield is
        skipped while the work-item is on its way to the yield at which it stopped."""
        total = points_of(body)
        here = before
        for statement in body:
            inside = points_of((statement,))
            if isinstance(statement, Yield):
                self._yield(here + 1, depth)
            elif inside:
                assert isinstance(statement, For)
                self._row(
                    depth, f"if (xl_point == 0 || (xl_point > {here} && xl_point <= {here + inside})) {{"
                )
                self._loop(statement, here, depth + 1)
                self._row(depth, "}")
            elif here < before + total:
                self._row(depth, "if (xl_point == 0) {")
                self._statement(statement, depth + 1)
                self._row(depth, "}")
            else:
                self._statement(statement, depth)
            here += inside

    def _yield(self, number: int, depth: int) -> None:
        frame = self.placed.frame
        assert frame is not None
        language = self.language
        stops = "xl_passed >= xl_stop"
        if language.interrupted():
            stops = f"{stops} || {language.interrupted()}"
        self._row(depth, f"if (xl_point == {number}) {{ xl_point = 0; }} else {{")
        self._row(depth + 1, "xl_passed = xl_passed + 1;")
        self._row(depth + 1, f"if ({stops}) {{")
        for buffer, value in ((frame.point, str(number)), (frame.passed, "xl_passed")):
            self._row(depth + 2, language.store(local(buffer.name), DType.I32, "xl_item", value))
        for saved in frame.saved:
            name, dtype = local(saved.buffer.name), saved.buffer.dtype
            self._row(depth + 2, language.store(name, dtype, "xl_item", local(saved.name)))
        self._row(depth + 2, "return;")
        self._row(depth + 1, "}")
        self._row(depth, "}")

    def _statement(self, statement: Statement, depth: int) -> None:
        match statement:
            case Declare(name, _, value) | Assign(name, value):
                self._row(depth, f"{local(name)} = {self.value(value)};")
            case Store(name, indices, value):
                buffer = self.kernel.buffer(name)
                element = self._element(buffer, indices)
                self._row(depth, self.language.store(local(name), buffer.dtype, element, self.value(value)))
            case If(constraints, body):
                self._row(depth, f"if ({self._holds(constraints)}) {{")
                for inner in body:
                    self._statement(inner, depth + 1)
                self._row(depth, "}")
            case For():
                self._loop(statement, 0, depth)
            case Yield():
                raise AssertionError("yields are written by their blocks")
            case _:
                assert_never(statement)

    def _loop(self, loop: For, before: int, depth: int) -> None:
        name = local(loop.range.name)
        low = self._bound(loop.range.lower, ">")
        high = self._bound(loop.range.upper, "<")
        resumes = points_of(loop.body) > 0
        start = self.language.choose("xl_point == 0", low, name) if resumes else low
        self._row(depth, f"for ({name} = {start}; {name} < {high}; {name} = {name} + 1) {{")
        if resumes:
            self._block(loop.body, before, depth + 1)
        else:
            for statement in loop.body:
                self._statement(statement, depth + 1)
        self._row(depth, "}")

    def _bound(self, bounds: Sequence[Index], comparison: str) -> str:
        texts = [index_text(bound) for bound in bounds]
        result = texts[0]
        for text in texts[1:]:
            result = self.language.choose(f"({result}) {comparison} ({text})", f"({result})", f"({text})")
        return result

    def _holds(self, constraints: Sequence[Constraint]) -> str:
        texts = [f"({index_text(c.index)} {'==' if c.equality else '>='} 0)" for c in constraints]
        return " && ".join(texts) or "true"

    # Expressions.

    def _element(self, buffer: Buffer, indices: Sequence[Index]) -> str:
        """The place of an element in row-major order."""
        place = Index()
        stride = 1
        for index, extent in zip(reversed(indices), reversed(buffer.shape), strict=True):
            place = place + index * stride
            stride *= extent
        return index_text(place)

    def value(self, root: Expression) -> str:
        """The text of an expression; iterative."""
        texts: dict[int, str] = {}
        stack: list[tuple[Expression, bool]] = [(root, False)]
        while stack:
            here, expanded = stack.pop()
            below = children(here)
            if below and not expanded:
                stack.append((here, True))
                stack += [(child, False) for child in below]
            else:
                texts[id(here)] = self._one(here, [texts[id(child)] for child in below])
        return texts[id(root)]

    def _one(self, expression: Expression, below: list[str]) -> str:
        language = self.language
        self._check(expression.dtype, "a value")
        match expression:
            case Literal():
                return language.literal(expression)
            case Register(name):
                return local(name)
            case IndexValue(index, dtype):
                return language.convert(DType.I32, dtype, index_text(index))
            case Holds(constraints):
                return f"({self._holds(constraints)})"
            case Load():
                return self._load(expression)
            case Convert(operand, dtype):
                return language.convert(operand.dtype, dtype, below[0])
            case Apply("select"):
                return language.choose(*below)
            case Apply(function, operands):
                dtype = operands[0].dtype
                if dtype.is_float and function in ("add", "subtract", "multiply", "divide"):
                    symbol = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[function]
                    return f"({below[0]} {symbol} {below[1]})"
                self.used[(function, dtype)] = None
                return f"{function_name(function, dtype)}({', '.join(below)})"
            case _:
                assert_never(expression)

    def _load(self, load: Load) -> str:
        language = self.language
        buffer = self.kernel.buffer(load.buffer)
        element = self._element(buffer, load.indices)
        if not load.checked:
            return language.load(local(load.buffer), load.dtype, element)
        zero = language.literal(Literal(False if load.dtype is DType.I1 else 0, load.dtype))
        if not buffer.elements:
            return zero
        pairs = zip(load.indices, buffer.shape, strict=True)
        inside = self._holds([Constraint(c) for i, e in pairs for c in (i, -i + (e - 1))])
        # The place is one of the buffer's whether or not both choices are computed.
        safe = language.choose(inside, element, "0")
        return language.choose(inside, language.load(local(load.buffer), load.dtype, safe), zero)


def local(name: str) -> str:
    """A name of the kernel as one of the language, apart from all others; those of frames have a dot."""
    return f"w_{name.replace('.', '_')}" if "." in name else f"v_{name}"


def index_text(index: Index) -> str:
    """An affine expression; its floor divisions call `xl_floor`. The recursion is over those."""
    text = ""
    for atom, coefficient in index.terms:
        match atom:
            case str():
                piece = local(atom)
            case Quotient(numerator, denominator):
                piece = f"xl_floor({index_text(numerator)}, {denominator})"
        text += f"{' + ' if text else ''}{piece if coefficient == 1 else f'({coefficient}) * {piece}'}"
    if index.constant or not text:
        text += f" + {index.constant}" if text and index.constant >= 0 else ""
        if index.constant < 0 or not text:
            text += f" - {-index.constant}" if text else str(index.constant)
    return f"({text})" if index.terms else text
