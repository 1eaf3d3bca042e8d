"""Normal forms of formulas and of DAGs of dialect ops, over arrays whose contents are symbols."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from exalift.affine import (
    NEVER,
    Affine,
    Apply,
    Axis,
    Cast,
    Condition,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    WeightedPoints,
)
from exalift.base import DType
from exalift.dialects import ArrayValue, ConstantValue, Dialect, IndexScalar, Node, Operation

from .exact_floats import ExactValues
from .extrema import INFINITY, combination, combine, members
from .functions import Values
from .opaque import Registry
from .sums import (
    Factor,
    Sum,
    Term,
    UndecidedError,
    Work,
    multiplied,
    number,
    restricted,
    scaled,
)

_DEEPEST = 100
_MOST_STEPS = 20_000

Contents = Callable[[tuple[Affine, ...], Condition], Sum]
"""The element of an array at indices that are in bounds, at the points of a condition."""


@dataclass(frozen=True)
class Stored:
    """An array: its shape, and its contents."""

    shape: tuple[Affine, ...]
    contents: Contents


def inside(indices: tuple[Affine, ...], shape: tuple[Affine, ...]) -> Guard:
    """That every index is in bounds."""
    rows = ((index, extent - 1 - index) for index, extent in zip(indices, shape, strict=True))
    return Guard.of(*(Constraint(row) for pair in rows for row in pair if not _surely(row)))


def _surely(row: Affine) -> bool:
    return row.is_constant and row.constant >= 0


def symbolic(name: str, shape: tuple[Affine, ...]) -> Stored:
    """An array whose contents are symbols."""

    def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
        return (Term(Fraction(1), where, (), (Factor(name, indices),)),)

    return Stored(shape, contents)


ELEMENT = "%e"
"""How the symbols for the indices of an element begin, in conditions on elements."""


def chosen(first: Stored, second: Stored, elements: Condition) -> Stored:
    """The first array where a condition on elements holds, and the second elsewhere."""

    def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
        at = {f"{ELEMENT}{k}": index for k, index in enumerate(indices)}
        holds = elements.substitute(at)
        inside, outside = where & holds, where - holds
        found: Sum = ()
        for array, part in ((first, inside), (second, outside)):
            if not part.is_empty:
                found += restricted(array.contents(indices, part), part)
        return found

    return Stored(first.shape, contents)


Substitution = Mapping[str, Affine]


@dataclass
class Evaluator:
    """Computes normal forms. `everywhere` is what is known of sizes and induction variables.

    `renamed` says what the induction variables of the lifted program stand for. Where `exact` is set, no
    law of real numbers is used: floating-point operations are known by their operands alone.
    """

    dialect: Dialect
    registry: Registry
    work: Work
    everywhere: Condition
    renamed: Substitution
    exact: bool = False
    _depth: int = 0
    _steps: int = 0
    _formulas: dict[Node, Formula] = field(default_factory=dict[Node, Formula])

    def __post_init__(self) -> None:
        values = ExactValues if self.exact else Values
        self._values = values(self.registry, self.work, self.everywhere)

    def element(self, array: Stored, at: tuple[Affine, ...], where: Condition) -> tuple[Sum, Condition]:
        """An element, and where a number that sizes and indices tell was divided by 0 on the way."""
        zeros = self._values.zero_divisors
        zeros.clear()
        found = array.contents(at, where)
        divided = Condition.of(NEVER)
        for zero in zeros:
            divided = divided | zero.exists(zero.names - where.names - self.registry.symbols)
        return found, divided & where

    def stored(self, formula: Formula, arrays: Mapping[str, Stored]) -> Stored:
        """A formula as an array."""

        def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
            names = (axis.name for axis in formula.axes)
            axes = {**self.renamed, **dict(zip(names, indices, strict=True))}
            return self.value(formula.body, axes, where, arrays)

        return Stored(formula.shape, contents)

    def node(self, node: Node, arrays: Mapping[str, Stored]) -> Stored:
        """The value of an op on its operands, or a named array.

        Raises UndecidedError for ops that have no formula or do not have the type they say.
        """
        match node:
            case ArrayValue(name, type):
                if name not in arrays or arrays[name].shape != type.shape:
                    raise UndecidedError(f"the array {name!r} is not of the shape that an op reads")
                return arrays[name]
            case ConstantValue(value, type):
                return self.stored(Formula((), Constant(value, type.dtype)), {})
            case IndexScalar(index, type):
                return self.stored(Formula((), IndexValue(index, type.dtype)), {})
            case Operation():
                return self._operation(node, arrays)
            case _:
                assert_never(node)

    def _operation(self, node: Operation, arrays: Mapping[str, Stored]) -> Stored:
        formula = self._formulas.get(node)
        types = tuple(operand.type for operand in node.operands)
        if formula is None:
            definition = self.dialect.by_name.get(node.name)
            if definition is None or definition.formula is None:
                raise UndecidedError(f"{node.name} has no formula")
            if definition.result_type(types, node.attributes) != node.type:
                raise UndecidedError(f"{node.name} does not have the type that it says")
            formula = self._formulas[node] = definition.formula(types, node.attributes, node.type)

        def contents(indices: tuple[Affine, ...], where: Condition) -> Sum:
            operands = {str(k): self.node(operand, arrays) for k, operand in enumerate(node.operands)}
            return self.stored(formula, operands).contents(indices, where)

        return Stored(node.type.shape, contents)

    def value(
        self, expression: Expression, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]
    ) -> Sum:
        """The value of an expression, right at all points of `where`; `axes` says what axes stand for."""
        self._depth += 1
        self._steps += 1
        try:
            if self._depth > _DEEPEST or self._steps > _MOST_STEPS:
                raise UndecidedError("the programs are too long to compose")
            self.work.check()
            found = self._value(expression, axes, where, arrays)
            self.work.check(len(found))
            return found
        finally:
            self._depth -= 1

    def _value(
        self, expression: Expression, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]
    ) -> Sum:
        match expression:
            case Constant(value, dtype):
                return self._constant(value, dtype, where)
            case IndexValue(index, dtype):
                if not (dtype.is_float or dtype.is_integer):
                    raise UndecidedError(f"an index as {dtype}")
                return self._values.index(index.substitute(axes), dtype, where)
            case GuardValue(guard):
                return restricted(number(1, where), Condition.of(guard.substitute(axes)))
            case Load(name, indices):
                if name not in arrays:
                    raise UndecidedError(f"an array {name!r} that there is not")
                at = tuple(index.substitute(axes) for index in indices)
                bounds = Condition.of(inside(at, arrays[name].shape))
                if where.implies(bounds):
                    return arrays[name].contents(at, where)
                there = where & bounds
                return () if there.is_empty else restricted(arrays[name].contents(at, there), there)
            case Cast(operand, dtype):
                value = self.value(operand, axes, where, arrays)
                return self._values.cast(value, operand.dtype, dtype, where)
            case Reduce():
                return self._reduce(expression, axes, where, arrays)
            case Apply():
                return self._apply(expression, axes, where, arrays)
            case _:
                assert_never(expression)

    def _constant(self, value: int | bool | float | Fraction, dtype: DType, where: Condition) -> Sum:
        if isinstance(value, float) and not math.isfinite(value):
            if math.isnan(value):
                raise UndecidedError("a NaN")
            sign = 1 if value > 0 else -1
            return (Term(Fraction(sign), where, (), (INFINITY,)),)
        if isinstance(value, float) and not value and math.copysign(1, value) < 0:
            return self._values.negative_zero(where)
        return number(self._values.constant(value, dtype), where)

    def _reduce(
        self, reduce: Reduce, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]
    ) -> Sum:
        fresh = {axis.name: self.work.fresh() for axis in reduce.axes}
        within = {**axes, **{name: Affine.symbol(new) for name, new in fresh.items()}}
        ranges = axes_guard(reduce.axes, within) & reduce.guard.substitute(within)
        domain = Condition.of(ranges)
        there = where & domain
        bound, dtype = tuple(fresh.values()), reduce.dtype
        if self.exact and dtype.is_float:
            raise UndecidedError("a floating-point reduction, whose order is not laid down")
        body = () if there.is_empty else self.value(reduce.body, within, there, arrays)
        if reduce.function == "add" and dtype is not DType.I1:
            return tuple(Term(t.coefficient, t.where & domain, t.bound + bound, t.factors) for t in body)
        how = combination(reduce.function, dtype, self.everywhere)
        found = () if there.is_empty else members(body, there, bound, self.registry)
        return combine(how, restricted(found, domain), where, self.registry)

    def _apply(self, apply: Apply, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]) -> Sum:
        if apply.function == "select":
            return self._select(apply.operands, axes, where, arrays)
        values = tuple(self.value(operand, axes, where, arrays) for operand in apply.operands)
        return self._values.apply(apply.function, values, apply.operands[0].dtype, where)

    def _select(
        self,
        operands: tuple[Expression, ...],
        axes: Substitution,
        where: Condition,
        arrays: Mapping[str, Stored],
    ) -> Sum:
        chosen = self.value(operands[0], axes, where, arrays)
        holds = truth(chosen, where)
        if holds is None:
            yes = self.value(operands[1], axes, where, arrays)
            no = self.value(operands[2], axes, where, arrays)
            extremum = self._values.chosen_extremum(chosen, yes, no, operands[1].dtype, where)
            if extremum is not None:
                return extremum
            return no + multiplied(chosen, yes + scaled(no, -1), self.work)
        fails = where - holds
        found: Sum = ()
        for part, operand in ((holds, operands[1]), (fails, operands[2])):
            if not part.is_empty:
                found += restricted(self.value(operand, axes, part, arrays), part)
        return found


def axes_guard(axes: tuple[Axis, ...], names: Substitution) -> Guard:
    """That every axis is in its range."""
    at = tuple(names[axis.name] for axis in axes)
    return inside(at, tuple(axis.extent.substitute(names) for axis in axes))


def truth(value: Sum, where: Condition) -> Condition | None:
    """Where a truth holds, if it is a condition on points alone."""
    if any(term.factors or term.bound for term in value):
        return None
    points = WeightedPoints()
    for term in value:
        points.add(term.coefficient, term.where & where)
    if points.weights - {Fraction(1)}:
        return None
    return points.where(Fraction(1))
