"""Small changes to source programs, of the kinds that a programmer or a front end would get wrong.

Each is one change: an op, an operand, a subscript, a bound, a constant, a condition, a statement
dropped, doubled or moved. What the verifier of affine programs refuses is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from exalift.affine import (
    Affine,
    Apply,
    Assign,
    Cast,
    Constant,
    Constraint,
    Guard,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Reduce,
    children,
    verify_program,
    with_children,
)
from exalift.base import DType, ExaliftError

_FAMILIES = [
    ("add", "subtract", "multiply", "divide", "maximum", "minimum"),
    ("and", "or", "xor"),
    ("sqrt", "exponential", "negate", "abs", "tanh"),
    ("compare_lt", "compare_le", "compare_gt", "compare_ge", "compare_eq", "compare_ne"),
    ("shift_right_arithmetic", "shift_right_logical", "shift_left"),
]


def _affine(index: Affine, names: list[str]) -> Iterator[Affine]:
    yield index + 1
    yield index - 1
    for atom, coefficient in index.terms:
        if isinstance(atom, str):
            yield index - Affine.symbol(atom) * (2 * coefficient)
            for other in names:
                if other != atom:
                    yield index.substitute({atom: Affine.symbol(other)})


def _guards(guard: Guard) -> Iterator[Guard]:
    for k, conjunction in enumerate(guard.disjuncts):
        for j, constraint in enumerate(conjunction):
            for step in (1, -1):
                moved = Constraint(constraint.expression + step, constraint.equality)
                changed = (*conjunction[:j], moved, *conjunction[j + 1 :])
                yield Guard((*guard.disjuncts[:k], changed, *guard.disjuncts[k + 1 :]))
            shorter = (*conjunction[:j], *conjunction[j + 1 :])
            yield Guard((*guard.disjuncts[:k], shorter, *guard.disjuncts[k + 1 :]))
    yield ~guard


def _node(node, program: Program, names: list[str]) -> Iterator[object]:
    """Other expressions of the same type for the node itself."""
    match node:
        case Constant(value, dtype):
            if dtype is DType.I1:
                yield replace(node, value=not value)
            else:
                yield from (replace(node, value=v) for v in (value + 1, -value, 2 * value, 0) if v != value)
        case IndexValue(index, _):
            yield from (replace(node, index=other) for other in _affine(index, names))
        case Load(array, indices, dtype):
            for k, index in enumerate(indices):
                for other in _affine(index, names):
                    yield replace(node, indices=(*indices[:k], other, *indices[k + 1 :]))
            if len(indices) > 1:
                yield replace(node, indices=indices[::-1])
            rank = len(indices)
            for other in program.arrays:
                if other.name != array and other.dtype is dtype and len(other.shape) == rank:
                    yield replace(node, array=other.name)
        case Apply(function, operands, dtype):
            for family in _FAMILIES:
                if function in family:
                    yield from (replace(node, function=f) for f in family if f != function)
            if len(operands) > 1:
                yield replace(node, operands=(*operands[:-2], operands[-1], operands[-2]))
            yield from (operand for operand in operands if operand.dtype is dtype)
        case Cast(operand, dtype):
            for other in (DType.I8, DType.UI8, DType.I16, DType.UI32):
                if dtype.is_integer and operand.dtype.is_integer and other is not operand.dtype:
                    yield Cast(Cast(operand, other), dtype)
        case Reduce(guard=guard):
            yield from (replace(node, guard=other) for other in _guards(guard))
        case _:
            pass


def _expressions(expression, program: Program, names: list[str]) -> Iterator[object]:
    yield from _node(expression, program, names)
    below = children(expression)
    for k, child in enumerate(below):
        for changed in _expressions(child, program, names):
            yield with_children(expression, (*below[:k], changed, *below[k + 1 :]))


def _body(body, program: Program, names: list[str]) -> Iterator[tuple]:
    for k, statement in enumerate(body):
        before, after = body[:k], body[k + 1 :]
        yield (*before, *after)
        yield (*before, statement, statement, *after)
        if after:
            yield (*before, after[0], statement, *after[1:])
        for changed in _statement(statement, program, names):
            yield (*before, changed, *after)


def _statement(statement, program: Program, names: list[str]) -> Iterator[object]:
    match statement:
        case Assign(_, indices, value):
            for changed in _expressions(value, program, names):
                yield replace(statement, value=changed)
            for k, index in enumerate(indices):
                for other in _affine(index, names):
                    yield replace(statement, indices=(*indices[:k], other, *indices[k + 1 :]))
            if len(indices) > 1:
                yield replace(statement, indices=indices[::-1])
        case Loop(iv, lower, upper, body):
            for step in (1, -1):
                yield replace(statement, lower=tuple(bound + step for bound in lower))
                yield replace(statement, upper=tuple(bound + step for bound in upper))
            for changed in _body(body, program, [*names, iv]):
                yield replace(statement, body=changed)
        case If(guard, then, otherwise):
            yield from (replace(statement, guard=other) for other in _guards(guard))
            for changed in _body(then, program, names):
                yield replace(statement, then=changed)
            for changed in _body(otherwise, program, names):
                yield replace(statement, otherwise=changed)


def source_mutants(program: Program) -> Iterator[Program]:
    """All different changes of the kinds above that the verifier admits."""
    seen = {program.body}
    sizes = [size.name for size in program.sizes]
    for body in _body(program.body, program, sizes):
        if body in seen:
            continue
        seen.add(body)
        mutant = replace(program, body=body)
        try:
            verify_program(mutant)
        except (ExaliftError, ValueError, KeyError):
            continue
        yield mutant
    if program.returns is not None:
        for changed in _expressions(program.returns, program, sizes):
            yield replace(program, returns=changed)
