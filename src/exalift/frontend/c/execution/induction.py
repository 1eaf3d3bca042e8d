"""Induction: what a loop changes from iteration to iteration gets a closed form.

The body is executed once, with a placeholder for every variable that it changes. A variable that ends
an iteration `delta` above its placeholder, `delta` the same every time, is `start + delta * t` in iteration
t = 0, 1, ...; so counters, pointers that walk and the counters of inner loops all become functions of t.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exalift.base import DType

from ..reading import Assignment, Expr, LoopStatement, Name, Step, all_expressions, expressions_in, refusal
from ..terms import PointerValue, Poly, Tracked, Unset, choice, compare

if TYPE_CHECKING:
    from .execution import Content, Execution


@dataclass(frozen=True, slots=True)
class Carried:
    """One number that the loop changes: a variable, or one index of a pointer (`position`)."""

    key: str
    position: int | None
    symbol: str
    start: Poly


@dataclass
class LoopState:
    """A loop while it is being executed: the state `before` it, and the `opening` one of an iteration,
    with placeholders."""

    statement: LoopStatement
    time: str
    before: dict[str, Content]
    opening: dict[str, Content] = field(default_factory=dict[str, "Content"])
    carried: list[Carried] = field(default_factory=list["Carried"])
    closed: dict[str, Poly] = field(default_factory=dict[str, Poly])

    def fix(self, keys: frozenset[str]) -> None:
        """Take some variables as they were before the loop."""
        self.closed |= {c.symbol: c.start for c in self.carried if c.key in keys}


def begin(execution: Execution, statement: LoopStatement) -> LoopState:
    """Put placeholders into everything that the loop changes."""
    loop = LoopState(statement, execution.fresh("t"), dict(execution.values))
    for key in _changed(execution, statement):
        content = execution.values.get(key)
        name = execution.declared[key].name if key in execution.declared else "value"
        match content:
            case Tracked(start, dtype):
                symbol = execution.fresh(name)
                loop.carried.append(Carried(key, None, symbol, start))
                execution.values[key] = Tracked(Poly.of(symbol), dtype)
            case PointerValue(memory, indices, extents):
                symbols = [execution.fresh(name) for _ in indices]
                for position, (symbol, start) in enumerate(zip(symbols, indices, strict=True)):
                    loop.carried.append(Carried(key, position, symbol, start))
                execution.values[key] = PointerValue(memory, tuple(Poly.of(s) for s in symbols), extents)
            case Unset(reason):
                # From the second iteration on it may hold what an earlier one left.
                execution.values[key] = Unset(reason)
            case _:
                pass
    loop.opening = dict(execution.values)
    return loop


def swapped(loop: LoopState, end: dict[str, Content]) -> frozenset[str]:
    """The pointers that exchange their places in pairs in every iteration; none if others change arrays."""
    moved = {
        key: content
        for key, content in end.items()
        if isinstance(content, PointerValue)
        and isinstance(start := loop.opening.get(key), PointerValue)
        and start.memory is not content.memory
    }
    for key, content in moved.items():
        partners = [other for other in moved if loop.opening[other] == content]
        if not any(moved[other] == loop.opening[key] for other in partners):
            return frozenset()
    return frozenset(moved)


def _changed(execution: Execution, statement: LoopStatement) -> list[str]:
    """The variables that are followed and that the text of the loop assigns to."""
    heads: list[Expr] = [e for e in (statement.test, statement.step) if e is not None]
    found: dict[str, None] = {}
    inside = [e for head in heads for e in expressions_in(head)]
    inside += all_expressions(statement.body)
    for expression in inside:
        match expression:
            case Assignment(target=Name(declaration)) | Step(target=Name(declaration)):
                key = execution.key(declaration)
                if key in execution.values:
                    found[key] = None
            case _:
                pass
    return list(found)


def abandon(execution: Execution, loop: LoopState) -> None:
    """No iteration at all."""
    starts = {carried.symbol: carried.start for carried in loop.carried}
    for key, content in execution.values.items():
        execution.values[key] = _substituted(content, starts)


def _substituted(content: Content, mapping: dict[str, Poly]) -> Content:
    match content:
        case Tracked(poly, dtype):
            return Tracked(poly.substitute(mapping), dtype)
        case PointerValue(memory, indices, extents):
            return PointerValue(memory, tuple(p.substitute(mapping) for p in indices), extents)
        case _:
            return content


# Closed forms.


def close(execution: Execution, loop: LoopState, end: dict[str, Content]) -> None:
    """Find closed forms until there are no more; what is left must not have been read."""
    pending = [carried for carried in loop.carried if carried.symbol not in loop.closed]
    while True:
        left = [carried for carried in pending if not _solve(loop, carried, end)]
        if len(left) == len(pending):
            break
        pending = left
    execution.table.update(loop.closed)
    for symbol, form in loop.closed.items():
        # Whoever reads the variable reads what its closed form is made of, such as an outer placeholder.
        if symbol in execution.used:
            execution.used |= form.symbols
    span = loop.statement.span
    for carried in pending:
        if carried.symbol not in execution.used or carried.key not in execution.values:
            continue
        declaration = execution.declared[carried.key]
        if carried.position is not None:
            raise refusal(
                span,
                f"the pointer `{declaration.name}` does not move by the same distance in every iteration",
                "if two arrays swap places, write two steps in one iteration; otherwise use subscripts",
            )
        reason = f"it does not change by the same amount in every iteration of the loop at line {span.line}"
        execution.demote(declaration, reason)


def _component(content: Content | None, carried: Carried, before: Content | None) -> Poly | None:
    """The value of a carried number in a state; None where it is not known."""
    match content:
        case Tracked(poly):
            return poly
        case PointerValue(memory, indices):
            same = isinstance(before, PointerValue) and before.memory is memory
            return indices[carried.position] if same and carried.position is not None else None
        case _:
            return None


def _solve(loop: LoopState, carried: Carried, end: dict[str, Content]) -> bool:
    last = _component(end.get(carried.key), carried, loop.before.get(carried.key))
    if last is None:
        return False
    last = last.substitute(loop.closed)
    unknown = {c.symbol for c in loop.carried if c.symbol not in loop.closed}
    if last.symbols & (unknown - {carried.symbol}):
        return False
    delta = last - Poly.of(carried.symbol)
    time = Poly.of(loop.time)
    if carried.symbol not in delta.symbols:
        if loop.time in delta.symbols:
            return False
        loop.closed[carried.symbol] = carried.start + delta * time
        return True
    if carried.symbol not in last.symbols and carried.start == last.substitute({loop.time: Poly.of(-1)}):
        # Set anew in each iteration, and before the first one to what fits.
        loop.closed[carried.symbol] = last.substitute({loop.time: time - 1})
        return True
    return False


# After the loop.


def after(
    execution: Execution, loop: LoopState, middle: dict[str, Content], end: dict[str, Content], count: Poly
) -> dict[str, Content]:
    """What is followed after the last iteration, and after the condition was false."""
    result: dict[str, Content] = {}
    changed = {carried.key for carried in loop.carried}
    inner = {carried.symbol for carried in loop.carried} | {loop.time}
    for key, start in loop.before.items():
        if key not in end:
            continue
        final: Content | None = start if end[key] == start and key not in changed else None
        if final is None and loop.statement.test_first and key in middle:
            final = _at(middle[key], loop, count, inner)
        if final is None:
            final = _from_last(end[key], start, loop, count, inner)
        result[key] = final or Unset(
            f"its value after the loop at line {loop.statement.span.line} is not known"
        )
    return result


def _at(content: Content, loop: LoopState, time: Poly, inner: set[str]) -> Content | None:
    """A state of iteration `time`; None where it cannot be said without the loop's own symbols."""
    if isinstance(content, Unset):
        return None
    closed = _substituted(_substituted(content, loop.closed), {loop.time: time})
    return None if _symbols(closed) & inner else closed


def _symbols(content: Content) -> frozenset[str]:
    match content:
        case Tracked(poly):
            return poly.symbols
        case PointerValue(_, indices):
            return frozenset[str]().union(*(p.symbols for p in indices))
        case _:
            return frozenset()


def _from_last(
    content: Content, start: Content, loop: LoopState, count: Poly, inner: set[str]
) -> Content | None:
    """What the last iteration left, or the value from before when there was none."""
    last = _at(content, loop, count - 1, inner)
    if last is None:
        return None
    if isinstance(start, Unset) or not loop.statement.test_first:
        return last
    ran = compare("ge", count, Poly.of(1), DType.I64)
    match last, start:
        case Tracked(one, dtype), Tracked(other):
            return Tracked(choice(ran, one, other), dtype)
        case PointerValue(memory, indices, extents), PointerValue(memory_before, before):
            if memory is memory_before:
                pairs = zip(indices, before, strict=True)
                return PointerValue(memory, tuple(choice(ran, a, b) for a, b in pairs), extents)
        case _:
            pass
    return None
