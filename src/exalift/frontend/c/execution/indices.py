"""Expressions that must be followed: subscripts, extents, distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exalift.base import Span

from ..reading import Dereference, Expr, Name, Subscript, expressions_in, refusal
from ..terms import Poly, as_tracked

if TYPE_CHECKING:
    from .execution import Execution


def index(execution: Execution, expression: Expr, what: str) -> Poly:
    """An expression that must be followed: a subscript, an extent, a distance."""
    value = execution.arithmetic(expression)
    followed = as_tracked(value)
    if followed is None or followed.dtype.is_float:
        raise refusal(
            expression.span,
            f"{what} depends on data{explain(execution, expression)}",
            "it must be computed from loop counters, sizes and constants alone",
        )
    return followed.value


def explain(execution: Execution, root: Expr) -> str:
    """Why an expression cannot be followed, as the end of a sentence."""
    for expression in expressions_in(root):
        match expression:
            case Name(declaration) if expression.dtype is not None and not expression.dtype.is_float:
                if not execution.is_followed(declaration):
                    return f": `{declaration.name}`, because {execution.reason(declaration)}"
            case Name(declaration) if expression.dtype is not None:
                return f": `{declaration.name}` is floating point"
            case Subscript() | Dereference() if expression.dtype is not None:
                return ", an element of an array"
            case _:
                pass
    return ""


def known_extents(execution: Execution, given: tuple[Expr | int | None, ...], span: Span) -> tuple[Poly, ...]:
    """The extents of an array type, all of them known."""
    found = maybe_extents(execution, given)
    known = tuple(extent for extent in found if extent is not None)
    if len(known) < len(found):
        raise refusal(span, "an array whose extent is not given", "write its extent")
    return known


def maybe_extents(execution: Execution, given: tuple[Expr | int | None, ...]) -> tuple[Poly | None, ...]:
    found: list[Poly | None] = []
    for extent in given:
        if extent is None or isinstance(extent, int):
            found.append(None if extent is None else Poly.of(extent))
        else:
            found.append(index(execution, extent, "the extent of the array"))
    return tuple(found)
