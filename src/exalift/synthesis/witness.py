"""Other environments in which a candidate must have the goal's value too (step 6 of the search).

One environment is cheap to search in but has coincidences: a mask `i >= k` may look like `i >= m - 1`
at the one `k` and `m` that it has, and a truth value of rank 0 is a single bit. Witnesses are asked
only about candidates that have the goal's value already, so they may be several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from exalift.affine import (
    FUNCTIONS,
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    Formula,
    Kind,
    Load,
    Reduce,
    evaluate,
    nodes,
    rewrite,
)
from exalift.affine.algebra import Algebra, OtherDivision, Values
from exalift.base import DType
from exalift.dialects import (
    ArrayValue,
    ConstantValue,
    Dialect,
    IndexScalar,
    Node,
    Operation,
    TensorType,
    postorder,
    takes_operands,
)

from .environment import Environment

_SAMPLE = "%sample"
_SAMPLES = 32
_ORDERING = ("maximum", "minimum", "abs", "sign")
_ENOUGH = 64
"""With fewer elements than this a goal is observed in many random contents, and not in two."""


@dataclass
class Witness:
    """One choice of sizes and iterations, with many random contents of the arrays, and what was observed.

    Values carry an axis of samples in front: scalars that are compared take one of few values in one
    sample, and so look like each other often. `ties`: whether equal numbers occur among the samples.
    Candidates are answered otherwise than their goal where an integer is divided by 0.
    """

    environment: Environment
    dialect: Dialect
    arrays: Mapping[str, TensorType]
    literals: Sequence[Constant] = ()
    ties: bool = True
    _contents: dict[int, dict[str, Values]] = field(default_factory=lambda: {})
    _nodes: dict[tuple[Node, int], Values] = field(default_factory=lambda: {})
    _goals: dict[Formula, Values] = field(default_factory=lambda: {})
    _others: dict[Formula, Values] = field(default_factory=lambda: {})
    _checked: dict[Operation, bool] = field(default_factory=lambda: {})

    def agrees(self, goal: Formula, node: Node) -> bool:
        """Whether the graph has the goal's value here, in all samples."""
        if not self.valid(node):
            return False
        samples = _SAMPLES if prod(self.environment.shape(node.type)) < _ENOUGH else 2
        expected = self._goals.get(goal)
        if expected is None:
            expected = self._goals[goal] = self._evaluate(
                goal, self.contents(samples), samples, self.environment.algebra
            )
        actual, dtype = self.value(node, samples), goal.body.dtype
        if self._same(actual, expected, dtype):
            return True
        if not any(map(_divides_integers, nodes(goal.body))):
            return False
        # What the goal makes of a division by 0, where it has one itself, does not count.
        other = self._others.get(goal)
        if other is None:
            algebra = OtherDivision(self.environment.algebra)
            other = self._others[goal] = self._evaluate(goal, self.contents(samples), samples, algebra)
        same = self.environment.algebra.equal(expected, other, dtype)
        return self._same(np.where(same, actual, expected), expected, dtype)

    def _same(self, actual: Values, expected: Values, dtype: DType) -> bool:
        return np.array_equal(actual, expected)

    def valid(self, node: Node) -> bool:
        """Whether every op takes its operands at these sizes.

        What the symbolic check let pass since it could not know (a slice of `M` from an extent of `N`)
        is known here. Sizes at which a tensor is empty decide nothing.
        """
        return all(self._valid(part) for part in postorder(node) if isinstance(part, Operation))

    def _valid(self, node: Operation) -> bool:
        known = self._checked.get(node)
        if known is None:
            known = self._checked[node] = takes_operands(node, self.environment.sizes, self.dialect)
        return known

    def contents(self, samples: int) -> dict[str, Values]:
        """The arrays, with the axis of samples in front."""
        if samples not in self._contents:
            first = self.environment.seed
            draws = [replace(self.environment, seed=first + sample) for sample in range(samples)]
            self._contents[samples] = {
                name: np.stack([self._drawn(draw, name, type, k) for k, draw in enumerate(draws)])
                for name, type in self.arrays.items()
            }
        return self._contents[samples]

    def _drawn(self, draw: Environment, name: str, type: TensorType, sample: int) -> Values:
        values = draw.random(name, type)
        return _narrow(draw, type, values, sample, self.literals) if self.ties else values

    def value(self, node: Node, samples: int) -> Values:
        """The value of a graph here; every node is evaluated once in the witness's life."""
        for part in postorder(node):
            if (part, samples) not in self._nodes:
                self._nodes[part, samples] = self._one(part, samples)
        return self._nodes[node, samples]

    def _evaluate(
        self, formula: Formula, operands: Mapping[str, Values], samples: int, algebra: Algebra
    ) -> Values:
        return evaluate(_sampled(formula, samples), operands, self.environment.sizes, algebra)

    def _one(self, node: Node, samples: int) -> Values:
        environment = self.environment
        match node:
            case ArrayValue(name=name):
                return self.contents(samples)[name]
            case ConstantValue(value=value, type=type):
                literal = environment.algebra.constant(value, type.dtype)
                return np.broadcast_to(literal, (samples,))
            case IndexScalar(index=index, type=type):
                place = np.full(samples, index.at(environment.sizes), dtype=np.int64)
                return environment.algebra.index(place, type.dtype)
            case Operation(name=name, operands=operands, attributes=attributes, type=type):
                formula = self.dialect[name].formula
                assert formula is not None, "the search only draws ops that have a formula"
                meaning = formula(tuple(operand.type for operand in operands), attributes, type)
                values = {str(n): self._nodes[operand, samples] for n, operand in enumerate(operands)}
                return self._evaluate(meaning, values, samples, OtherDivision(environment.algebra))


