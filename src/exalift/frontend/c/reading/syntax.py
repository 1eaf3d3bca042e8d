"""C functions as a small typed tree: what is left of clang's once casts are explicit and sugar is gone.

Every expression carries the element type of its value, `dtype`, which is None where the value is not
arithmetic (a pointer, an array, nothing). Implicit conversions are `Conversion` nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from exalift.base import Diagnostic, DType, Span


class Refusal(Exception):
    """The source is outside what is accepted; the diagnostic says where and why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic


def refusal(span: Span, message: str, hint: str = "") -> Refusal:
    return Refusal(Diagnostic(message, span, hint))


# Types and declarations.


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """A type in a declaration or a cast: a scalar, an array, or a pointer to either.

    `extents` are those of the array, or of the array pointed to; None where none is written.
    """

    element: DType
    extents: tuple[Expr | int | None, ...] = ()
    pointer: bool = False
    restrict: bool = False
    constant: bool = False


class Storage(Enum):
    PARAMETER = "parameter"
    LOCAL = "local"
    STATIC = "static"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable. Two are the same when their `key` is."""

    key: str
    name: str = field(compare=False)
    type: DeclaredType = field(compare=False)
    storage: Storage = field(compare=False)
    initializer: Expr | None = field(compare=False)
    span: Span = field(compare=False)


# Expressions.


@dataclass(frozen=True, slots=True)
class IntegerLiteral:
    value: int
    dtype: DType
    span: Span


@dataclass(frozen=True, slots=True)
class FloatLiteral:
    """The exact value; infinities and NaN as Python floats."""

    value: Fraction | float
    dtype: DType
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    declaration: Declaration
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Subscript:
    base: Expr
    index: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Dereference:
    pointer: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class AddressOf:
    operand: Expr
    span: Span
    dtype: DType | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """`-`, `~` or `!`."""

    operator: str
    operand: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, `&&`, `||` or `,`."""

    operator: str
    left: Expr
    right: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Assignment:
    """`target = value`, or `target operator= value` where an operator is given."""

    operator: str
    target: Expr
    value: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """`++` and `--`, before (`prefix`) or after."""

    by: int
    prefix: bool
    target: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    test: Expr
    then: Expr
    otherwise: Expr
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Expr, ...]
    dtype: DType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Conversion:
    """A cast, written or implied; `type` is given for pointers."""

    operand: Expr
    dtype: DType | None
    span: Span
    type: DeclaredType | None = None


@dataclass(frozen=True, slots=True)
class InitializerList:
    """`{...}`; `items` are (position, value), in order."""

    items: tuple[tuple[int, Expr], ...]
    span: Span
    dtype: DType | None = None


@dataclass(frozen=True, slots=True)
class StatementExpression:
    """GNU's `({ statements; value; })`."""

    body: tuple[Statement, ...]
    value: Expr | None
    dtype: DType | None
    span: Span


Expr = (
    IntegerLiteral
    | FloatLiteral
    | Name
    | Subscript
    | Dereference
    | AddressOf
    | Unary
    | Binary
    | Assignment
    | Step
    | Conditional
    | Call
    | Conversion
    | InitializerList
    | StatementExpression
)


# Statements.


@dataclass(frozen=True, slots=True)
class Declare:
    declarations: tuple[Declaration, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Evaluate:
    expression: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class IfStatement:
    test: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class LoopStatement:
    """`for`, `while` or `do`: `first` runs once; `test_first` is False for `do`."""

    first: tuple[Statement, ...]
    test: Expr | None
    step: Expr | None
    body: tuple[Statement, ...]
    test_first: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Jump:
    """`return`, or `continue`."""

    kind: str
    value: Expr | None
    span: Span


Statement = Declare | Evaluate | Block | IfStatement | LoopStatement | Jump


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    parameters: tuple[Declaration, ...]
    body: tuple[Statement, ...]
    returns: DType | None
    span: Span


# Walks.


def sub_expressions(expression: Expr) -> tuple[Expr, ...]:
    """The direct operands."""
    match expression:
        case Subscript(base, index):
            return base, index
        case Dereference(pointer=one) | AddressOf(operand=one) | Unary(operand=one):
            return (one,)
        case Step(target=one) | Conversion(operand=one):
            return (one,)
        case Binary(_, left, right) | Assignment(_, left, right):
            return left, right
        case Conditional(test, then, otherwise):
            return test, then, otherwise
        case Call(_, arguments):
            return arguments
        case InitializerList(items):
            return tuple(value for _, value in items)
        case StatementExpression(value=value):
            return () if value is None else (value,)
        case _:
            return ()


def expressions_in(root: Expr) -> Iterator[Expr]:
    """Every sub-expression, the root first; statements inside a statement expression included."""
    pending = [root]
    while pending:
        expression = pending.pop()
        yield expression
        pending.extend(sub_expressions(expression))
        if isinstance(expression, StatementExpression):
            for statement in statements_in(expression.body):
                pending.extend(own_expressions(statement))


def own_expressions(statement: Statement) -> tuple[Expr, ...]:
    """The expressions of a statement that are in none of its parts."""
    match statement:
        case Declare(declarations):
            found = [d.initializer for d in declarations if d.initializer is not None]
            found += [
                e for d in declarations for e in d.type.extents if e is not None and not isinstance(e, int)
            ]
            return tuple(found)
        case Evaluate(expression):
            return (expression,)
        case Block():
            return ()
        case IfStatement(test):
            return (test,)
        case LoopStatement(test=test, step=step):
            return tuple(e for e in (test, step) if e is not None)
        case Jump(value=value):
            return () if value is None else (value,)


def statements_in(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement, parts after their whole."""
    pending = list(reversed(body))
    while pending:
        statement = pending.pop()
        yield statement
        match statement:
            case Block(inner):
                pending.extend(reversed(inner))
            case IfStatement(_, then, otherwise):
                pending.extend(reversed(then + otherwise))
            case LoopStatement(first, body=inner):
                pending.extend(reversed(first + inner))
            case _:
                pass


def all_expressions(body: tuple[Statement, ...]) -> Iterator[Expr]:
    """Every expression in every statement."""
    for statement in statements_in(body):
        for expression in own_expressions(statement):
            yield from expressions_in(expression)


def base_declaration(target: Expr) -> Declaration | None:
    """The variable that an lvalue is reached through."""
    while True:
        match target:
            case Name(declaration):
                return declaration
            case Subscript(base):
                target = base
            case Dereference(pointer=inner) | Conversion(operand=inner) | Step(target=inner):
                target = inner
            case Binary("+" | "-", left):
                target = left
            case Assignment(target=inner):
                target = inner
            case _:
                return None
