"""Loops: what changes from iteration to iteration gets a closed form, and the condition gives the count.

The body is executed once, with a placeholder for every variable that it changes. A variable that ends
an iteration `delta` above its placeholder, `delta` the same every time, is `start + delta * t` in iteration
t = 0, 1, ...; so counters, pointers that walk and the counters of inner loops all become functions
of t. The condition, now an inequality in t, gives the number of iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exalift.base import DType, Span

from .conditions import Both as BothConditions
from .conditions import Comparison, Condition, Known, both, compare, has_data
from .control import without_jumps
from .draft import Bound, Branch, DraftStatement, Iteration
from .indices import explain
from .symbolic import Atom, Poly, TooComplexError, Wrapped, choice, floor, trips
from .syntax import (
    Assignment,
    Expr,
    LoopStatement,
    Name,
    Step,
    all_expressions,
    expressions_in,
    refusal,
)
from .values import PointerValue, Tracked, Unset

if TYPE_CHECKING:
    from .execution import Content, Execution

_HINT = "write a loop whose number of iterations follows from sizes and outer counters"


@dataclass(frozen=True, slots=True)
class _Carried:
    """One number that the loop changes: a variable, or one index of a pointer (`position`)."""

    key: str
    position: int | None
    symbol: str
    start: Poly


@dataclass
class _Loop:
    """A loop while it is being executed."""

    statement: LoopStatement
    time: str
    carried: list[_Carried]
    before: dict[str, Content]
    closed: dict[str, Poly] = field(default_factory=dict[str, Poly])


@dataclass(frozen=True, slots=True)
class _Domain:
    """The iterations 0 <= t < each of `counts`, run only where `entry` holds."""

    counts: tuple[Poly, ...]
    entry: Condition
    needs: tuple[Poly, ...]
    bounds: tuple[Bound, ...]


def run_loop(execution: Execution, statement: LoopStatement) -> None:
    """Execute a loop, and emit it. Raises Refusal where the number of iterations is not known."""
    execution.run(statement.first)
    span, test = statement.span, statement.test
    if test is None:
        raise refusal(span, "the loop has no condition, so it does not end", _HINT)
    loop = _Loop(statement, execution.fresh("t"), [], dict(execution.values))
    _begin(execution, loop)
    body = without_jumps(statement.body, "continue")
    with execution.collecting() as output:
        if statement.test_first:
            condition = _condition(execution, test)
            middle = dict(execution.values)
            if isinstance(condition, Known) and not condition.value:
                _abandon(execution, loop)
                return
            execution.run(body)
        else:
            execution.run(body)
            condition = _condition(execution, test)
            middle = {}
        if statement.step is not None:
            with execution.full_expression(statement.step):
                execution.evaluate(statement.step)
            execution.flush()
    end = execution.values
    try:
        _close(execution, loop, end)
        domain = _domain(execution, loop, condition, test)
        count = _count(domain, statement.test_first)
        execution.values = _after(execution, loop, middle, end, count)
        iteration = _iteration(execution, loop, condition, domain, tuple(output))
    except TooComplexError:
        raise refusal(span, "the bounds of this loop are too complex to follow", _HINT) from None
    if not output:
        return
    execution.sizing |= domain.entry.symbols
    if isinstance(domain.entry, Known):
        execution.emit(iteration, span)
    else:
        execution.emit(Branch(domain.entry, (iteration,), (), frozenset(), span), span)


def _begin(execution: Execution, loop: _Loop) -> None:
    """Put placeholders into everything that the loop changes."""
    for key in _changed(execution, loop.statement):
        content = execution.values.get(key)
        name = execution.declared[key].name if key in execution.declared else "value"
        match content:
            case Tracked(start, dtype):
                symbol = execution.fresh(name)
                loop.carried.append(_Carried(key, None, symbol, start))
                execution.values[key] = Tracked(Poly.of(symbol), dtype)
            case PointerValue(memory, indices, extents):
                symbols = [execution.fresh(name) for _ in indices]
                for position, (symbol, start) in enumerate(zip(symbols, indices, strict=True)):
                    loop.carried.append(_Carried(key, position, symbol, start))
                execution.values[key] = PointerValue(memory, tuple(Poly.of(s) for s in symbols), extents)
            case Unset(reason):
                # From the second iteration on it may hold what an earlier one left.
                execution.values[key] = Unset(reason)
            case _:
                pass


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


def _condition(execution: Execution, test: Expr) -> Condition:
    already = len(execution.output)
    with execution.full_expression(test):
        condition = execution.condition(test)
    if execution.later or len(execution.output) > already:
        raise refusal(test.span, "the condition of the loop changes data", _HINT)
    return condition


def _abandon(execution: Execution, loop: _Loop) -> None:
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


def _close(execution: Execution, loop: _Loop, end: dict[str, Content]) -> None:
    """Find closed forms until there are no more; what is left must not have been read."""
    pending = list(loop.carried)
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


def _component(content: Content | None, carried: _Carried, before: Content | None) -> Poly | None:
    """The value of a carried number in a state; None where it is not known."""
    match content:
        case Tracked(poly):
            return poly
        case PointerValue(memory, indices):
            same = isinstance(before, PointerValue) and before.memory is memory
            return indices[carried.position] if same and carried.position is not None else None
        case _:
            return None


def _solve(loop: _Loop, carried: _Carried, end: dict[str, Content]) -> bool:
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


# The condition.


def _domain(execution: Execution, loop: _Loop, condition: Condition, test: Expr) -> _Domain:
    span = test.span
    counts: list[Poly] = []
    needs: list[Poly] = []
    bounds: list[Bound] = []
    entry: Condition = Known(True)
    for part in _conjuncts(execution, condition, test):
        left, right = (
            _looked_through(p.substitute(loop.closed), loop.time, bounds) for p in (part.left, part.right)
        )
        slope, rest = _linear(part.relation, left, right, loop.time, span)
        if part.relation == "eq":
            raise refusal(span, "a loop that runs while two numbers are equal", "write an `if`")
        if part.relation == "ne":
            count = _meets(slope, rest, span)
        elif slope < 0:
            count = floor(rest, -slope) + 1
        else:
            entry = both(entry, compare("ge", rest, Poly(), DType.I64))
            continue
        counts.append(count)
        if part.relation == "ne" or not loop.statement.test_first:
            needs.append(count)
    if not counts:
        raise refusal(span, "the loop does not come closer to its end, so it may not end", _HINT)
    if not loop.statement.test_first:
        if not isinstance(entry, Known):
            raise refusal(span, "the condition of this `do` loop is not supported", _HINT)
        counts = [count + 1 for count in counts]
    return _Domain(tuple(counts), entry, tuple(needs), tuple(bounds))


def _conjuncts(execution: Execution, condition: Condition, test: Expr) -> list[Comparison]:
    pending, found = [condition], list[Comparison]()
    while pending:
        part = pending.pop()
        match part:
            case BothConditions(left, right):
                pending += [right, left]
            case Known(True):
                pass
            case Comparison():
                found.append(part)
            case _ if has_data(part):
                why = explain(execution, test)
                raise refusal(test.span, f"the condition of the loop depends on data{why}", _HINT)
            case _:
                raise refusal(test.span, "the condition of the loop has an `||`", _HINT)
    return found


def _looked_through(poly: Poly, time: str, bounds: list[Bound]) -> Poly:
    """Without the wraps around what changes in the loop; that nothing wraps is proved later."""

    def change(atom: Atom) -> Poly:
        if isinstance(atom, Wrapped) and time in atom.operand.symbols:
            bounds.append(Bound(atom.operand, atom.dtype))
            return _looked_through(atom.operand, time, bounds)
        return Poly.atom(atom)

    return poly.map_atoms(change)


def _linear(relation: str, left: Poly, right: Poly, time: str, span: Span) -> tuple[int, Poly]:
    """The comparison as `slope * t + rest >= 0` (or `!= 0`)."""
    match relation:
        case "lt":
            form = right - left - 1
        case "le":
            form = right - left
        case "gt":
            form = left - right - 1
        case _:
            form = left - right
    parts = form.split(time)
    slope = parts.get(1, Poly()).constant if parts is not None else None
    if parts is None or slope is None or set(parts) - {0, 1}:
        raise refusal(
            span,
            "the number of iterations is not affine",
            "step by a constant, and compare with a sum of sizes and outer counters",
        )
    return slope, parts.get(0, Poly())


def _meets(slope: int, rest: Poly, span: Span) -> Poly:
    """The t at which `slope * t + rest` is 0."""
    count = (-rest).divided_exactly(slope) if slope else None
    if count is None:
        raise refusal(span, "a loop that ends at `!=` but may step over its end", "use `<` or `>`")
    return count


def _count(domain: _Domain, test_first: bool) -> Poly:
    """The number of iterations, for what is used after the loop."""
    least = domain.counts[0]
    for other in domain.counts[1:]:
        least = choice(compare("lt", least, other, DType.I64), least, other)
    if test_first:
        least = trips(least)
    return choice(domain.entry, least, Poly())


# After the loop.


def _after(
    execution: Execution, loop: _Loop, middle: dict[str, Content], end: dict[str, Content], count: Poly
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


def _at(content: Content, loop: _Loop, time: Poly, inner: set[str]) -> Content | None:
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


def _from_last(content: Content, start: Content, loop: _Loop, count: Poly, inner: set[str]) -> Content | None:
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


def _iteration(
    execution: Execution,
    loop: _Loop,
    condition: Condition,
    domain: _Domain,
    body: tuple[DraftStatement, ...],
) -> Iteration:
    """The loop, counted by the source's own counter where that goes up by one."""
    span = loop.statement.span
    named = [carried for carried in loop.carried if carried.symbol in condition.symbols]
    for carried in named:
        form = loop.closed.get(carried.symbol)
        if carried.position is None and form == carried.start + Poly.of(loop.time):
            name = execution.declared[carried.key].name
            symbol = execution.fresh(name)
            execution.table[loop.time] = Poly.of(symbol) - carried.start
            upper = tuple(carried.start + count for count in domain.counts)
            return Iteration(symbol, name, carried.start, upper, body, domain.needs, domain.bounds, span)
    name = execution.declared[named[0].key].name if named else "step"
    return Iteration(loop.time, name, Poly(), domain.counts, body, domain.needs, domain.bounds, span)
