"""Execution of statements: declarations, branches, function bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.affine import Role
from exalift.base import DType, Span

from ..reading import (
    Binary,
    Block,
    Call,
    Conditional,
    Conversion,
    Declare,
    Evaluate,
    Expr,
    Function,
    IfStatement,
    Jump,
    LoopStatement,
    Statement,
    UnreachableError,
    has_effects,
    refusal,
    statements_in,
    without_jumps,
)
from ..terms import (
    ENDING,
    Branch,
    Condition,
    DraftStatement,
    Known,
    Nothing,
    PointerValue,
    TooComplexError,
    Tracked,
    TruthValue,
    Unset,
    Value,
    as_condition,
    choice,
    has_data,
    negated,
)
from . import loops, pointers, variables

if TYPE_CHECKING:
    from .execution import Content, Execution


def run(execution: Execution, body: tuple[Statement, ...]) -> None:
    for statement in body:
        _run_one(execution, statement)


def _run_one(execution: Execution, statement: Statement) -> None:
    execution.step(statement.span)
    match statement:
        case Declare(declarations):
            for declaration in declarations:
                variables.declare(execution, declaration)
        case Evaluate(expression):
            _effect(execution, expression, statement.span)
        case Block(body):
            run(execution, body)
        case IfStatement(test, then, otherwise, span):
            _branch(execution, test, then, otherwise, span)
        case LoopStatement():
            loops.run_loop(execution, statement)
        case Jump("continue"):
            pass  # In tail position, after `control`.
        case Jump():
            raise refusal(statement.span, "`return` is not supported here")


def _effect(execution: Execution, expression: Expr, span: Span) -> None:
    """An expression for its effects; `c && f()` and `c ? f() : g()` are branches."""
    while isinstance(expression, Conversion) and expression.dtype is None and expression.type is None:
        expression = expression.operand
    match expression:
        case Binary(",", left, right):
            _effect(execution, left, span)
            _effect(execution, right, span)
        case Binary("&&", left, right) if has_effects(right):
            _branch(execution, left, (Evaluate(right, right.span),), (), span)
        case Binary("||", left, right) if has_effects(right):
            _branch(execution, left, (), (Evaluate(right, right.span),), span)
        case Conditional(test, then, otherwise) if has_effects(then) or has_effects(otherwise):
            first, second = Evaluate(then, then.span), Evaluate(otherwise, otherwise.span)
            _branch(execution, test, (first,), (second,), span)
        case _:
            with execution.full_expression(expression):
                execution.evaluate(expression)
            execution.flush()


def _branch(
    execution: Execution,
    test: Expr,
    then: tuple[Statement, ...],
    otherwise: tuple[Statement, ...],
    span: Span,
) -> None:
    _fork(execution, test, then, otherwise, span, tail=False)


def run_function(execution: Execution, function: Function) -> Value:
    """The body of a function; what it returns."""
    return _tail(execution, without_jumps(function.body, "return"))


def _tail(execution: Execution, body: tuple[Statement, ...]) -> Value:
    """Statements of which the last may return."""
    if not body:
        return Nothing()
    run(execution, body[:-1])
    last = body[-1]
    match last:
        case Jump("return", value):
            if value is None:
                return Nothing()
            with execution.full_expression(value):
                result = execution.settled(execution.evaluate(value), last.span)
            execution.flush()
            return result
        case IfStatement(test, then, otherwise, span) if _returns(last):
            return _fork(execution, test, then, otherwise, span, tail=True)
        case _:
            run(execution, (last,))
            return Nothing()


def _returns(statement: Statement) -> bool:
    return any(isinstance(s, Jump) and s.kind == "return" for s in statements_in((statement,)))


def _fork(
    execution: Execution,
    test: Expr,
    then: tuple[Statement, ...],
    otherwise: tuple[Statement, ...],
    span: Span,
    tail: bool,
) -> Value:
    """Both branches, each from the state before; then the states are merged."""
    with execution.full_expression(test):
        condition = execution.condition(test)
    if execution.later:
        kept = execution.settled(TruthValue(condition, DType.I1), test.span)
        assert not isinstance(kept, PointerValue | Nothing)
        condition = as_condition(kept)
        execution.flush()
    return _join(execution, condition, then, otherwise, span, tail)


def conditionally(
    execution: Execution, condition: Condition, body: tuple[Statement, ...], span: Span
) -> None:
    """`if (condition) body`, the condition known already."""
    _join(execution, condition, body, (), span, tail=False)


def _join(
    execution: Execution,
    condition: Condition,
    then: tuple[Statement, ...],
    otherwise: tuple[Statement, ...],
    span: Span,
    tail: bool,
) -> Value:
    """Both branches of a condition, merged."""
    if isinstance(condition, Known):
        chosen = then if condition.value else otherwise
        if tail:
            return _tail(execution, chosen)
        run(execution, chosen)
        return Nothing()
    before, known = dict(execution.values), set(execution.memories)
    first = _one_side(execution, then, tail)
    after, execution.values = execution.values, dict(before)
    second = _one_side(execution, otherwise, tail)
    if first is None or second is None:
        return _only_side(execution, condition, after, first, second, span)
    locals_ = frozenset(
        memory for key, memory in execution.memories.items() if key not in known and memory.role is Role.LOCAL
    )
    has_output = bool(first[0] or second[0])
    value_needed = not isinstance(first[1], Nothing) and not isinstance(second[1], Nothing)
    if value_needed and has_output and has_data(condition):
        # The condition is looked at again when the value is chosen, after the branches ran.
        condition = execution.kept_condition(condition, span)
    execution.values = _merged(execution, condition, before, after, execution.values, span)
    if has_output:
        execution.emit(Branch(condition, tuple(first[0]), tuple(second[0]), locals_, span), span)
    if value_needed:
        return pointers.choose(condition, first[1], second[1], span)
    if type(first[1]) is not type(second[1]):
        raise refusal(
            span, "one branch returns a value and the other does not", "return a value on every path"
        )
    return Nothing()


_Side = tuple[list[DraftStatement], Value]


def _one_side(execution: Execution, body: tuple[Statement, ...], tail: bool) -> _Side | None:
    """What a branch does and gives; None when the program ends in it."""
    if body and _ends_program(body[-1]):
        return None
    with execution.collecting() as output:
        try:
            value: Value = Nothing()
            if tail:
                value = _tail(execution, body)
            else:
                run(execution, body)
        except UnreachableError:
            return None
    return output, value


def _ends_program(statement: Statement) -> bool:
    return (
        isinstance(statement, Evaluate)
        and isinstance(statement.expression, Call)
        and statement.expression.function in ENDING
    )


def _only_side(
    execution: Execution,
    condition: Condition,
    after: dict[str, Content],
    first: _Side | None,
    second: _Side | None,
    span: Span,
) -> Value:
    """One branch ends the program (`assert`, `abort`), so the other one is taken."""
    side = first or second
    if side is None:
        raise UnreachableError
    if first is not None:
        execution.values = after
    claim = condition if first is not None else negated(condition)
    execution.assume(f"the check at line {span.line} passes")
    if not has_data(claim):
        execution.claims.append(claim)
    for statement in side[0]:
        execution.emit(statement, span)
    return side[1]


def _merged(
    execution: Execution,
    condition: Condition,
    before: dict[str, Content],
    first: dict[str, Content],
    second: dict[str, Content],
    span: Span,
) -> dict[str, Content]:
    """What is followed after two branches."""
    result: dict[str, Content] = {}
    demoted: list[str] = []
    for key in before:
        one, other = first.get(key), second.get(key)
        if one is None or other is None:
            continue
        merged = one if one == other else _merged_content(condition, one, other)
        if merged is None:
            demoted.append(key)
        else:
            result[key] = merged
    for key in demoted:
        execution.demote(execution.declared[key], f"it is set under a condition on data at line {span.line}")
    return result


def _merged_content(condition: Condition, first: Content, second: Content) -> Content | None:
    if isinstance(first, Unset) and first.undefined:
        return second
    if isinstance(second, Unset) and second.undefined:
        return first
    match first, second:
        case Tracked(one, dtype), Tracked(other):
            if has_data(condition):
                return None
            try:
                return Tracked(choice(condition, one, other), dtype)
            except TooComplexError:
                return None
        case PointerValue(), PointerValue():
            merged = variables.merged_pointer(condition, first, second)
            return merged or Unset("a condition decides where it points")
        case Unset(), _:
            return first
        case _, Unset():
            return second
        case _:
            return None