@dataclass
class Ordered(Witness):
    """A witness in machine numbers, for goals that compare floating-point numbers.

    The order of the field is that of integers only: there, `i >= 0.75` holds for every `i`. It draws no
    equal numbers, since rounding would decide between them, and asks nothing where the goal is not finite.
    """

    ties: bool = False

    def agrees(self, goal: Formula, node: Node) -> bool:
        """As a witness in the field; whatever has no order is not asked about."""
        return not any(map(_needs_order, nodes(goal.body))) or super().agrees(goal, node)

    def _same(self, actual: Values, expected: Values, dtype: DType) -> bool:
        with np.errstate(invalid="ignore"):
            known = np.isfinite(expected) if dtype.is_float else np.asarray(True)
        return bool(np.all(self.environment.algebra.equal(actual, expected, dtype) | ~known))


def _needs_order(node: Expression) -> bool:
    match node:
        case Apply(function=function, operands=operands):
            ordering = FUNCTIONS[function].kind is Kind.COMPARISON or function in _ORDERING
            return ordering and operands[0].dtype.is_float
        case Reduce(function=function, dtype=dtype):
            return function in _ORDERING and dtype.is_float
        case Cast(operand=operand, dtype=dtype):
            return operand.dtype.is_float and not dtype.is_float
        case _:
            return False


def _divides_integers(node: Expression) -> bool:
    match node:
        case Apply(function=("divide" | "remainder"), dtype=dtype):
            return dtype.is_integer
        case _:
            return False


def _sampled(formula: Formula, samples: int) -> Formula:
    """`out[axes] = e(A[x])` -> `out[s, axes] = e(A[s, x])`."""

    def change(node: Expression) -> Expression:
        if isinstance(node, Load):
            return replace(node, indices=(Affine.symbol(_SAMPLE), *node.indices))
        return node

    return Formula((Axis(_SAMPLE, Affine((), samples)), *formula.axes), rewrite(formula.body, change))


def _narrow(
    environment: Environment, type: TensorType, values: Values, sample: int, literals: Sequence[Constant]
) -> Values:
    """Every other sample takes its numbers from 0, 1, 2 and the region's own literals: equal ones must
    occur where `==` decides."""
    if sample % 2 == 0 or type.dtype is DType.I1:
        return values
    algebra, dtype = environment.algebra, type.dtype
    pool: list[Values] = [algebra.index(np.asarray(number), dtype) for number in range(3)]
    pool += [algebra.constant(c.value, dtype) for c in literals if dtype.is_float or c.dtype.is_integer]
    generator = np.random.default_rng([environment.seed, sample, values.size])
    return np.stack(pool)[generator.integers(len(pool), size=values.shape)]
