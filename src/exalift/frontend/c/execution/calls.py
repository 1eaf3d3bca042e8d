"""Calls: library functions by their meaning, functions of the file inlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.affine import Constant
from exalift.base import Span

from ..reading import (
    Call,
    Declaration,
    Function,
    Name,
    UnreachableError,
    all_expressions,
    read_beside,
    refusal,
)
from ..terms import (
    Arithmetic,
    Datum,
    Draft,
    Fetch,
    Integer,
    Nothing,
    PointerValue,
    Value,
    as_data,
    as_tracked,
    converted,
    math_functions,
    operands,
)
from . import blocks, variables

if TYPE_CHECKING:
    from .execution import Execution

MAX_DEPTH = 20
MAX_BOUND_SIZE = 64


def call(execution: Execution, expression: Call) -> Value:
    name, span = expression.function, expression.span
    if name in math_functions.ENDING:
        raise UnreachableError
    if name in math_functions.PASSED_ON:
        return execution.evaluate(expression.arguments[0])
    if name == "free":
        return Nothing()
    if name in math_functions.BLOCKS:
        return blocks.block_call(execution, expression)
    function = execution.library.find(name)
    if function is not None:
        return _inline(execution, function, expression)
    meaning = math_functions.find(name)
    if meaning is None or expression.dtype is None or len(expression.arguments) != meaning.arity:
        message, hint = math_functions.why_not(name)
        raise refusal(span, message, hint)
    arguments = [execution.arithmetic(argument) for argument in expression.arguments]
    data = [as_data(argument) for argument in arguments]
    if any(operand.dtype is not data[0].dtype for operand in data) or (
        meaning.result is None and data[0].dtype is not expression.dtype
    ):
        raise refusal(
            span, f"`{name}` is declared with types of its own", "include the header that declares it"
        )
    if meaning.assumption:
        execution.assume(meaning.assumption)
    return converted(Datum(meaning.build(*data)), expression.dtype)


def _inline(execution: Execution, function: Function, expression: Call) -> Value:
    span = expression.span
    if function.name in execution.calls or function.name == execution.frame.function.name:
        raise refusal(span, f"`{function.name}` calls itself", "write a loop")
    if len(execution.calls) >= MAX_DEPTH:
        raise refusal(span, f"calls more than {MAX_DEPTH} levels deep")
    if len(expression.arguments) != len(function.parameters):
        raise refusal(span, f"`{function.name}` is called with another number of arguments")
    values = [execution.evaluate(argument) for argument in expression.arguments]
    values = [execution.settled(value, span) for value in values]
    execution.flush()
    facts = execution.library.facts(function)
    quiet = execution.library.is_quiet(function)
    if not quiet and execution.whole is not None:
        beside = read_beside(execution.whole, expression, execution.is_followed)
        if beside is not None:
            raise refusal(
                span,
                f"`{function.name}` changes things, and its place among the other operands is not defined",
                "keep its result in a variable first",
            )
    path = execution.call_path(function.name)
    outer, outer_calls = execution.frame, execution.calls
    execution.calls = (*execution.calls, outer.function.name)
    execution.frame = type(outer)(path, function, facts, quiet)
    try:
        # Sizes first: the extents of array parameters may mention them.
        pairs = list(zip(function.parameters, values, strict=True))
        for parameter, value in sorted(pairs, key=lambda pair: bool(pair[0].type.extents)):
            _bind(execution, function, parameter, value, span)
        return execution.run_function(function)
    finally:
        execution.frame, execution.calls = outer, outer_calls


def _bind(execution: Execution, function: Function, parameter: Declaration, value: Value, span: Span) -> None:
    key, declared = execution.key(parameter), parameter.type
    execution.values.pop(key, None)
    if declared.pointer or declared.extents:
        if not isinstance(value, PointerValue):
            raise refusal(span, f"the argument for `{parameter.name}` cannot be followed to an array")
        conditional, execution.conditional = execution.conditional, 0
        variables.set_pointer(execution, parameter, value, span)
        execution.conditional = conditional
        return
    if isinstance(value, PointerValue | Nothing):
        raise refusal(span, f"the argument for `{parameter.name}` is not a number")
    given = converted(value, declared.element)
    followed = as_tracked(given)
    facts, quiet = execution.frame.facts, execution.frame.quiet
    kept = parameter.key not in facts.assigned and parameter.key not in facts.addressed
    if followed is not None and execution.is_followed(parameter):
        execution.follow(parameter, followed)
    elif kept and quiet and (execution.conditional or _is_light(function, parameter, given)):
        if _size(as_data(given)) > MAX_BOUND_SIZE * MAX_BOUND_SIZE:
            raise refusal(span, "this call is too large to be inlined", "keep its arguments in variables")
        execution.follow(parameter, Datum(as_data(given)))
    else:
        variables.set_scalar(execution, parameter, given, span)


def _is_light(function: Function, parameter: Declaration, value: Arithmetic) -> bool:
    """Whether the argument may stand wherever the parameter is named, without work being repeated."""
    expression = as_data(value)
    if isinstance(expression, Constant | Fetch | Integer):
        return True
    mentions = sum(isinstance(e, Name) and e.declaration == parameter for e in all_expressions(function.body))
    return mentions <= 1 and _size(expression) <= MAX_BOUND_SIZE


def _size(expression: Draft) -> int:
    count, pending = 0, [expression]
    while pending and count <= MAX_BOUND_SIZE * MAX_BOUND_SIZE:
        count += 1
        pending.extend(operands(pending.pop()))
    return count
