"""Expressions: from clang's cursors to `syntax`."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from exalift.base import DType

from ..terms import ENDING, KNOWN, find
from .libclang import CType, Node
from .syntax import (
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

if TYPE_CHECKING:
    from .reader import Reader

# CXBinaryOperatorKind and CXUnaryOperatorKind of libclang 18.
_BINARY = {
    3: "*",
    4: "/",
    5: "%",
    6: "+",
    7: "-",
    8: "<<",
    9: ">>",
    11: "<",
    12: ">",
    13: "<=",
    14: ">=",
    15: "==",
    16: "!=",
    17: "&",
    18: "^",
    19: "|",
    20: "&&",
    21: "||",
    33: ",",
}
_ASSIGNMENT = {
    22: "",
    23: "*",
    24: "/",
    25: "%",
    26: "+",
    27: "-",
    28: "<<",
    29: ">>",
    30: "&",
    31: "^",
    32: "|",
}
_STEPS = {1: (1, False), 2: (-1, False), 3: (1, True), 4: (-1, True)}
_UNARY = {8: "-", 9: "~", 10: "!"}
_ADDRESS, _DEREFERENCE, _PLUS, _EXTENSION = 5, 6, 7, 13

_FOREIGN = {
    "MEMBER_REF_EXPR": ("a struct member", "pass the fields as parameters, or use one array a field"),
    "STRING_LITERAL": ("a string", ""),
    "IMAGINARY_LITERAL": ("complex arithmetic", "keep real and imaginary parts in arrays of their own"),
    "COMPOUND_LITERAL_EXPR": ("a compound literal", "declare a variable instead"),
    "ADDR_LABEL_EXPR": ("the address of a label", ""),
    "GENERIC_SELECTION_EXPR": ("_Generic", "call the function for the type that you mean"),
}


def read_expression(reader: Reader, node: Node, depth: int) -> Expr:
    """Raises Refusal for what the tree has no node for."""
    reader.count(node, depth)
    match node.kind:
        case "UNEXPOSED_EXPR" | "PAREN_EXPR":
            return _transparent(reader, node, depth)
        case "INTEGER_LITERAL" | "CHARACTER_LITERAL" | "FLOATING_LITERAL":
            return _literal(node)
        case "DECL_REF_EXPR":
            return _name(reader, node)
        case "ARRAY_SUBSCRIPT_EXPR":
            base, index = (read_expression(reader, child, depth + 1) for child in node.children)
            if base.dtype is not None:
                base, index = index, base  # C has 3[a], too.
            return Subscript(base, index, _dtype(node), node.span)
        case "BINARY_OPERATOR" | "COMPOUND_ASSIGNMENT_OPERATOR":
            return _binary(reader, node, depth)
        case "UNARY_OPERATOR":
            return _unary(reader, node, depth)
        case "CONDITIONAL_OPERATOR":
            test, then, otherwise = (read_expression(reader, child, depth + 1) for child in node.children)
            return Conditional(test, then, otherwise, _dtype(node), node.span)
        case "CALL_EXPR":
            return _call(reader, node, depth)
        case "CSTYLE_CAST_EXPR":
            return _cast(reader, node, depth)
        case "CXX_UNARY_EXPR":
            return _constant(node, "sizeof of something whose size is not fixed")
        case "INIT_LIST_EXPR":
            return _list(reader, node, depth)
        case "StmtExpr":
            return _statement_expression(reader, node, depth)
        case kind:
            what, hint = _FOREIGN.get(kind, (f"this expression ({kind.lower()})", ""))
            raise refusal(node.span, f"{what} is not supported", hint)


def _dtype(node: Node) -> DType | None:
    """The element type of the value; None unless it is arithmetic."""
    found = node.type
    if found.kind == "scalar":
        if found.volatile:
            raise refusal(node.span, "a volatile object may change at any time", "remove `volatile`")
        return found.dtype
    if found.kind == "other":
        _reject(node, found)
    return None


def _reject(node: Node, found: CType) -> None:
    if "(" in found.spelling:
        return  # A function: its name in a call.
    if "builtin" in found.spelling:
        return
    raise refusal(
        node.span,
        f"the type `{found.spelling}` is not supported",
        "supported are integers up to 64 bits, float, double, and arrays of and pointers to them",
    )


def _transparent(reader: Reader, node: Node, depth: int) -> Expr:
    children = node.children
    if len(children) != 1:
        return _constant(node, "this expression")
    inner = read_expression(reader, children[0], depth + 1)
    dtype = _dtype(node)
    if node.kind == "PAREN_EXPR" or dtype is None or dtype is inner.dtype:
        return inner
    return Conversion(inner, dtype, node.span)


def _literal(node: Node) -> Expr:
    value, dtype = node.value, _dtype(node)
    if value is None or dtype is None:
        raise refusal(node.span, f"the literal of type `{node.type.spelling}` is not supported")
    if dtype.is_float:
        return float_literal(float(value), dtype, node)
    return IntegerLiteral(int(value), dtype, node.span)


def float_literal(value: float, dtype: DType, node: Node) -> FloatLiteral:
    exact = Fraction(value) if math.isfinite(value) else value
    return FloatLiteral(exact, dtype, node.span)


def _constant(node: Node, what: str) -> Expr:
    """An expression that clang evaluates for us."""
    value, dtype = node.value, _dtype(node)
    if value is None or dtype is None:
        raise refusal(node.span, f"{what} is not supported")
    if dtype.is_float:
        return float_literal(float(value), dtype, node)
    return IntegerLiteral(int(value), dtype, node.span)


def _name(reader: Reader, node: Node) -> Expr:
    target = node.referenced
    if target is None:
        raise refusal(node.span, f"`{node.spelling}` refers to nothing known")
    match target.kind:
        case "ENUM_CONSTANT_DECL":
            return IntegerLiteral(target.enumerator, _dtype(node) or DType.I32, node.span)
        case "PARM_DECL" | "VAR_DECL":
            return Name(reader.declaration(target), _dtype(node), node.span)
        case "FUNCTION_DECL":
            raise refusal(node.span, f"the function `{node.spelling}` is used as a value", "call it instead")
        case _:
            raise refusal(node.span, f"`{node.spelling}` is not supported here")


def _binary(reader: Reader, node: Node, depth: int) -> Expr:
    code = node.binary_operator
    left, right = (read_expression(reader, child, depth + 1) for child in node.children)
    if code in _ASSIGNMENT:
        return Assignment(_ASSIGNMENT[code], left, right, _dtype(node), node.span)
    if code in _BINARY:
        return Binary(_BINARY[code], left, right, _dtype(node), node.span)
    raise refusal(node.span, "this operator is not supported")


def _unary(reader: Reader, node: Node, depth: int) -> Expr:
    code = node.unary_operator
    operand = read_expression(reader, node.children[0], depth + 1)
    dtype = _dtype(node)
    if code in _STEPS:
        by, prefix = _STEPS[code]
        return Step(by, prefix, operand, dtype, node.span)
    if code in _UNARY:
        return Unary(_UNARY[code], operand, dtype, node.span)
    if code in (_PLUS, _EXTENSION):
        return operand
    if code == _DEREFERENCE:
        return Dereference(operand, dtype, node.span)
    if code == _ADDRESS:
        return AddressOf(operand, node.span)
    raise refusal(node.span, "this operator is not supported")


def _call(reader: Reader, node: Node, depth: int) -> Expr:
    callee = node.children[0] if node.children else None
    target = callee
    while target is not None and target.kind in ("UNEXPOSED_EXPR", "PAREN_EXPR") and target.children:
        target = target.children[0]
    if target is None or target.kind != "DECL_REF_EXPR":
        raise refusal(node.span, "a call through a pointer is not supported", "call the function by its name")
    referenced = target.referenced
    if referenced is not None and referenced.kind != "FUNCTION_DECL":
        raise refusal(node.span, "a call through a pointer is not supported", "call the function by its name")
    dtype = _dtype(node) if node.type.kind in ("scalar", "other") else None
    if target.spelling.startswith("__builtin_") and not node.children[1:]:
        return _constant(node, f"`{target.spelling}`")
    name = target.spelling
    if name in ENDING:
        return Call(name, (), dtype, node.span)  # Its arguments are messages.
    if name not in reader.unit.definitions and name not in KNOWN and find(name) is None:
        # Refused when it is reached: it may stand before an `exit`, like the report of an error.
        return Call(name, (), dtype, node.span)
    arguments = tuple(read_expression(reader, child, depth + 1) for child in node.children[1:])
    return Call(name, arguments, dtype, node.span)


def _cast(reader: Reader, node: Node, depth: int) -> Expr:
    operand = read_expression(reader, node.children[-1], depth + 1)
    if node.type.kind == "void":
        return Conversion(operand, None, node.span)
    if node.type.kind == "pointer":
        if node.type.target is not None and node.type.target.kind == "void":
            return operand  # For `free` and `memset`, and in NULL.
        declared = reader.declared_type(node, node.children[:-1], node.type)
        return Conversion(operand, None, node.span, declared)
    dtype = _dtype(node)
    return operand if dtype is operand.dtype else Conversion(operand, dtype, node.span)


def _list(reader: Reader, node: Node, depth: int) -> Expr:
    items: list[tuple[int, Expr]] = []
    position = 0
    for child in node.children:
        value = child
        if child.kind == "UNEXPOSED_EXPR" and child.type.kind == "void" and len(child.children) == 2:
            # A designator, `[position] = value`.
            place, value = child.children
            index = place.value
            if not isinstance(index, int):
                raise refusal(child.span, "this designator is not supported", "list the elements in order")
            position = index
        items.append((position, read_expression(reader, value, depth + 1)))
        position += 1
    return InitializerList(tuple(items), node.span)


def _statement_expression(reader: Reader, node: Node, depth: int) -> Expr:
    children = node.children[0].children if node.children else ()
    if children and children[-1].is_expression and node.type.kind != "void":
        body = reader.statements(children[:-1], depth + 1)
        value = read_expression(reader, children[-1], depth + 1)
        return StatementExpression(body, value, value.dtype, node.span)
    return StatementExpression(reader.statements(children, depth + 1), None, None, node.span)
