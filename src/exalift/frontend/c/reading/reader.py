"""Functions, declarations and statements: from clang's cursors to `syntax`.

Everything is bounded: the depth of the tree, and the number of its nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .libclang import CType, Node, Unit
from .reader_expressions import read_expression
from .syntax import (
    Block,
    Declaration,
    Declare,
    DeclaredType,
    Evaluate,
    Expr,
    Function,
    IfStatement,
    Jump,
    LoopStatement,
    Statement,
    Storage,
    refusal,
)

MAX_DEPTH = 200
MAX_NODES = 60_000

_FOREIGN = {
    "BREAK_STMT": (
        "`break` makes the number of iterations depend on data",
        "put the condition into the bound",
    ),
    "GOTO_STMT": ("`goto` is not supported", "write a loop or an if"),
    "INDIRECT_GOTO_STMT": ("`goto` is not supported", "write a loop or an if"),
    "LABEL_STMT": ("labels are not supported", "write a loop or an if"),
    "SWITCH_STMT": ("`switch` is not supported", "write if and else"),
    "ASM_STMT": ("inline assembly is not supported", "write it in C"),
}


@dataclass
class Reader:
    """Reads functions of one file; declarations are shared between them."""

    unit: Unit
    declarations: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    nodes: int = 0

    def function(self, node: Node) -> Function:
        """A function definition. Raises Refusal for what `syntax` cannot say."""
        self.nodes = 0
        if node.is_variadic:
            raise refusal(node.span, "a variable number of arguments is not supported")
        parameters: list[Declaration] = []
        body: tuple[Statement, ...] = ()
        for child in node.children:
            if child.kind == "PARM_DECL":
                declaration = self.declaration(child)
                if not declaration.name:
                    declaration = replace(declaration, name=f"argument_{len(parameters)}")
                parameters.append(declaration)
            elif child.kind == "COMPOUND_STMT":
                body = self.statements(child.children, 1)
        result = node.result_type
        if result.kind not in ("scalar", "void"):
            raise refusal(
                node.span,
                f"a result of type `{result.spelling}` is not supported",
                "return a number, or write into an array that the caller gives",
            )
        return Function(node.spelling, tuple(parameters), body, result.dtype, node.span)

    def count(self, node: Node, depth: int) -> None:
        """Refuse what is nested too deeply or too large."""
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise refusal(node.span, f"nested more than {MAX_DEPTH} levels deep", "split it")
        if self.nodes > MAX_NODES:
            raise refusal(node.span, f"a function of more than {MAX_NODES} expressions and statements")

    # Declarations.

    def declaration(self, node: Node) -> Declaration:
        """The variable that a declaration declares; the same object every time."""
        definition = node.definition if node.kind == "VAR_DECL" and node.is_global else None
        node = definition or node
        known = self.declarations.get(node.key)
        if known is not None:
            return known
        storage = Storage.LOCAL
        if node.kind == "PARM_DECL":
            storage = Storage.PARAMETER
        elif node.is_global:
            storage = Storage.GLOBAL
        elif node.storage in ("STATIC", "EXTERN"):
            storage = Storage.STATIC
        first = node.initializer if node.kind == "VAR_DECL" else None
        extents = [child for child in node.children if child.is_expression]
        if first is not None:
            extents = extents[:-1]
        declared = self.declared_type(node, extents, node.type)
        value = None if first is None else read_expression(self, first, 1)
        declaration = Declaration(node.key, node.spelling, declared, storage, value, node.span)
        self.declarations[node.key] = declaration
        return declaration

    def declared_type(self, node: Node, extents: Sequence[Node], found: CType) -> DeclaredType:
        """The type of a declaration or cast; `extents` are the sizes written, innermost first."""
        pointer = found.kind == "pointer"
        restrict = found.restrict
        inner = found
        if pointer:
            assert found.target is not None
            inner = found.target
        counts: list[int | None] = []
        constant, volatile = inner.constant, inner.volatile or found.volatile
        while inner.kind == "array":
            assert inner.target is not None
            counts.append(inner.count)
            inner = inner.target
            constant, volatile = constant or inner.constant, volatile or inner.volatile
        if volatile:
            raise refusal(node.span, "a volatile object may change at any time", "remove `volatile`")
        if inner.kind == "pointer":
            raise refusal(
                node.span,
                "a pointer to pointers is not supported",
                "use one array of two dimensions, such as `double a[n][m]` or `double (*a)[m]`",
            )
        if inner.kind != "scalar" or inner.dtype is None:
            raise refusal(
                node.span,
                f"the type `{found.spelling}` is not supported",
                "supported are integers up to 64 bits, float, double, and arrays of and pointers to them",
            )
        sizes = [size for size in extents if size.is_expression]
        dims = self._extents(node, counts, sizes)
        return DeclaredType(inner.dtype, dims, pointer, restrict, constant)

    def _extents(
        self, node: Node, counts: Sequence[int | None], sizes: Sequence[Node]
    ) -> tuple[Expr | int | None, ...]:
        """Every extent, outermost first. A count of -1 is variable, None is not written."""
        outermost_first = list(reversed(sizes))
        variable = [count for count in counts if count == -1]
        written = [count for count in counts if count is not None]
        if len(outermost_first) == len(written):
            given = iter(outermost_first)
            aligned = [None if count is None else next(given) for count in counts]
        elif len(outermost_first) == len(variable):
            given = iter(outermost_first)
            aligned = [next(given) if count == -1 else None for count in counts]
        elif not variable:
            aligned = [None] * len(counts)
        else:
            raise refusal(node.span, "an array type of variable size behind a typedef is not supported")
        extents: list[Expr | int | None] = []
        for count, size in zip(counts, aligned, strict=True):
            if count == -1:
                assert size is not None
                extents.append(read_expression(self, size, 1))
            else:
                extents.append(count)
        return tuple(extents)

    # Statements.

    def statements(self, nodes: Sequence[Node], depth: int) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for node in nodes:
            found.extend(self._statement(node, depth))
        return tuple(found)

    def _one(self, node: Node, depth: int) -> tuple[Statement, ...]:
        """The body of a loop or a branch."""
        if node.kind == "COMPOUND_STMT":
            self.count(node, depth)
            return self.statements(node.children, depth + 1)
        return self._statement(node, depth)

    def _statement(self, node: Node, depth: int) -> tuple[Statement, ...]:
        self.count(node, depth)
        match node.kind:
            case "COMPOUND_STMT":
                return (Block(self.statements(node.children, depth + 1), node.span),)
            case "DECL_STMT":
                declared = [self.declaration(child) for child in node.children if child.kind == "VAR_DECL"]
                return (Declare(tuple(declared), node.span),) if declared else ()
            case "IF_STMT":
                return (self._if(node, depth),)
            case "FOR_STMT":
                return (self._for(node, depth),)
            case "WHILE_STMT":
                test, body = node.children
                condition = read_expression(self, test, depth + 1)
                inner = self._one(body, depth + 1)
                return (LoopStatement((), condition, None, inner, True, node.span),)
            case "DO_STMT":
                body, test = node.children
                inner = self._one(body, depth + 1)
                condition = read_expression(self, test, depth + 1)
                return (LoopStatement((), condition, None, inner, False, node.span),)
            case "RETURN_STMT":
                value = read_expression(self, node.children[0], depth + 1) if node.children else None
                return (Jump("return", value, node.span),)
            case "CONTINUE_STMT":
                return (Jump("continue", None, node.span),)
            case "NULL_STMT":
                return ()
            case kind if node.is_expression:
                return (Evaluate(read_expression(self, node, depth + 1), node.span),)
            case kind:
                message, hint = _FOREIGN.get(kind, (f"this statement ({kind.lower()}) is not supported", ""))
                raise refusal(node.span, message, hint)

    def _if(self, node: Node, depth: int) -> Statement:
        parts = node.children
        test = read_expression(self, parts[0], depth + 1)
        then = self._one(parts[1], depth + 1)
        otherwise = self._one(parts[2], depth + 1) if len(parts) > 2 else ()
        return IfStatement(test, then, otherwise, node.span)

    def _for(self, node: Node, depth: int) -> Statement:
        first, test, step = self._head(node)
        opening = self._statement(first, depth + 1) if first is not None else ()
        condition = read_expression(self, test, depth + 1) if test is not None else None
        advance = read_expression(self, step, depth + 1) if step is not None else None
        body = self._one(node.children[-1], depth + 1)
        return LoopStatement(opening, condition, advance, body, True, node.span)

    def _head(self, node: Node) -> tuple[Node | None, Node | None, Node | None]:
        """The three parts of a `for`; clang lists only those that are there."""
        parts = node.children[:-1]
        if len(parts) == 3:
            return parts[0], parts[1], parts[2]
        offsets = node.header_offsets
        if offsets is None:
            raise refusal(
                node.span, "a loop head from a macro that leaves out a part", "write all three parts"
            )
        slots: list[Node | None] = [None, None, None]
        for part in parts:
            slots[sum(1 for offset in offsets if part.offset > offset)] = part
        return slots[0], slots[1], slots[2]
