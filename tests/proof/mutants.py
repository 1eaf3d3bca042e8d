"""Small changes to lifted programs, of the kinds that a wrong search or a wrong rewrite would make.

A mutant is well typed. Whether it means something else is decided by running it against the
original at sizes that the prover does not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from exalift.affine import Affine
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.dialects import (
    ArrayValue,
    ConstantValue,
    Dialect,
    IndexScalar,
    Operation,
    TensorLoop,
    TensorProgram,
    Update,
    evaluate_program,
    postorder,
)

# Ops that are taken for each other, where the types allow.
_CONFUSIONS = [
    ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power"),
    ("and", "or", "xor"),
    ("sqrt", "exponential", "negate", "abs", "tanh"),
    ("shift_right_arithmetic", "shift_right_logical", "shift_left"),
]
_DIRECTIONS = ("LT", "LE", "GT", "GE", "EQ", "NE")


def _rebuilt(name, operands, attributes, dialect: Dialect):
    """The op with its type inferred anew; None where it does not type."""
    definition = dialect.by_name.get(name)
    if definition is None or definition.arity != len(operands):
        return None
    try:
        type = definition.result_type(tuple(o.type for o in operands), attributes)
    except Exception:
        return None
    return None if type is None else Operation(name, tuple(operands), attributes, type)


def _replaced(root, old, new, dialect):
    """The DAG with one node for another; None where a user of it does not type any more."""
    images = {}
    for node in postorder(root):
        if node is old:
            images[node] = new
        elif isinstance(node, Operation):
            operands = tuple(images[operand] for operand in node.operands)
            if operands == node.operands:
                images[node] = node
                continue
            image = _rebuilt(node.name, operands, node.attributes, dialect)
            if image is None:
                return None
            images[node] = image
        else:
            images[node] = node
    return images[root]


def _attribute_values(value) -> Iterator[object]:
    """Values near one of an attribute: bumped numbers, swapped entries, other names."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | Affine):
        yield value + 1
        yield value - 1
    elif isinstance(value, str):
        if value in _DIRECTIONS:
            yield from (d for d in _DIRECTIONS if d != value)
        if value in ("add", "multiply", "maximum", "minimum"):
            yield from (f for f in ("add", "multiply", "maximum", "minimum") if f != value)
    elif isinstance(value, tuple):
        for k in range(len(value)):
            for changed in _attribute_values(value[k]):
                yield (*value[:k], changed, *value[k + 1 :])
            for other in range(k):
                swapped = list(value)
                swapped[k], swapped[other] = swapped[other], swapped[k]
                yield tuple(swapped)


def _changed_attributes(attributes) -> Iterator[tuple]:
    for k, (name, value) in enumerate(attributes):
        for changed in _attribute_values(value):
            yield (*attributes[:k], (name, changed), *attributes[k + 1 :])
    # A window that moves by one keeps its length.
    names = dict(attributes)
    if {"start_indices", "limit_indices"} <= names.keys():
        for k in range(len(names["start_indices"])):
            for step in (1, -1):
                moved = dict(names)
                for name in ("start_indices", "limit_indices"):
                    old = names[name]
                    moved[name] = (*old[:k], old[k] + step, *old[k + 1 :])
                yield tuple(moved.items())
    if {"edge_padding_low", "edge_padding_high"} <= names.keys():
        for k in range(len(names["edge_padding_low"])):
            for step in (1, -1):
                moved = dict(names)
                for name, sign in (("edge_padding_low", 1), ("edge_padding_high", -1)):
                    old = names[name]
                    moved[name] = (*old[:k], old[k] + sign * step, *old[k + 1 :])
                yield tuple(moved.items())


