"""Refusing what C leaves undefined: a variable changed and used again without a sequence point between.

`a[i++] = b[j++]` is fine, `a[i++] = b[i]` is not. Names stand for what is reached through them: a variable
by itself, or the array behind a pointer.
"""

from __future__ import annotations

from collections.abc import Callable

from .syntax import (
    Assignment,
    Binary,
    Call,
    Conditional,
    Declaration,
    Dereference,
    Expr,
    Name,
    StatementExpression,
    Step,
    Subscript,
    base_declaration,
    expressions_in,
    refusal,
    sub_expressions,
)


def check_sequencing(root: Expr) -> None:
    """Raises Refusal where a full expression changes a variable that it also uses elsewhere."""
    for part in _sequenced_parts(root):
        _check(part)


def _sequenced_parts(root: Expr) -> list[Expr]:
    """The operands of `,`, and of `&&`, `||` and `?:` at the top, which come one after another."""
    pending, parts = [root], list[Expr]()
    while pending:
        expression = pending.pop()
        match expression:
            case Binary("," | "&&" | "||", left, right):
                pending += [right, left]
            case Conditional(test, then, otherwise):
                pending += [otherwise, then, test]
            case _:
                parts.append(expression)
    return parts


def _check(root: Expr) -> None:
    changes = [e for e in expressions_in(root) if isinstance(e, Assignment | Step) and e is not root]
    for change in changes:
        declaration = base_declaration(change.target)
        if declaration is None:
            raise refusal(change.span, "this side effect cannot be followed", "write it as a statement")
        outside = _mentions(root, declaration) - _mentions(change, declaration)
        if outside:
            raise refusal(
                change.span,
                f"`{declaration.name}` is changed and used again in one expression, in no defined order",
                "write the change as a statement of its own",
            )


def _mentions(root: Expr, declaration: Declaration) -> int:
    """How often a variable is named. Inside arguments, too: a call's arguments have no order."""
    count = 0
    pending = [root]
    while pending:
        expression = pending.pop()
        if isinstance(expression, Name) and expression.declaration == declaration:
            count += 1
        if isinstance(expression, StatementExpression):
            continue
        pending.extend(sub_expressions(expression))
    return count


def read_beside(root: Expr, call: Expr, is_followed: Callable[[Declaration], bool]) -> Expr | None:
    """Something in memory that an expression reads outside of one of its calls, which might change it."""
    pending: list[Expr] = [root]
    if isinstance(root, Assignment) and not root.operator:
        # The target of a plain assignment is not read, only what leads to it.
        pending = [root.value]
        if not isinstance(root.target, Name):
            pending += sub_expressions(root.target)
    while pending:
        expression = pending.pop()
        if expression is call:
            continue
        match expression:
            case Subscript() | Dereference() if expression.dtype is not None:
                return expression
            case Name(declaration) if expression.dtype is not None and not is_followed(declaration):
                return expression
            case _:
                pending.extend(sub_expressions(expression))
    return None


def has_effects(root: Expr) -> bool:
    """Whether evaluating it may change something (calls of functions count)."""
    return any(isinstance(e, Assignment | Step | StatementExpression | Call) for e in expressions_in(root))
