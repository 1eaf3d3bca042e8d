"""Loops that count, branches that select, calls that are inlined, and affine arithmetic on indices.

scf.for %i = %a to %b step %c iter_args(%s = %x) { yield f(%i, %s) }
=>  s := x;  for it in [0, ceil((b - a) / c)): s := f(a + c it, s)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exalift.affine import Affine
from exalift.dialects import ArrayValue, Node, TensorLoop, Update
from exalift.dialects import Operation as NodeOperation
from exalift.dialects.stablehlo import LoopRange, assign, broadcast, is_costly, op

from .. import scalars
from ..affine_maps import apply_map
from ..scalars import Extremum, Scalar
from ..source import Unsupported
from ..syntax import AffineMap, Operation, ScalarType, Value
from .reading import Buffer, Handler, Read, Reader, Scope, tensor_type


def _for(reader: Reader, operation: Operation, scope: Scope) -> Sequence[Read]:
    if scope.shape:
        raise Unsupported("a loop inside an elementwise region")
    lower, upper = (reader.index(operand, scope) for operand in operation.operands[:2])
    step = reader.affine(operation.operands[2], scope)
    if not step.is_constant or step.constant < 1:
        raise Unsupported("a loop whose step is not a positive constant")
    iv = reader.fresh("it")
    around, value = _range(iv, lower, upper, step.constant)
    block = operation.regions[0][0]
    states = _states(reader, operation.operands[3:], scope)
    inner = scope.inside(loops=(*scope.loops, around))
    inner.values.update(_shared(reader, operation, scope))
    dtype = tensor_type(block.arguments[0].type).dtype
    inner.values[block.arguments[0]] = scalars.indexed(Extremum.of(value), dtype)
    inner.values.update(
        (argument, _as_read(reader, state, argument))
        for argument, state in zip(block.arguments[1:], states, strict=True)
    )
    results = [as_node(reader, result) for result in reader.block(block, inner)]
    pairs = {state.name: result for state, result in zip(states, results, strict=True)}
    inner.steps.extend(assign(pairs, reader.fresh, reader.locals.append))
    if inner.steps:
        scope.steps.append(
            TensorLoop(iv, around.lower, around.upper, tuple(inner.steps), "a loop of the module")
        )
    return [_as_read(reader, s, r) for s, r in zip(states, operation.results, strict=True)]


def _range(iv: str, lower: Extremum, upper: Extremum, step: int) -> tuple[LoopRange, Affine]:
    """The range of a counter that goes up by 1, and the induction variable in terms of it."""
    symbol = Affine.symbol(iv)
    if not lower.fits(True) or not upper.fits(False):
        raise Unsupported("a loop from a minimum, or up to a maximum, of indices")
    if step == 1:
        return LoopRange(iv, lower.candidates, upper.candidates), symbol
    first = lower.single
    if first is None:
        raise Unsupported("a loop with a step that starts at a maximum of indices")
    ends = tuple((end - first + (step - 1)) // step for end in upper.candidates)
    return LoopRange(iv, (Affine(),), ends), first + symbol * step


def _states(reader: Reader, initial: Sequence[Value], scope: Scope) -> list[ArrayValue]:
    """Arrays for what the loop carries, with what it starts from."""
    states: list[ArrayValue] = []
    for value in initial:
        node = as_node(reader, reader.value(value, scope))
        state = reader.local("state", node.type)
        scope.steps.append(Update(state.name, node))
        states.append(state)
    return states


def as_node(reader: Reader, read: Read) -> Node:
    """A value as a tensor."""
    match read:
        case Scalar():
            return reader.elements.node(read, ())
        case Buffer():
            raise Unsupported("memory that is passed on as a value")
        case _:
            return read


def _as_read(reader: Reader, state: ArrayValue, value: Value) -> Read:
    """An array as the kind of value that stands for it: a tensor, or a scalar."""
    return reader.elements.element(state, ()) if isinstance(value.type, ScalarType) else state


def _shared(reader: Reader, operation: Operation, scope: Scope) -> dict[Value, Read]:
    """Values from outside that are costly and that the body uses: computed once, into arrays."""
    used = dict.fromkeys(o for inner in operation.walk() for o in inner.operands)
    found: dict[Value, Read] = {}
    for value in used:
        read = scope.values.get(value)
        if isinstance(read, NodeOperation) and is_costly(read):
            array = reader.local("shared", read.type)
            scope.steps.append(Update(array.name, read))
            found[value] = array
        elif isinstance(read, Scalar) and read.index is None and read.guard is None:
            node = reader.elements.node(read, ())
            if isinstance(node, NodeOperation) and is_costly(node):
                array = reader.local("shared", node.type)
                scope.steps.append(Update(array.name, node))
                found[value] = reader.elements.element(array, ())
    return found


def _if(reader: Reader, operation: Operation, scope: Scope) -> Sequence[Read]:
    """Both branches are pure, so that one is selected."""
    condition = reader.scalar(operation.operands[0], scope)
    branches: list[list[Read]] = []
    for region in operation.regions:
        inner = scope.inside(shape=scope.shape)
        branches.append(reader.block(region[0], inner) if region else [])
        if inner.steps:
            raise Unsupported("a branch with a loop or with effects")
    if not operation.results:
        return ()
    return [_selected(reader, condition, yes, no, scope) for yes, no in zip(*branches, strict=True)]


def _selected(reader: Reader, condition: Scalar, yes: Read, no: Read, scope: Scope) -> Read:
    elements = reader.elements
    if isinstance(yes, Scalar) and isinstance(no, Scalar):
        return elements.settled(scalars.selection(condition, yes, no), scope.shape)
    first, second = as_node(reader, yes), as_node(reader, no)
    holds = elements.table.make(broadcast(elements.node(condition, ()), first.type.shape, ()))
    return elements.table.make(op("select", holds, first, second))


def _call(reader: Reader, operation: Operation, scope: Scope) -> Sequence[Read]:
    name = str(operation.attributes.get("callee"))
    function = reader.functions.get(name)
    if function is None or not function.blocks:
        raise Unsupported(f"the call of {name}, which has no body")
    if name in scope.calls or scope.shape:
        raise Unsupported(f"the call of {name}, which calls itself, or in an elementwise region")
    given = [reader.value(operand, scope) for operand in operation.operands]
    inner = replace(
        scope,
        values=dict(zip(function.arguments, given, strict=True)),
        calls=(*scope.calls, name),
        depth=scope.depth + 1,
    )
    return reader.block(function.blocks[0], inner)


def _apply(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    return [_indexed(reader, operation, _mapped(reader, operation, scope)[0])]


def _extremum(reader: Reader, operation: Operation, scope: Scope) -> list[Read]:
    largest = operation.name == "affine.max"
    found = Extremum.combined(_mapped(reader, operation, scope), largest)
    if found is None:
        raise Unsupported("minima and maxima mix")
    return [_indexed(reader, operation, found)]


def _mapped(reader: Reader, operation: Operation, scope: Scope) -> tuple[Extremum, ...]:
    map = operation.attributes.get("map")
    if not isinstance(map, AffineMap):
        raise Unsupported(f"{operation.name} without a map")
    return apply_map(map, [reader.index(operand, scope) for operand in operation.operands])


def _indexed(reader: Reader, operation: Operation, found: Extremum) -> Scalar:
    return scalars.indexed(found, tensor_type(operation.results[0].type).dtype)


CONTROL_HANDLERS: dict[str, Handler] = {
    "affine.apply": _apply,
    "affine.max": _extremum,
    "affine.min": _extremum,
    "func.call": _call,
    "scf.for": _for,
    "scf.if": _if,
}
