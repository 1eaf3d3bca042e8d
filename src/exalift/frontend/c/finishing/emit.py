"""Normalised statements as affine IR: names, subscripts, loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Cast,
    Constant,
    Expression,
    Guard,
    GuardValue,
    If,
    IndexValue,
    Load,
    Loop,
    Statement,
)
from exalift.base import DType, Span

from ..terms import (
    BoundedLoop,
    Converted,
    Draft,
    Fetch,
    Fill,
    Guarded,
    Integer,
    Memory,
    NormalStatement,
    Operation,
    Store,
    Truth,
)
from .shapes import Shapes


@dataclass
class Emitter:
    """Writes the IR. `taken` are names in use; memories get theirs when first asked for."""

    shapes: Shapes
    taken: set[str]
    names: dict[Memory, str] = field(default_factory=dict[Memory, str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def name(self, memory: Memory) -> str:
        known = self.names.get(memory)
        if known is None:
            known = self.unique(memory.name)
            self.names[memory] = known
        return known

    def unique(self, wanted: str) -> str:
        """The name, or one like it that is not in use; it is in use from then on."""
        name = wanted
        while name in self.taken:
            self.counts[wanted] += 1
            name = f"{wanted}_{self.counts[wanted]}"
        self.taken.add(name)
        return name

    def array(self, memory: Memory) -> Array:
        return Array(self.name(memory), memory.dtype, self.shapes.extents[memory], memory.role, memory.span)

    def block(self, body: tuple[NormalStatement, ...], counters: Mapping[str, str]) -> tuple[Statement, ...]:
        """Statements; `counters` names the loops around. Recursion goes down the loop nest."""
        done: list[Statement] = []
        for statement in body:
            match statement:
                case Store(access, value, span):
                    indices = self._indices(self.shapes.subscripts[id(access)], counters)
                    right = self.expression(value, counters)
                    done.append(Assign(self.name(access.memory), indices, right, span))
                case BoundedLoop(iv, wanted, lower, upper, inner, span):
                    name = self._counter(wanted, counters)
                    starts, ends = self._indices(lower, counters), self._indices(upper, counters)
                    done.append(Loop(name, starts, ends, self.block(inner, {**counters, iv: name}), span))
                case Guarded(guard, then, otherwise, span):
                    done.append(self._if(guard, then, otherwise, counters, span))
                case Fill(memory, span):
                    done.append(self._fill(memory, counters, span))
                case _:
                    assert_never(statement)
        return tuple(done)

    def _if(
        self,
        guard: Guard,
        then: tuple[NormalStatement, ...],
        otherwise: tuple[NormalStatement, ...],
        counters: Mapping[str, str],
        span: Span,
    ) -> If:
        condition = _renamed_guard(guard, counters)
        first, second = self.block(then, counters), self.block(otherwise, counters)
        if not first:
            return If(~condition, second, (), span)
        return If(condition, first, second, span)

    def _counter(self, wanted: str, counters: Mapping[str, str]) -> str:
        """A name for a loop; loops side by side may share one."""
        name, number = wanted, 1
        while name in self.taken or name in counters.values():
            name, number = f"{wanted}_{number}", number + 1
        return name

    def _fill(self, memory: Memory, counters: Mapping[str, str], span: Span) -> Statement:
        extents = self.shapes.extents[memory]
        names: list[str] = []
        for _ in extents:
            names.append(self._counter("e", {**counters, **{name: name for name in names}}))
        zero = Constant(False if memory.dtype is DType.I1 else 0, memory.dtype)
        indices = tuple(Affine.symbol(name) for name in names)
        statement: Statement = Assign(self.name(memory), indices, zero, span)
        for name, extent in zip(reversed(names), reversed(extents), strict=True):
            statement = Loop(name, (Affine(),), (extent,), (statement,), span)
        return statement

    def _indices(self, indices: tuple[Affine, ...], counters: Mapping[str, str]) -> tuple[Affine, ...]:
        return tuple(_renamed(index, counters) for index in indices)

    def expression(self, draft: Draft, counters: Mapping[str, str]) -> Expression:
        match draft:
            case Constant():
                return draft
            case IndexValue(index, dtype):
                return IndexValue(_renamed(index, counters), dtype)
            case GuardValue(guard):
                return GuardValue(_renamed_guard(guard, counters))
            case Fetch(access, dtype):
                indices = self._indices(self.shapes.subscripts[id(access)], counters)
                return Load(self.name(access.memory), indices, dtype)
            case Operation(function, operands, dtype):
                return Apply(function, tuple(self.expression(o, counters) for o in operands), dtype)
            case Converted(operand, dtype):
                return Cast(self.expression(operand, counters), dtype)
            case Integer() | Truth():
                raise AssertionError("normalisation leaves no drafts of these kinds")
            case _:
                assert_never(draft)


def _renamed(expression: Affine, names: Mapping[str, str]) -> Affine:
    return expression.rename(lambda name: names.get(name, name))


def _renamed_guard(guard: Guard, names: Mapping[str, str]) -> Guard:
    return guard.substitute({symbol: Affine.symbol(name) for symbol, name in names.items()})
