"""Loops: executed once with placeholders, counted, and emitted.

A loop in which pointers swap places every time (two buffers in turn) is emitted two iterations at a
time, so that each pointer points to one array throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.base import DType

from ..reading import Evaluate, Expr, LoopStatement, Statement, refusal, without_jumps
from ..terms import (
    Bound,
    Branch,
    Condition,
    DraftStatement,
    Iteration,
    Known,
    Poly,
    TooComplexError,
    both,
    compare,
    floor,
    trips,
)
from .domains import HINT, Domain, find_domain, iterations
from .induction import LoopState, abandon, after, begin, close, swapped

if TYPE_CHECKING:
    from .execution import Execution


def run_loop(execution: Execution, statement: LoopStatement) -> None:
    """Execute a loop, and emit it. Raises Refusal where the number of iterations is not known."""
    execution.run(statement.first)
    span, test = statement.span, statement.test
    if test is None:
        raise refusal(span, "the loop has no condition, so it does not end", HINT)
    try:
        _run(execution, statement, test)
    except TooComplexError:
        raise refusal(span, "the bounds of this loop are too complex to follow", HINT) from None


def _run(execution: Execution, statement: LoopStatement, test: Expr) -> None:
    span, known, tables = statement.span, set(execution.memories), len(execution.constants)
    loop = begin(execution, statement)
    body = without_jumps(statement.body, "continue")
    with execution.collecting() as output:
        if statement.test_first:
            condition = _condition(execution, test)
            middle = dict(execution.values)
            if isinstance(condition, Known) and not condition.value:
                abandon(execution, loop)
                return
            execution.run(body)
        else:
            execution.run(body)
            condition = _condition(execution, test)
            middle = {}
        _advance(execution, statement)
    end = execution.values
    exchanged = swapped(loop, end)
    if exchanged and statement.test_first and middle == loop.opening:
        loop.fix(exchanged)
        close(execution, loop, end)
        domain = find_domain(execution, loop, condition, test)
        if isinstance(domain.entry, Known):
            for key in execution.memories.keys() - known:
                del execution.memories[key]
            del execution.constants[tables:]
            _run_in_pairs(execution, loop, domain, body)
            return
    close(execution, loop, end)
    domain = find_domain(execution, loop, condition, test)
    count = iterations(domain, statement.test_first)
    execution.values = after(execution, loop, middle, end, count)
    iteration = _iteration(execution, loop, condition, domain, tuple(output))
    if not output:
        return
    execution.sizing |= domain.entry.symbols
    if isinstance(domain.entry, Known):
        execution.emit(iteration, span)
    else:
        execution.emit(Branch(domain.entry, (iteration,), (), frozenset(), span), span)


def _advance(execution: Execution, statement: LoopStatement) -> None:
    """What a `for` does after each iteration."""
    if statement.step is not None:
        with execution.full_expression(statement.step):
            execution.evaluate(statement.step)
        execution.flush()


def _condition(execution: Execution, test: Expr) -> Condition:
    already = len(execution.output)
    with execution.full_expression(test):
        condition = execution.condition(test)
    if execution.later or len(execution.output) > already:
        raise refusal(test.span, "the condition of the loop changes data", HINT)
    return condition


def _run_in_pairs(
    execution: Execution, single: LoopState, domain: Domain, body: tuple[Statement, ...]
) -> None:
    """The loop two iterations at a time, and the last one by itself where their number is odd."""
    statement, span = single.statement, single.statement.span
    execution.values = dict(single.before)
    pair = begin(execution, statement)
    with execution.collecting() as output:
        for _ in range(2):
            execution.run(body)
            _advance(execution, statement)
    end = execution.values
    close(execution, pair, end)
    count = iterations(domain, test_first=False)
    half = floor(count, 2)
    execution.values = after(execution, pair, pair.opening, end, trips(half))
    halves = tuple(floor(each, 2) for each in domain.counts)
    time = Poly.of(pair.time) * 2
    bounds = tuple(
        Bound(bound.value.substitute({single.time: moment}), bound.dtype)
        for bound in domain.bounds
        for moment in (time, time + 1)
    )
    iteration = Iteration(pair.time, "pair", Poly(), halves, tuple(output), domain.needs, bounds, span)
    execution.emit(iteration, span)
    some = compare("ge", count, Poly.of(1), DType.I64)
    odd = both(some, compare("eq", count - half * 2, Poly.of(1), DType.I64))
    last: tuple[Statement, ...] = body
    if statement.step is not None:
        last = (*body, Evaluate(statement.step, statement.step.span))
    execution.conditionally(odd, last, span)


def _iteration(
    execution: Execution,
    loop: LoopState,
    condition: Condition,
    domain: Domain,
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
