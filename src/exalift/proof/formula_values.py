"""Normal forms of formulas and of DAGs of dialect ops, over arrays whose contents are symbols."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from exalift.affine import (
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

from .opaque import Registry, inverted
from .sums import INDEX, Factor, Sum, Term, UndecidedError, Work, multiplied, number, restricted, scaled

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


Substitution = Mapping[str, Affine]


@dataclass
class Evaluator:
    """Computes normal forms. `everywhere` is what is known of sizes and induction variables.

    `renamed` says what the induction variables of the lifted program stand for.
    """

    dialect: Dialect
    registry: Registry
    work: Work
    everywhere: Condition
    renamed: Substitution
    _depth: int = 0
    _steps: int = 0
    _formulas: dict[Node, Formula] = field(default_factory=dict[Node, Formula])

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
                if not (dtype.is_float or (dtype.is_integer and dtype.is_signed and dtype.bits >= 32)):
                    raise UndecidedError(f"an index as {dtype}")
                return index_number(index.substitute(axes), where)
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
            case Cast():
                return self._cast(expression, axes, where, arrays)
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
            return (Term(Fraction(sign), where, (), (Factor("%infinity"),)),)
        return number(Fraction(value), where)

    def _cast(self, cast: Cast, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]) -> Sum:
        before, after = cast.operand.dtype, cast.dtype
        value = self.value(cast.operand, axes, where, arrays)
        if before is after or before is DType.I1 or (before.is_float and after.is_float):
            return value
        index_like = before.is_integer and before.is_signed and before.bits >= 32
        wide = after.is_float or (after.is_integer and after.is_signed and after.bits >= before.bits)
        if index_like and wide and all(_only_indices(term) for term in value):
            return value
        return self.opaque(f"cast_{before}_{after}", (value,), where)

    def opaque(
        self, function: str, arguments: tuple[Sum, ...], where: Condition, commutes: bool = False
    ) -> Sum:
        factor = self.registry.value(function, arguments, where, commutes=commutes)
        return (Term(Fraction(1), where, (), (factor,)),)

    def _reduce(
        self, reduce: Reduce, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]
    ) -> Sum:
        fresh = {axis.name: self.work.fresh() for axis in reduce.axes}
        within = {**axes, **{name: Affine.symbol(new) for name, new in fresh.items()}}
        ranges = axes_guard(reduce.axes, within) & reduce.guard.substitute(within)
        domain = Condition.of(ranges)
        there = where & domain
        dtype = reduce.dtype
        plain = reduce.function == "add" and dtype is not DType.I1
        if there.is_empty and plain:
            return ()
        body = self.value(reduce.body, within, there, arrays)
        if plain:
            bound = tuple(fresh.values())
            return tuple(Term(t.coefficient, t.where & domain, t.bound + bound, t.factors) for t in body)
        factor = self.registry.value(
            f"reduce_{reduce.function}_{_field(dtype)}", (body,), where, tuple(fresh.values()), domain
        )
        return (Term(Fraction(1), where, (), (factor,)),)

    def _apply(self, apply: Apply, axes: Substitution, where: Condition, arrays: Mapping[str, Stored]) -> Sum:
        operands, function, dtype = apply.operands, apply.function, apply.dtype
        if function == "select":
            return self._select(operands, axes, where, arrays)
        values = tuple(self.value(operand, axes, where, arrays) for operand in operands)
        of = operands[0].dtype
        if of is DType.I1:
            return self._logic(function, values)
        match function:
            case "add":
                return values[0] + values[1]
            case "subtract":
                return values[0] + scaled(values[1], -1)
            case "negate":
                return scaled(values[0], -1)
            case "multiply":
                return multiplied(values[0], values[1], self.work)
            case "divide" if dtype.is_float:
                return self._divided(values[0], values[1], where)
            case _:
                pass
        if function.startswith("compare_"):
            return self._compared(function[8:], values, of, where)
        commutes = function in ("maximum", "minimum", "and", "or", "xor")
        return self.opaque(f"{function}_{_field(of)}", values, where, commutes)

    def _divided(self, above: Sum, below: Sum, where: Condition) -> Sum:
        inverse = inverted(below, where, self.registry)
        if isinstance(inverse, Factor):
            inverse = Term(Fraction(1), where, (), (inverse,))
        return multiplied(above, (inverse,), self.work)

    def _logic(self, function: str, values: tuple[Sum, ...]) -> Sum:
        """On truths, which are 0 and 1, logic is arithmetic."""
        match function:
            case "not":
                return number(1, self.everywhere) + scaled(values[0], -1)
            case "and" | "multiply" | "minimum":
                return multiplied(values[0], values[1], self.work)
            case "or" | "maximum":
                both = multiplied(values[0], values[1], self.work)
                return values[0] + values[1] + scaled(both, -1)
            case "xor" | "compare_ne":
                both = multiplied(values[0], values[1], self.work)
                return values[0] + values[1] + scaled(both, -2)
            case _:
                raise UndecidedError(f"{function} of truths")

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
            return no + multiplied(chosen, yes + scaled(no, -1), self.work)
        fails = where - holds
        found: Sum = ()
        for part, operand in ((holds, operands[1]), (fails, operands[2])):
            if not part.is_empty:
                found += restricted(self.value(operand, axes, part, arrays), part)
        return found

    def _compared(self, direction: str, values: tuple[Sum, ...], of: DType, where: Condition) -> Sum:
        if direction in ("gt", "le"):
            # a > b is b < a; a <= b is not b < a.
            values = values[::-1]
        difference = values[0] + scaled(values[1], -1)
        if of.is_integer and of.is_signed and of.bits >= 32:
            affine = _as_affine(difference, where)
            if affine is not None:
                equal = direction in ("eq", "ne")
                row = Constraint(affine, True) if equal else Constraint(-affine - 1)
                holds = restricted(number(1, where), Condition.of(Guard.of(row)))
                return holds if direction in ("lt", "gt", "eq") else number(1, where) + scaled(holds, -1)
        if direction in ("eq", "ne"):
            holds = self.opaque(f"equal_{_field(of)}", values, where, commutes=True)
        else:
            holds = self.opaque(f"less_{_field(of)}", values, where)
        return holds if direction in ("lt", "gt", "eq") else number(1, where) + scaled(holds, -1)


def _field(dtype: DType) -> str:
    """Floating-point numbers of all widths are reals; integers differ by width and sign."""
    return "real" if dtype.is_float else str(dtype)


def axes_guard(axes: tuple[Axis, ...], names: Substitution) -> Guard:
    """That every axis is in its range."""
    at = tuple(names[axis.name] for axis in axes)
    return inside(at, tuple(axis.extent.substitute(names) for axis in axes))


def index_number(index: Affine, where: Condition) -> Sum:
    """An affine expression as a number: a combination of elements of `INDEX`."""
    found: list[Term] = list(number(index.constant, where))
    for atom, coefficient in index.terms:
        symbol = Affine(((atom, 1),))
        found.append(Term(Fraction(coefficient), where, (), (Factor(INDEX, (symbol,)),)))
    return tuple(found)


def _only_indices(term: Term) -> bool:
    return (
        not term.bound
        and all(f.name == INDEX and f.power == 1 for f in term.factors)
        and (term.coefficient.denominator == 1 and len(term.factors) <= 1)
    )


def _as_affine(value: Sum, where: Condition) -> Affine | None:
    """The value as an affine expression, if it is one at all points."""
    result = Affine()
    for term in value:
        if not _only_indices(term) or not where.implies(term.where):
            return None
        part = term.factors[0].indices[0] if term.factors else Affine.of(1)
        result = result + part * int(term.coefficient)
    return result


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
