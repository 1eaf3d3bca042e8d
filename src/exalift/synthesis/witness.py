"""Other environments in which a candidate must have the goal's value too (step 6 of the search).

One environment is cheap to search in but has coincidences: a mask `i >= k` may look like `i >= m - 1`
at the one `k` and `m` that it has, and a truth value of rank 0 is a single bit. Witnesses are asked
only about candidates that have the goal's value already, so they may be several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exalift.affine import Formula, evaluate
from exalift.affine.algebra.protocol import Values
from exalift.dialects import (
    ArrayValue,
    ConstantValue,
    Dialect,
    IndexScalar,
    Node,
    Operation,
    TensorType,
    postorder,
)

from .environment import Environment


@dataclass
class Witness:
    """One environment with the contents of all arrays, and the values observed in it so far."""

    environment: Environment
    dialect: Dialect
    arrays: Mapping[str, TensorType]
    contents: dict[str, Values] = field(init=False)
    _nodes: dict[Node, Values] = field(default_factory=lambda: {})
    _goals: dict[Formula, Values] = field(default_factory=lambda: {})

    def __post_init__(self) -> None:
        self.contents = {name: self.environment.random(name, type) for name, type in self.arrays.items()}

    def agrees(self, goal: Formula, node: Node) -> bool:
        """Whether the graph has the goal's value here."""
        expected = self._goals.get(goal)
        if expected is None:
            environment = self.environment
            expected = evaluate(goal, self.contents, environment.sizes, environment.algebra)
            self._goals[goal] = expected
        return np.array_equal(self.value(node), expected)

    def value(self, node: Node) -> Values:
        """The value of a graph here; every node is evaluated once in the witness's life."""
        for part in postorder(node):
            if part not in self._nodes:
                self._nodes[part] = self._one(part)
        return self._nodes[node]

    def _one(self, node: Node) -> Values:
        environment = self.environment
        match node:
            case ArrayValue(name=name):
                return self.contents[name]
            case ConstantValue(value=value, type=type):
                return environment.algebra.constant(value, type.dtype)
            case IndexScalar(index=index, type=type):
                place = np.asarray(index.at(environment.sizes), dtype=np.int64)
                return environment.algebra.index(place, type.dtype)
            case Operation(name=name, operands=operands, attributes=attributes, type=type):
                formula = self.dialect[name].formula
                assert formula is not None, "the search only draws ops that have a formula"
                meaning = formula(tuple(operand.type for operand in operands), attributes, type)
                values = {str(n): self._nodes[operand] for n, operand in enumerate(operands)}
                return evaluate(meaning, values, environment.sizes, environment.algebra)
