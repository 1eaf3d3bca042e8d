"""Writing LLVM IR as text: fresh names, blocks and counted loops."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exalift.base import DType

_INTEGERS = {8: "i8", 16: "i16", 32: "i32", 64: "i64"}
_FLOATS = {DType.BF16: "bfloat", DType.F16: "half", DType.F32: "float", DType.F64: "double"}


def llvm_type(dtype: DType) -> str:
    """The type in which values of an element type are computed; truth values are `i1`."""
    if dtype is DType.I1:
        return "i1"
    return _FLOATS[dtype] if dtype.is_float else _INTEGERS[dtype.bits]


def memory_type(dtype: DType) -> str:
    """The type in which an element lies in memory; truth values take a byte."""
    return "i8" if dtype is DType.I1 else llvm_type(dtype)


@dataclass(slots=True)
class Metadata:
    """Numbered metadata of a module; equal bodies are one node, `distinct` ones never."""

    lines: list[str] = field(default_factory=list[str])
    known: dict[str, str] = field(default_factory=dict[str, str])

    def node(self, body: str) -> str:
        """`body` is what stands in `!{...}`; gives the node's name, "!7"."""
        if body not in self.known:
            self.known[body] = self._add(f"!{{{body}}}")
        return self.known[body]

    def distinct(self, *operands: str) -> str:
        """A node unlike any other, with itself as the first operand (loops, scopes and domains)."""
        name = f"!{len(self.lines)}"
        return self._add(f"distinct !{{{', '.join((name, *operands))}}}")

    def _add(self, text: str) -> str:
        name = f"!{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(slots=True)
class Code:
    """The body of a function, written line by line into the current block."""

    metadata: Metadata = field(default_factory=Metadata)
    lines: list[str] = field(default_factory=list[str])
    block: str = "entry"
    names: int = 0

    def fresh(self, hint: str = "") -> str:
        self.names += 1
        return f"%{hint}.{self.names}" if hint else f"%v{self.names}"

    def label(self, hint: str) -> str:
        self.names += 1
        return f"{hint}.{self.names}"

    def emit(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def value(self, expression: str, hint: str = "") -> str:
        """A line `%new = expression`; gives the new name."""
        name = self.fresh(hint)
        self.emit(f"{name} = {expression}")
        return name

    def start(self, label: str) -> None:
        """Begin a block; the block before must have been ended."""
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.emit(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.emit(f"br i1 {condition}, label %{yes}, label %{no}")

    @contextmanager
    def when(self, condition: str) -> Generator[None]:
        """What is written inside runs where the condition holds."""
        inside, after = self.label("then"), self.label("after")
        self.branch(condition, inside, after)
        self.start(inside)
        yield
        self.jump(after)
        self.start(after)

    @contextmanager
    def loop(
        self,
        lower: str,
        upper: str,
        step: int | str = 1,
        hints: Sequence[str] = (),
        name: str = "i",
        before: Callable[[], None] | None = None,
    ) -> Generator[str]:
        """`for (i = lower; i < upper; i += step)` over i64; gives the counter. `hints` are names of
        metadata nodes ("llvm.loop.vectorize.enable" and the like) for the loop's latch. `before` writes
        what runs once, before the first iteration, where there is one."""
        head, body, after = self.label("loop"), self.label("body"), self.label("done")
        first = self.value(f"icmp slt i64 {lower}, {upper}")
        enter = self.label("enter")
        self.branch(first, enter, after)
        self.start(enter)
        if before is not None:
            before()
        entered = self.block
        self.jump(head)
        self.start(head)
        counter = self.fresh(name)
        place = len(self.lines)
        self.emit("")
        self.jump(body)
        self.start(body)
        yield counter
        following = self.value(f"add nsw i64 {counter}, {step}")
        latch = self.block
        again = self.value(f"icmp slt i64 {following}, {upper}")
        note = ""
        if hints:
            note = f", !llvm.loop {self.metadata.distinct(*hints)}"
        self.emit(f"br i1 {again}, label %{head}, label %{after}{note}")
        self.lines[place] = f"  {counter} = phi i64 [ {lower}, %{entered} ], [ {following}, %{latch} ]"
        self.start(after)

    def text(self) -> str:
        return "\n".join(self.lines)
