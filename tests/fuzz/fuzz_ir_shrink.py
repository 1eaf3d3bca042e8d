"""Makes a failing affine program smaller, greedily, while it keeps failing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Cast,
    Constant,
    Expression,
    If,
    Load,
    Loop,
    Program,
    Reduce,
    Role,
    Statement,
    print_program,
    rewrite,
    substitute,
)

Block = tuple[Statement, ...]


def shrink_program(program: Program, fails: Callable[[Program], bool], seconds: float = 60.0) -> Program:
    """The smallest program found within the time for which `fails` is still true, as it is for `program`."""
    end = time.monotonic() + seconds
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for candidate in program_candidates(program):
            if time.monotonic() > end:
                break
            if _weight(candidate) < _weight(program) and fails(candidate):
                program, progress = candidate, True
                break
    return program


def _weight(program: Program) -> int:
    return len(print_program(program))


def program_candidates(program: Program) -> Iterator[Program]:
    """Smaller programs: statements gone, loops run once, branches taken, expressions cut, arrays gone."""
    for body in _smaller_blocks(program.body):
        if body:
            yield replace(program, body=body)
    for array in program.arrays:
        if f"{array.name}[" not in (text := _body_text(program)) and f"{array.name} " not in text:
            rest = tuple(a for a in program.arrays if a is not array)
            names = tuple(p for p in program.parameters if p != array.name)
            yield replace(program, arrays=rest, parameters=names)
        for shape in _smaller_shapes(array):
            changed = replace(array, shape=shape)
            yield replace(program, arrays=tuple(changed if a is array else a for a in program.arrays))
        if array.shape and array.role is Role.LOCAL:
            exposed = replace(array, role=Role.PARAMETER)
            arrays = tuple(exposed if a is array else a for a in program.arrays)
            yield replace(program, arrays=arrays, parameters=(*program.parameters, array.name))
        yield from _without_axis(program, array)


def _body_text(program: Program) -> str:
    """The printed body, without the declarations of locals before it."""
    declarations = sum(array.role is Role.LOCAL for array in program.arrays)
    return print_program(program).split("{", 1)[1].split(";\n", declarations)[-1]


def _smaller_shapes(array: Array) -> Iterator[tuple[Affine, ...]]:
    for axis, extent in enumerate(array.shape):
        for smaller in (Affine.symbol("n"), extent - extent.constant):
            if smaller != extent and len(str(smaller)) < len(str(extent)):
                yield (*array.shape[:axis], smaller, *array.shape[axis + 1 :])


def _without_axis(program: Program, array: Array) -> Iterator[Program]:
    """The program with one axis of the array dropped everywhere."""
    for axis in range(len(array.shape)):
        changed = replace(array, shape=_dropped(array.shape, axis))
        yield replace(
            program,
            arrays=tuple(changed if a is array else a for a in program.arrays),
            body=tuple(_statement_without_axis(s, array.name, axis) for s in program.body),
        )


def _dropped(indices: tuple[Affine, ...], axis: int) -> tuple[Affine, ...]:
    return indices[:axis] + indices[axis + 1 :]


def _statement_without_axis(statement: Statement, name: str, axis: int) -> Statement:
    def on_load(node: Expression) -> Expression:
        if isinstance(node, Load) and node.array == name:
            return replace(node, indices=_dropped(node.indices, axis))
        return node

    def on_block(block: Block) -> Block:
        return tuple(_statement_without_axis(s, name, axis) for s in block)

    match statement:
        case Assign(array=target, indices=indices, value=value):
            kept = _dropped(indices, axis) if target == name else indices
            return replace(statement, indices=kept, value=rewrite(value, on_load))
        case Loop(body=body):
            return replace(statement, body=on_block(body))
        case If(then=then, otherwise=otherwise):
            return replace(statement, then=on_block(then), otherwise=on_block(otherwise))


def _smaller_blocks(block: Block) -> Iterator[Block]:
    for position in range(len(block)):
        yield block[:position] + block[position + 1 :]
    for position, statement in enumerate(block):
        for inner in _instead(statement):
            yield block[:position] + inner + block[position + 1 :]


def _instead(statement: Statement) -> Iterator[Block]:
    """What may stand in place of the statement."""
    match statement:
        case Loop(iv=iv, lower=lower, body=body):
            yield tuple(_at(s, iv, lower[0]) for s in body)
            if lower != (Affine(),):
                yield (replace(statement, lower=(Affine(),)),)
            yield from ((replace(statement, body=smaller),) for smaller in _smaller_blocks(body) if smaller)
        case If(then=then, otherwise=otherwise):
            yield then
            yield otherwise
            if otherwise:
                yield (replace(statement, otherwise=()),)
            yield from ((replace(statement, then=smaller),) for smaller in _smaller_blocks(then) if smaller)
            yield from ((replace(statement, otherwise=smaller),) for smaller in _smaller_blocks(otherwise))
        case Assign(indices=indices, value=value):
            yield from ((replace(statement, value=smaller),) for smaller in _smaller(value))
            for axis, index in enumerate(indices):
                for simple in _simpler_index(index):
                    changed = (*indices[:axis], simple, *indices[axis + 1 :])
                    yield (replace(statement, indices=changed),)


def _simpler_index(index: Affine) -> Iterator[Affine]:
    if index.terms:
        yield Affine()
        yield index - index.constant
    for atom, _ in index.terms:
        if isinstance(atom, str):
            yield Affine.symbol(atom)


def _smaller(expression: Expression) -> Iterator[Expression]:
    match expression:
        case Apply(operands=operands, dtype=dtype):
            for operand in operands:
                if operand.dtype is dtype:
                    yield operand
            for position, operand in enumerate(operands):
                for smaller in _smaller(operand):
                    yield replace(
                        expression, operands=(*operands[:position], smaller, *operands[position + 1 :])
                    )
        case Cast(operand=operand):
            yield from (replace(expression, operand=smaller) for smaller in _smaller(operand))
        case Reduce(body=body):
            yield from (replace(expression, body=smaller) for smaller in _smaller(body))
        case Load(indices=indices, dtype=dtype):
            if dtype.is_float or dtype.is_integer:
                yield Constant(1, dtype)
            for axis, index in enumerate(indices):
                for simple in _simpler_index(index):
                    yield replace(expression, indices=(*indices[:axis], simple, *indices[axis + 1 :]))
        case _:
            return


def _at(statement: Statement, iv: str, value: Affine) -> Statement:
    """The statement with the induction variable replaced by its value."""
    mapping = {iv: value}

    match statement:
        case Assign(indices=indices, value=expression):
            places = tuple(i.substitute(mapping) for i in indices)
            return replace(statement, indices=places, value=substitute(expression, mapping))
        case Loop(lower=lower, upper=upper, body=body):
            return replace(
                statement,
                lower=tuple(bound.substitute(mapping) for bound in lower),
                upper=tuple(bound.substitute(mapping) for bound in upper),
                body=tuple(_at(s, iv, value) for s in body),
            )
        case If(guard=guard, then=then, otherwise=otherwise):
            return replace(
                statement,
                guard=guard.substitute(mapping),
                then=tuple(_at(s, iv, value) for s in then),
                otherwise=tuple(_at(s, iv, value) for s in otherwise),
            )
