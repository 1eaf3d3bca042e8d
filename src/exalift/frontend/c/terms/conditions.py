"""Conditions on followed integers, and on data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from exalift.base import DType

from .symbolic import Choice, Poly

if TYPE_CHECKING:
    from .draft import Draft


@dataclass(frozen=True, slots=True)
class Known:
    value: bool

    @property
    def known(self) -> bool | None:
        return self.value

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset()

    @property
    def size(self) -> int:
        return 1

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        del mapping
        return self

    def __str__(self) -> str:
        return "true" if self.value else "false"


RELATIONS = ("lt", "le", "gt", "ge", "eq", "ne")
_SYMBOL = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
NEGATED = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left relation right`, compared in `dtype`; the operands are already what C sees in that type."""

    relation: str
    left: Poly
    right: Poly
    dtype: DType

    @property
    def known(self) -> bool | None:
        return None

    @property
    def symbols(self) -> frozenset[str]:
        return self.left.symbols | self.right.symbols

    @property
    def size(self) -> int:
        return 1 + self.left.size + self.right.size

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        return compare(
            self.relation, self.left.substitute(mapping), self.right.substitute(mapping), self.dtype
        )

    def __str__(self) -> str:
        return f"{self.left} {_SYMBOL[self.relation]} {self.right}"


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on data: an expression of type i1."""

    expression: Draft

    @property
    def known(self) -> bool | None:
        return None

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset()

    @property
    def size(self) -> int:
        return 1

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        del mapping
        return self

    def __str__(self) -> str:
        return "test"


@dataclass(frozen=True, slots=True)
class Both:
    """`left && right`."""

    left: Condition
    right: Condition
    symbols: frozenset[str] = field(init=False, compare=False)
    size: int = field(init=False, compare=False)

    @property
    def known(self) -> bool | None:
        return None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", self.left.symbols | self.right.symbols)
        object.__setattr__(self, "size", 1 + self.left.size + self.right.size)

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        return both(self.left.substitute(mapping), self.right.substitute(mapping))

    def __str__(self) -> str:
        return f"({self.left} && {self.right})"


@dataclass(frozen=True, slots=True)
class Either:
    """`left || right`."""

    left: Condition
    right: Condition
    symbols: frozenset[str] = field(init=False, compare=False)
    size: int = field(init=False, compare=False)

    @property
    def known(self) -> bool | None:
        return None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", self.left.symbols | self.right.symbols)
        object.__setattr__(self, "size", 1 + self.left.size + self.right.size)

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        return either(self.left.substitute(mapping), self.right.substitute(mapping))

    def __str__(self) -> str:
        return f"({self.left} || {self.right})"


@dataclass(frozen=True, slots=True)
class Negation:
    """`!operand`, of a test on data; comparisons are negated in place."""

    operand: Test

    @property
    def known(self) -> bool | None:
        return None

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset()

    @property
    def size(self) -> int:
        return 2

    def substitute(self, mapping: Mapping[str, Poly]) -> Condition:
        del mapping
        return self

    def __str__(self) -> str:
        return f"!{self.operand}"


Condition = Known | Comparison | Test | Both | Either | Negation
_HOLDS: dict[str, Callable[[int], bool]] = {
    "lt": lambda d: d < 0,
    "le": lambda d: d <= 0,
    "gt": lambda d: d > 0,
    "ge": lambda d: d >= 0,
    "eq": lambda d: d == 0,
    "ne": lambda d: d != 0,
}


def compare(relation: str, left: Poly, right: Poly, dtype: DType) -> Condition:
    """A comparison, decided at once where both sides differ by a number."""
    difference = (left - right).constant
    if difference is not None:
        return Known(_HOLDS[relation](difference))
    for one, other, holds in ((left, right, _HOLDS[relation]), (right, left, _mirrored(relation))):
        atom, value = one.single_atom, other.constant
        if isinstance(atom, Choice) and value is not None:
            arms = (atom.then.constant, atom.otherwise.constant)
            if arms[0] is not None and arms[1] is not None:
                return _decided(atom.condition, holds(arms[0] - value), holds(arms[1] - value))
    return Comparison(relation, left, right, dtype)


def _mirrored(relation: str) -> Callable[[int], bool]:
    return lambda difference: _HOLDS[relation](-difference)


def _decided(condition: Condition, then: bool, otherwise: bool) -> Condition:
    if then == otherwise:
        return Known(then)
    return condition if then else negated(condition)


def both(left: Condition, right: Condition) -> Condition:
    if isinstance(left, Known):
        return right if left.value else left
    if isinstance(right, Known) and right.value:
        return left
    return Both(left, right)


def either(left: Condition, right: Condition) -> Condition:
    if isinstance(left, Known):
        return left if left.value else right
    if isinstance(right, Known) and not right.value:
        return left
    return Either(left, right)


def negated(condition: Condition) -> Condition:
    match condition:
        case Known(value):
            return Known(not value)
        case Comparison(relation, left, right, dtype):
            return Comparison(NEGATED[relation], left, right, dtype)
        case Test():
            return Negation(condition)
        case Negation(operand):
            return operand
        case Both(left, right):
            return Either(negated(left), negated(right))
        case Either(left, right):
            return Both(negated(left), negated(right))
        case _:
            assert_never(condition)


def has_data(condition: Condition) -> bool:
    """Whether a test on data occurs in it."""
    match condition:
        case Known() | Comparison():
            return False
        case Test() | Negation():
            return True
        case Both(left, right) | Either(left, right):
            return has_data(left) or has_data(right)
        case _:
            assert_never(condition)
