"""Writing LLVM IR as text: values, arithmetic on indices that folds constants, loops, conditions."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exalift.affine import Affine

Index = int | str
"""An i64: a constant, or the name of a value."""


@dataclass(slots=True)
class Loop:
    """An open loop: its counter, the carried values on entry of the body, and those of the next round."""

    index: str
    carried: list[str]
    following: list[str]
    results: list[str] = field(default_factory=list[str])


class Writer:
    """The body of one function. Names are unique within it; `block` is the label being written."""

    def __init__(self) -> None:
        self._lines: list[str] = ["entry:"]
        self._count = 0
        self.block = "entry"

    def fresh(self, hint: str = "v") -> str:
        self._count += 1
        return f"%{hint}{self._count}"

    def line(self, text: str) -> None:
        self._lines.extend(f"  {row}" for row in text.splitlines())

    def value(self, text: str, hint: str = "v") -> str:
        name = self.fresh(hint)
        self.line(f"{name} = {text}")
        return name

    def start(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self.block = label

    def text(self, header: str) -> str:
        """The whole function; `header` is what stands before the brace."""
        return "\n".join([f"{header} {{", *self._lines, "}"])

    # Arithmetic on indices. Signed, without overflow.

    def add(self, left: Index, right: Index) -> Index:
        if isinstance(left, int) and isinstance(right, int):
            return left + right
        if left == 0 or right == 0:
            return right if left == 0 else left
        return self.value(f"add nsw i64 {left}, {right}", "i")

    def multiply(self, left: Index, right: Index) -> Index:
        if isinstance(left, int) and isinstance(right, int):
            return left * right
        if left in (0, 1) or right in (0, 1):
            if 0 in (left, right):
                return 0
            return right if left == 1 else left
        return self.value(f"mul nsw i64 {left}, {right}", "i")

    def subtract(self, left: Index, right: Index) -> Index:
        if isinstance(left, int) and isinstance(right, int):
            return left - right
        return left if right == 0 else self.value(f"sub nsw i64 {left}, {right}", "i")

    def divide(self, left: Index, right: int) -> Index:
        """The quotient of a number that is not negative."""
        if isinstance(left, int):
            return left // right
        return left if right == 1 else self.value(f"udiv i64 {left}, {right}", "i")

    def remainder(self, left: Index, right: int) -> Index:
        if isinstance(left, int):
            return left % right
        return 0 if right == 1 else self.value(f"urem i64 {left}, {right}", "i")

    def minimum(self, left: Index, right: Index) -> Index:
        if isinstance(left, int) and isinstance(right, int):
            return min(left, right)
        return self.value(f"call i64 @llvm.smin.i64(i64 {left}, i64 {right})", "i")

    def maximum(self, left: Index, right: Index) -> Index:
        if isinstance(left, int) and isinstance(right, int):
            return max(left, right)
        return self.value(f"call i64 @llvm.smax.i64(i64 {left}, i64 {right})", "i")

    def affine(self, expression: Affine, values: dict[str, Index]) -> Index:
        """A linear expression at given values."""
        total: Index = expression.constant
        for atom, coefficient in expression.terms:
            assert isinstance(atom, str)
            total = self.add(total, self.multiply(values[atom], coefficient))
        return total

    def address(self, base: str, bytes_on: Index) -> str:
        """`base` advanced by a number of bytes."""
        if bytes_on == 0:
            return base
        return self.value(f"getelementptr inbounds i8, ptr {base}, i64 {bytes_on}", "p")

    @contextmanager
    def loop(
        self, start: Index, stop: Index, step: int = 1, carried: Sequence[tuple[str, str]] = ()
    ) -> Generator[Loop]:
        """`for (index = start; index < stop; index += step)`; may run not at all. `carried` are pairs of type
        and first value; the body sets `following`; afterwards `results` hold the last ones."""
        self._count += 1
        label = f"loop{self._count}"
        before = self.block
        self.line(f"br label %{label}.head")
        index = f"%{label}.i"
        phis = [f"%{label}.c{position}" for position in range(len(carried))]
        loop = Loop(index, phis, list(phis))
        self.start(f"{label}.head")
        head = len(self._lines)
        self.line(f"{index}.more = icmp slt i64 {index}, {stop}")
        self.line(f"br i1 {index}.more, label %{label}.body, label %{label}.end")
        self.start(f"{label}.body")
        yield loop
        self.line(f"{index}.next = add nsw i64 {index}, {step}")
        self.line(f"br label %{label}.head")
        rows = [f"  {index} = phi i64 [ {start}, %{before} ], [ {index}.next, %{self.block} ]"]
        for (kind, first), phi, following in zip(carried, phis, loop.following, strict=True):
            rows.append(f"  {phi} = phi {kind} [ {first}, %{before} ], [ {following}, %{self.block} ]")
        self._lines[head:head] = rows
        loop.results = phis
        self.start(f"{label}.end")

    @contextmanager
    def when(self, condition: str) -> Generator[None]:
        """The body only where an i1 holds."""
        self._count += 1
        label = f"when{self._count}"
        self.line(f"br i1 {condition}, label %{label}.then, label %{label}.end")
        self.start(f"{label}.then")
        yield
        self.line(f"br label %{label}.end")
        self.start(f"{label}.end")
