"""Evaluation of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from exalift.affine import Constant
from exalift.base import DType

from ..reading import (
    AddressOf,
    Assignment,
    Binary,
    Call,
    Conditional,
    Conversion,
    Dereference,
    Expr,
    FloatLiteral,
    InitializerList,
    IntegerLiteral,
    Name,
    StatementExpression,
    Step,
    Subscript,
    Unary,
    refusal,
)
from ..terms import (
    RELATIONS,
    Condition,
    Datum,
    Known,
    Nothing,
    PointerValue,
    Poly,
    Tracked,
    TruthValue,
    Value,
    arithmetic,
    as_condition,
    both,
    compared,
    complement,
    converted,
    either,
    logical_not,
    negated,
    negative,
)
from . import assignments, calls, pointers, variables

if TYPE_CHECKING:
    from .execution import Execution


def evaluate(execution: Execution, expression: Expr) -> Value:
    """The value; effects go to the execution's output. Recursion follows the tree, whose depth is bounded."""
    execution.step(expression.span)
    match expression:
        case IntegerLiteral(value, dtype):
            return Tracked(Poly.of(value), dtype)
        case FloatLiteral(value, dtype):
            return Datum(Constant(value, dtype))
        case Name(declaration):
            return variables.read(execution, declaration, expression.span)
        case Subscript() | Dereference():
            return pointers.element(execution, expression)
        case AddressOf(operand):
            return pointers.address(execution, operand)
        case Unary(operator, operand):
            return _unary(execution, operator, operand)
        case Binary():
            return _binary(execution, expression)
        case Assignment():
            return assignments.assign(execution, expression)
        case Step():
            return assignments.step(execution, expression)
        case Conditional():
            return _conditional(execution, expression)
        case Call():
            return calls.call(execution, expression)
        case Conversion():
            return _conversion(execution, expression)
        case StatementExpression(body, value):
            execution.run(body)
            return Nothing() if value is None else execution.evaluate(value)
        case InitializerList():
            raise refusal(expression.span, "a list of values is supported in declarations only")
        case _:
            assert_never(expression)


def condition(execution: Execution, expression: Expr) -> Condition:
    """Whether the expression is not zero; `&&` and `||` keep their order."""
    match expression:
        case Binary("&&" | "||" as operator, left, right):
            first = condition(execution, left)
            if isinstance(first, Known) and first.value == (operator == "||"):
                return first
            with execution.in_condition():
                second = condition(execution, right)
            return both(first, second) if operator == "&&" else either(first, second)
        case Unary("!", operand):
            return negated(condition(execution, operand))
        case Conversion(operand, DType()) if expression.dtype is not None and not expression.dtype.is_float:
            # A conversion of a truth value keeps its truth.
            if isinstance(operand, Binary | Unary) and operand.operator in _TRUTHS:
                return condition(execution, operand)
            return _truth(execution, expression)
        case _:
            return _truth(execution, expression)


_TRUTHS = frozenset(("&&", "||", "!", *RELATIONS))


def _truth(execution: Execution, expression: Expr) -> Condition:
    value = execution.evaluate(expression)
    match value:
        case PointerValue():
            execution.assume(pointers.NOT_NULL)
            return Known(True)
        case Nothing():
            raise refusal(expression.span, "a condition needs a value")
        case _:
            return as_condition(value)


def _unary(execution: Execution, operator: str, operand: Expr) -> Value:
    if operator == "!":
        return TruthValue(negated(execution.condition(operand)), DType.I32)
    value = execution.arithmetic(operand)
    match operator:
        case "-":
            return negative(value)
        case "~":
            return complement(value)
        case _:
            return logical_not(value)


def _binary(execution: Execution, expression: Binary) -> Value:
    operator, left, right = expression.operator, expression.left, expression.right
    if operator in ("&&", "||"):
        return TruthValue(execution.condition(expression), DType.I32)
    if operator == ",":
        execution.evaluate(left)
        execution.flush()
        return execution.evaluate(right)
    if left.dtype is None or right.dtype is None:
        return pointers.arithmetic(execution, expression)
    first, second = execution.arithmetic(left), execution.arithmetic(right)
    if operator in RELATIONS:
        return compared(operator, first, second)
    assert expression.dtype is not None
    return arithmetic(operator, first, second, expression.dtype)


def _conditional(execution: Execution, expression: Conditional) -> Value:
    test = execution.condition(expression.test)
    if isinstance(test, Known):
        return execution.evaluate(expression.then if test.value else expression.otherwise)
    with execution.in_condition():
        then = execution.evaluate(expression.then)
        otherwise = execution.evaluate(expression.otherwise)
    return pointers.choose(test, then, otherwise, expression.span)


def _conversion(execution: Execution, expression: Conversion) -> Value:
    operand = execution.evaluate(expression.operand)
    if expression.type is not None:
        return pointers.repointed(execution, operand, expression.type, expression.span)
    if expression.dtype is None:
        return operand
    match operand:
        case PointerValue():
            if expression.dtype is DType.I1:
                execution.assume(pointers.NOT_NULL)
                return TruthValue(Known(True), DType.I1)
            raise refusal(expression.span, "a pointer is turned into a number", "use subscripts")
        case Nothing():
            raise refusal(expression.span, "a call that gives nothing is used as a value")
        case _:
            return converted(operand, expression.dtype)
