"""Running lifted programs in any algebra, each op by the formula of its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import numpy as np

from exalift.affine import Affine, Apply, Cast, Expression, Formula, Load, evaluate, substitute
from exalift.affine.algebra import Algebra, Values
from exalift.base import UsageError, VerificationError

from .definition import Dialect
from .graph import (
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
    postorder,
)
from .types import TensorType

_ONE = Affine.of(1)


def evaluate_node(
    node: Node, arrays: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra, dialect: Dialect
) -> Values:
    """The value of a DAG's root; every node is computed once.

    `arrays` are the contents of the named arrays in the algebra's storage; `sizes` gives the size
    parameters and the induction variables of the loops around. Raises UsageError for an op that the
    dialect does not define or that has no formula, KeyError for an array or symbol without a value.
    """
    return _Runner(sizes, algebra, dialect).value(node, arrays, sizes)


def evaluate_program(
    program: TensorProgram,
    inputs: Mapping[str, Values],
    sizes: Mapping[str, int],
    algebra: Algebra,
    dialect: Dialect,
) -> dict[str, Values]:
    """Run a lifted program, loops included, and give its results by result name.

    Locals start as zeros; `inputs` may hold more than the arguments and is not changed. Raises
    UsageError for a missing size, a missing or misshapen input or an op without a formula, and
    VerificationError where a value does not have its array's shape.
    """
    for size in program.sizes:
        if size not in sizes:
            raise UsageError(f"{program.name}: no value for the size {size!r}")
    arrays = _initial(program, inputs, sizes, algebra)
    runner = _Runner(sizes, algebra, dialect)
    # A stack of pending steps with the environments they run in, so that loops do not recurse.
    pending: list[tuple[Step, Mapping[str, int]]] = [(step, sizes) for step in reversed(program.body)]
    while pending:
        step, here = pending.pop()
        match step:
            case Update(array, value):
                result = runner.value(value, arrays, here)
                if array not in arrays or result.shape != arrays[array].shape:
                    raise VerificationError(f"{program.name}: {array!r} is given shape {result.shape}")
                arrays[array] = result
            case TensorLoop(iv, lower, upper, body):
                start = max(bound.at(here) for bound in lower)
                stop = min(bound.at(here) for bound in upper)
                for value in reversed(range(start, stop)):
                    inside = {**here, iv: value}
                    pending += [(inner, inside) for inner in reversed(body)]
            case _:
                assert_never(step)
    return {result.name: arrays[result.array] for result in program.results}


def _initial(
    program: TensorProgram, inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
) -> dict[str, Values]:
    arrays: dict[str, Values] = {}
    for argument in program.arguments:
        if argument.name not in inputs:
            raise UsageError(f"{program.name}: no input for {argument.name!r}")
        value = np.asarray(inputs[argument.name])
        expected = _shape(argument.type, sizes)
        if value.shape != expected:
            raise UsageError(f"the input {argument.name!r} has shape {value.shape}, expected {expected}")
        arrays[argument.name] = value
    for local in program.locals:
        zeros = np.empty(_shape(local.type, sizes), algebra.storage(local.type.dtype))
        zeros[...] = algebra.constant(0, local.type.dtype)
        arrays[local.name] = zeros
    return arrays


def _shape(type: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """As in formulas, a negative extent counts as 0."""
    return tuple(max(0, extent) for extent in type.at(sizes))


class _Runner:
    """Evaluates DAGs and keeps the formulas, which do not change from one iteration to the next."""

    def __init__(self, sizes: Mapping[str, int], algebra: Algebra, dialect: Dialect) -> None:
        self.sizes = sizes
        self.algebra = algebra
        self.dialect = dialect
        self.formulas: dict[int, Formula] = {}
        self.elements: dict[int, Expression] = {}
        self.orders: dict[int, tuple[Node, ...]] = {}

    def value(self, root: Node, arrays: Mapping[str, Values], sizes: Mapping[str, int]) -> Values:
        order = self.orders.get(id(root))
        if order is None:
            order = self.orders[id(root)] = postorder(root)
        values: dict[Node, Values] = {}
        for node in order:
            values[node] = self.one(node, values, arrays, sizes)
        return values[root]

    def one(
        self,
        node: Node,
        values: Mapping[Node, Values],
        arrays: Mapping[str, Values],
        sizes: Mapping[str, int],
    ) -> Values:
        match node:
            case ArrayValue(name):
                return arrays[name]
            case ConstantValue(value, type):
                return self.algebra.constant(value, type.dtype)
            case IndexScalar(index, type):
                return self.algebra.index(np.asarray(index.at(sizes), np.int64), type.dtype)
            case Operation(operands=operands):
                below = {str(position): values[operand] for position, operand in enumerate(operands)}
                formula = self.formula(node)
                if not any(extent != _ONE for extent in formula.shape):
                    element = self.element(node, formula, below, sizes)
                    if element is not None:
                        return element.reshape((1,) * len(formula.axes))
                return evaluate(formula, below, sizes, self.algebra)
            case _:
                assert_never(node)

    def element(
        self, node: Operation, formula: Formula, operands: Mapping[str, Values], sizes: Mapping[str, int]
    ) -> Values | None:
        """The value of a formula at its only point; None where it is more than one function of loads.

        Loops that stay compute element by element: whole-array evaluation would be mostly overhead.
        """
        body = self.elements.get(id(node))
        if body is None:
            at = {axis.name: Affine() for axis in formula.axes}
            body = self.elements[id(node)] = substitute(formula.body, at)
        match body:
            case Load():
                return self.loaded(body, operands, sizes)
            case Cast(Load() as operand, dtype):
                return self.algebra.cast(self.loaded(operand, operands, sizes), operand.dtype, dtype)
            case Apply(function, parts, dtype):
                loaded = [self.loaded(part, operands, sizes) for part in parts if isinstance(part, Load)]
                if len(loaded) < len(parts):
                    return None
                return self.algebra.apply(function, loaded, parts[-1].dtype, dtype)
            case _:
                return None

    def loaded(self, load: Load, operands: Mapping[str, Values], sizes: Mapping[str, int]) -> Values:
        """One element, as a 0-d array."""
        array = operands[load.array]
        place = tuple(index.at(sizes) for index in load.indices)
        if all(0 <= index < extent for index, extent in zip(place, array.shape, strict=True)):
            return array[(*place, ...)]
        return self.algebra.constant(0, load.dtype)

    def formula(self, node: Operation) -> Formula:
        known = self.formulas.get(id(node))
        if known is None:
            definition = self.dialect.by_name.get(node.name)
            if definition is None or definition.formula is None:
                missing = "does not define" if definition is None else "has no formula for"
                raise UsageError(f"the dialect {self.dialect.name} {missing} {node.name}")
            types = [operand.type for operand in node.operands]
            known = self.formulas[id(node)] = definition.formula(types, node.attributes, node.type)
        return known