def _substitutes(node, leaves, dialect) -> Iterator[object]:
    match node:
        case ConstantValue(value, type):
            if type.dtype is DType.I1:
                yield ConstantValue(not value, type)
            else:
                yield from (
                    ConstantValue(v, type) for v in (value + 1, -value, value * 2, 0, 1) if v != value
                )
        case IndexScalar(index, type):
            yield IndexScalar(index + 1, type)
            yield IndexScalar(index - 1, type)
        case ArrayValue():
            yield from (leaf for leaf in leaves if leaf != node and leaf.type == node.type)
        case Operation(name, operands, attributes, _):
            for swapped in dict.fromkeys((operands[::-1], operands[:1] + operands[:0:-1])):
                if swapped != operands:
                    yield _rebuilt(name, swapped, attributes, dialect)
            yield from operands
            short = name.removeprefix("stablehlo.")
            for family in _CONFUSIONS:
                if short in family:
                    yield from (_rebuilt(f"stablehlo.{f}", operands, attributes, dialect) for f in family)
            for changed in _changed_attributes(attributes):
                yield _rebuilt(name, operands, changed, dialect)
    rank = node.type.rank
    for a in range(rank):
        for b in range(a):
            order = list(range(rank))
            order[a], order[b] = order[b], order[a]
            yield _rebuilt("stablehlo.transpose", (node,), (("permutation", tuple(order)),), dialect)
    if rank:
        yield _rebuilt("stablehlo.reverse", (node,), (("dimensions", (0,)),), dialect)


def _values(value, leaves, dialect) -> Iterator[object]:
    """Other DAGs of the same type."""
    for node in postorder(value):
        for new in _substitutes(node, leaves, dialect):
            if new is None or new == node or new.type.dtype is not node.type.dtype:
                continue
            result = _replaced(value, node, new, dialect)
            if result is not None and result.type == value.type and result != value:
                yield result


def _steps(steps, leaves, dialect) -> Iterator[tuple]:
    for k, step in enumerate(steps):
        before, after = steps[:k], steps[k + 1 :]
        yield (*before, *after)
        if after:
            yield (*before, after[0], step, *after[1:])
        match step:
            case Update(value=value):
                for changed in _values(value, leaves, dialect):
                    yield (*before, replace(step, value=changed), *after)
            case TensorLoop(lower=lower, upper=upper, body=body):
                for shift in (1, -1):
                    yield (*before, replace(step, lower=tuple(b + shift for b in lower)), *after)
                    yield (*before, replace(step, upper=tuple(b + shift for b in upper)), *after)
                for changed in _steps(body, leaves, dialect):
                    yield (*before, replace(step, body=changed), *after)


def mutants(program: TensorProgram, dialect: Dialect) -> tuple[TensorProgram, ...]:
    """All different well-typed changes of the kinds above, one change each."""
    leaves = [ArrayValue(a.name, a.type) for a in program.arguments + program.locals]
    found = {replace(program, body=body): None for body in _steps(program.body, leaves, dialect)}
    found.pop(program, None)
    return tuple(found)


def differs(kernel, mutant: TensorProgram, sizes_list) -> bool:
    """Whether machine runs tell a mutant from the right program, inputs of several kinds, larger sizes."""
    machine = Machine()
    for sizes in sizes_list:
        for seed, style in enumerate(("normal", "ties", "positive", "huge")):
            generator = np.random.default_rng(seed)
            inputs = {}
            for argument in mutant.arguments:
                shape, dtype = argument.type.at(sizes), argument.type.dtype
                values = machine.random(generator, shape, dtype)
                if style == "ties" or (style != "normal" and not dtype.is_float):
                    values = machine.index(generator.integers(-2, 3, shape), dtype)
                elif style != "normal":
                    values = np.abs(values) * (100 if style == "huge" else 1) + 0.5
                inputs[argument.name] = np.asarray(values)
            try:
                right = evaluate_program(kernel.lifted, inputs, sizes, machine, kernel.dialect)
                wrong = evaluate_program(mutant, inputs, sizes, machine, kernel.dialect)
            except Exception:
                return True
            for result in kernel.lifted.results:
                one, other = right[result.name], wrong[result.name]
                if one.shape != other.shape or not machine.equal(one, other, result.type.dtype).all():
                    return True
    return False
