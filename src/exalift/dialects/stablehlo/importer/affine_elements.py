"""Integer nodes as affine functions of their own indices and of loop counters.

A module computes with counters and indices in integers of some width; `select(i < 0, i + n, i)` is how
JAX writes `i`. Here such a node's element is computed from the formulas of its ops: an affine
expression, or a truth, where the ranges of counters and indices decide every comparison in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import (
    Affine,
    Apply,
    Cast,
    Constant,
    Constraint,
    Expression,
    GuardValue,
    IndexValue,
    Load,
)
from exalift.base import DType

from ...graph import ConstantValue, IndexScalar, Node, Operation
from ..dialect import IMPORTED
from ..start_bounds import LoopRange, stays_within
from .truncations import Truncation, truncation

Element = Affine | bool | None
"""What an element is: an affine expression, a truth that is known, or nothing of either kind."""

_FAR = 1 << 70
_DEEPEST = 60


@dataclass
class AffineElements:
    """Elements at points whose symbols have the ranges of `loops`, outermost first.

    With `optimistic`, what needs ranges that are not known yet is taken to fit; comparisons are then
    decided between constants only. Only points with the conditions `assumed` are looked at.
    """

    loops: tuple[LoopRange, ...]
    optimistic: bool = False
    assumed: tuple[Constraint, ...] = ()
    _truncations: dict[tuple[Affine, int], Truncation] = field(
        default_factory=dict[tuple[Affine, int], Truncation]
    )
    _cases: dict[str, tuple[AffineElements, ...]] = field(
        default_factory=lambda: dict[str, tuple[AffineElements, ...]]()
    )
    _depth: int = 0
    _known: dict[tuple[int, tuple[Affine, ...]], Element] = field(
        default_factory=dict[tuple[int, tuple[Affine, ...]], Element]
    )
    _kept: list[Node] = field(default_factory=list[Node])

    def within(self, value: Affine, lowest: int, highest: int) -> bool:
        """Whether a value stays between two numbers, both included."""
        if value.is_constant:
            return lowest <= value.constant <= highest
        if self.optimistic:
            return False
        quotients = [t.range for t in self._truncations.values()]
        return stays_within(value, lowest, highest, (*self.loops, *quotients), self.assumed)

    @property
    def is_empty(self) -> bool:
        """Whether no point is known to satisfy the conditions."""
        nowhere = Affine.of(0)
        quotients = [t.range for t in self._truncations.values()]
        return stays_within(nowhere, 1, 1, (*self.loops, *quotients), self.assumed)

    def at(self, node: Node, coordinates: Sequence[Affine]) -> Element:
        """The element of a node at coordinates that are in bounds."""
        found = self._element(node, coordinates)
        # A quotient that is no floor is not affine.
        return None if isinstance(found, Affine) and self._truncated(found) else found

    def _element(self, node: Node, coordinates: Sequence[Affine]) -> Element:
        if node.type.dtype.is_float:
            return None
        match node:
            case ConstantValue(value=value):
                return value if isinstance(value, bool) else Affine.of(int(value))
            case IndexScalar(index=index):
                return index
            case Operation():
                key = (id(node), tuple(coordinates))
                if key not in self._known:
                    # The node is kept so that its id stays its own.
                    self._kept.append(node)
                    self._known[key] = self._operation(node, coordinates)
                return self._known[key]
            case _:
                return None

    def _operation(self, node: Operation, coordinates: Sequence[Affine]) -> Element:
        definition = IMPORTED.by_name.get(node.name)
        if definition is None or definition.formula is None or self._depth > _DEEPEST:
            return None
        types = [operand.type for operand in node.operands]
        formula = definition.formula(types, node.attributes, node.type)
        names = (axis.name for axis in formula.axes)
        self._depth += 1
        try:
            found = self._value(formula.body, dict(zip(names, coordinates, strict=True)), node.operands)
        finally:
            self._depth -= 1
        return found

    def _value(self, body: Expression, axes: Mapping[str, Affine], operands: Sequence[Node]) -> Element:
        """Formulas are a few levels deep, so this recursion is short."""
        match body:
            case Constant(value=value, dtype=dtype):
                if dtype.is_float:
                    return None
                return bool(value) if dtype is DType.I1 else Affine.of(int(value))
            case IndexValue(index=index, dtype=dtype):
                return self._fitting(index.substitute(axes), dtype)
            case GuardValue(guard=guard):
                return self._guard(guard.substitute(axes).disjuncts)
            case Load(array=array, indices=indices):
                return self._element(operands[int(array)], [index.substitute(axes) for index in indices])
            case Cast(operand=operand, dtype=dtype):
                value = self._value(operand, axes, operands)
                if isinstance(value, bool):
                    return value if dtype is DType.I1 else self._fitting(Affine.of(int(value)), dtype)
                return self._fitting(value, dtype) if value is not None else None
            case Apply(function="select", operands=(condition, yes, no)):
                chosen = self._value(condition, axes, operands)
                if not isinstance(chosen, bool):
                    first, second = (self._value(o, axes, operands) for o in (yes, no))
                    if first == second:
                        return first
                    if isinstance(first, Affine) and isinstance(second, Affine):
                        found = self._floored(
                            first, second, lambda case: case._value(condition, axes, operands)
                        )
                        return None if found is None else self._fitting(found, yes.dtype)
                    return None
                return self._value(yes if chosen else no, axes, operands)
            case Apply(function=function, operands=arguments, dtype=dtype):
                values = [self._value(argument, axes, operands) for argument in arguments]
                return self._apply(function, values, dtype)
            case _:
                return None

    def _truncated(self, value: Affine) -> list[Truncation]:
        """The quotients in an expression, none of which is a floor."""
        names = value.names
        return [t for t in self._truncations.values() if t.name in names]

    def _floored(
        self, yes: Affine, no: Affine, condition: Callable[[AffineElements], Element]
    ) -> Affine | None:
        """`condition ? q - 1 : q`, or linear in it, where that is the floor of what `q` truncates."""
        found = self._truncated(no)
        if len(found) != 1:
            return None
        (quotient,) = found
        coefficient = no.coefficient(quotient.name)
        if no - yes != Affine.of(coefficient):
            return None
        # What a case finds out holds under its conditions alone, so that it has its own quotients.
        if quotient.name not in self._cases:
            self._cases[quotient.name] = tuple(
                AffineElements(self.loops, False, (*self.assumed, *rows), dict(self._truncations))
                for rows in quotient.cases
            )
        for case, wanted in zip(self._cases[quotient.name], (True, False, False), strict=True):
            # Where nothing satisfies the conditions, everything holds.
            if not case.is_empty and condition(case) is not wanted:
                return None
        return no + (quotient.floor - quotient.value) * coefficient

    def _fitting(self, value: Affine, dtype: DType) -> Element:
        """The value where its type holds it, so that nothing wraps; truths are of no use as numbers here."""
        if dtype.is_float:
            return None
        if dtype is DType.I1:
            return bool(value.constant) if value.is_constant else None
        return value if self.holds(value, dtype) else None

    def holds(self, value: Affine, dtype: DType) -> bool:
        """Whether an integer type holds the value."""
        bits = dtype.bits - (1 if dtype.is_signed else 0)
        return self.optimistic or self.within(value, -(1 << bits) if dtype.is_signed else 0, (1 << bits) - 1)

    def _guard(self, disjuncts: Sequence[Sequence[Constraint]]) -> Element:
        """The truth of a condition on indices, where every row of it is decided."""
        answers: list[bool] = []
        for rows in disjuncts:
            truths = [self._row(row) for row in rows]
            if any(truth is False for truth in truths):
                answers.append(False)
            elif all(truth is True for truth in truths):
                return True
            else:
                return None
        return False if len(answers) == len(disjuncts) else None

    def _row(self, row: Constraint) -> bool | None:
        value = row.expression
        if row.equality:
            if self.within(value, 0, 0):
                return True
            apart = self.within(value, 1, _FAR) or self.within(value, -_FAR, -1)
            return False if apart else None
        if self.within(value, 0, _FAR):
            return True
        return False if self.within(value, -_FAR, -1) else None

    def _apply(self, function: str, values: Sequence[Element], dtype: DType) -> Element:
        truths = [v for v in values if isinstance(v, bool)]
        numbers = [v for v in values if isinstance(v, Affine)]
        if len(truths) == len(values):
            return _logic(function, truths)
        if function in ("and", "or") and dtype is DType.I1:
            # One side may decide alone.
            deciding = function == "or"
            return deciding if deciding in truths else None
        if len(numbers) < len(values):
            return None
        if function.startswith("compare_"):
            return self._compared(function[8:], numbers[0] - numbers[1])
        found = self._number(function, numbers)
        return None if found is None else self._fitting(found, dtype)

    def _number(self, function: str, values: Sequence[Affine]) -> Affine | None:
        first, second = values[0], values[-1]
        match function:
            case "add":
                return first + second
            case "subtract":
                return first - second
            case "negate":
                return -first
            case "multiply" if second.is_constant:
                return first * second.constant
            case "multiply" if first.is_constant:
                return second * first.constant
            case "maximum" | "minimum":
                larger, smaller = (first, second) if function == "maximum" else (second, first)
                if self.within(larger - smaller, 0, _FAR):
                    return first
                return second if self.within(smaller - larger, 0, _FAR) else None
            case "abs" if self.within(first, 0, _FAR):
                return first
            case "sign" if self.within(first, 1, _FAR):
                return Affine.of(1)
            case "sign" if self.within(first, -_FAR, -1):
                return Affine.of(-1)
            case "divide" | "remainder" if second.is_constant and second.constant > 0:
                # Both truncate; of what is not negative, that is the floor.
                if not self.within(first, 0, _FAR):
                    quotient = self._quotient(first, second.constant)
                    if quotient is None:
                        return None
                    return quotient.value if function == "divide" else quotient.remainder
                return first // second.constant if function == "divide" else first % second.constant
            case _:
                return None

    def _quotient(self, numerator: Affine, divisor: int) -> Truncation | None:
        """The truncated quotient of what may be negative."""
        if self.optimistic or self._truncated(numerator):
            return None
        key = (numerator, divisor)
        if key not in self._truncations:
            made = truncation(f"%q{len(self._truncations)}", numerator, divisor, self.within)
            if made is None:
                return None
            self._truncations[key] = made
        return self._truncations[key]

    def _compared(self, direction: str, difference: Affine) -> Element:
        negative = self.within(difference, -_FAR, -1)
        zero = self.within(difference, 0, 0)
        positive = self.within(difference, 1, _FAR)
        match direction:
            case "eq" | "ne":
                if zero or negative or positive:
                    return zero == (direction == "eq")
            case "lt" | "ge":
                if negative or self.within(difference, 0, _FAR):
                    return negative == (direction == "lt")
            case "gt" | "le":
                if positive or self.within(difference, -_FAR, 0):
                    return positive == (direction == "gt")
            case _:
                pass
        return None


def _logic(function: str, values: Sequence[bool]) -> Element:
    match function:
        case "not":
            return not values[0]
        case "and" | "multiply" | "minimum":
            return values[0] and values[1]
        case "or" | "maximum":
            return values[0] or values[1]
        case "xor" | "compare_ne":
            return values[0] != values[1]
        case "compare_eq":
            return values[0] == values[1]
        case _:
            return None
