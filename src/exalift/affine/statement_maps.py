"""Rebuilding a program's statements with every affine expression replaced by what a map says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .affine_expression import Affine
from .expressions import Expression, GuardValue, IndexValue, Load, Reduce
from .guards import Constraint, Guard
from .ir import Assign, If, Loop, Statement
from .traversal import rewrite

Scope = Mapping[str, int]
"""The number of the loop that each induction variable in scope belongs to, in source order."""


class StatementMap:
    """Walks statements in source order and rebuilds them; a subclass says what becomes of each affine
    expression, or only looks at them. By default everything stays."""

    def __init__(self) -> None:
        self._count = 0

    def lower(self, number: int, bound: Affine, scope: Scope) -> Affine:
        return bound

    def upper(self, number: int, bound: Affine, scope: Scope) -> Affine:
        return bound

    def subscript(self, array: str, position: int, index: Affine, scope: Scope) -> Affine:
        return index

    def constraint(self, row: Constraint, scope: Scope) -> Constraint:
        return row

    def index_value(self, index: Affine, scope: Scope) -> Affine:
        return index

    def guard(self, guard: Guard, scope: Scope) -> Guard:
        return Guard(tuple(tuple(self.constraint(row, scope) for row in d) for d in guard.disjuncts))

    def body(self, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """The statements of a whole program, rebuilt."""
        self._count = 0
        return self._body(statements, {})

    def _body(self, statements: tuple[Statement, ...], scope: Scope) -> tuple[Statement, ...]:
        return tuple(self._statement(statement, scope) for statement in statements)

    def _statement(self, statement: Statement, scope: Scope) -> Statement:
        match statement:
            case Assign(array, indices, value):
                made = tuple(self.subscript(array, d, index, scope) for d, index in enumerate(indices))
                return replace(statement, indices=made, value=self.expression(value, scope))
            case If(guard, then, otherwise):
                return replace(
                    statement,
                    guard=self.guard(guard, scope),
                    then=self._body(then, scope),
                    otherwise=self._body(otherwise, scope),
                )
            case Loop(iv, lower, upper, body):
                number = self._count
                self._count += 1
                return replace(
                    statement,
                    lower=tuple(self.lower(number, bound, scope) for bound in lower),
                    upper=tuple(self.upper(number, bound, scope) for bound in upper),
                    body=self._body(body, {**scope, iv: number}),
                )

    def expression(self, value: Expression, scope: Scope) -> Expression:
        """An expression, rebuilt; extents of reductions stay."""

        def change(node: Expression) -> Expression:
            match node:
                case Load(array, indices):
                    made = tuple(self.subscript(array, d, index, scope) for d, index in enumerate(indices))
                    return replace(node, indices=made)
                case GuardValue(guard):
                    return replace(node, guard=self.guard(guard, scope))
                case IndexValue(index):
                    return replace(node, index=self.index_value(index, scope))
                case Reduce(guard=guard):
                    return replace(node, guard=self.guard(guard, scope))
                case _:
                    return node

        return rewrite(value, change)


class Substitution(StatementMap):
    """Symbols replaced by expressions everywhere."""

    def __init__(self, mapping: Mapping[str, Affine]) -> None:
        super().__init__()
        self.mapping = mapping

    def lower(self, number: int, bound: Affine, scope: Scope) -> Affine:
        return bound.substitute(self.mapping)

    def upper(self, number: int, bound: Affine, scope: Scope) -> Affine:
        return bound.substitute(self.mapping)

    def subscript(self, array: str, position: int, index: Affine, scope: Scope) -> Affine:
        return index.substitute(self.mapping)

    def constraint(self, row: Constraint, scope: Scope) -> Constraint:
        return Constraint(row.expression.substitute(self.mapping), row.equality)

    def index_value(self, index: Affine, scope: Scope) -> Affine:
        return index.substitute(self.mapping)
