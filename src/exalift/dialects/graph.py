"""Lifted programs: DAGs of tensor ops that update named arrays, inside the loops that must stay."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from exalift.affine import Affine, same_literal
from exalift.base import NO_SPAN, Span

from .types import Attributes, TensorType


@dataclass(frozen=True)
class ArrayValue:
    """The contents of a named array at the start of the step that uses it."""

    name: str
    type: TensorType


@dataclass(frozen=True)
class ConstantValue:
    """A rank-0 literal; floating-point values, and when two are equal, as in `affine.Constant`."""

    value: int | bool | float | Fraction
    type: TensorType

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConstantValue):
            return NotImplemented
        return self.type == other.type and same_literal(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.value, self.type))


@dataclass(frozen=True)
class IndexScalar:
    """A rank-0 integer: an affine expression in sizes and in the induction variables of the loops around."""

    index: Affine
    type: TensorType


@dataclass(frozen=True)
class Operation:
    """An op of a dialect, by its full name ("stablehlo.dot_general"), on operands.

    Equality is structural. Hashes are cached, since DAGs share.
    """

    name: str
    operands: tuple[Node, ...]
    attributes: Attributes
    type: TensorType

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.operands, self.attributes, self.type)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]


Node = ArrayValue | ConstantValue | IndexScalar | Operation


@dataclass(frozen=True, slots=True)
class Update:
    """`array` becomes `value`, which has the array's type. `lines` are those of the source."""

    array: str
    value: Node
    lines: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class TensorLoop:
    """A loop that stays, from `max(lower)` to `min(upper)`, exclusive; `reason` names the dependence."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    body: tuple[Step, ...]
    reason: str = ""
    span: Span = NO_SPAN


Step = Update | TensorLoop


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the lifted function: an array, or a scalar (rank 0)."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class Result:
    """A result: the final contents of `array`, named `name` outside."""

    name: str
    array: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class TensorProgram:
    """A lifted function. Arrays in `locals` start with unspecified contents (printed as zeros).

    `sizes` are the names of its size parameters; shapes and attributes are affine in them.
    """

    name: str
    dialect: str
    sizes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    locals: tuple[Argument, ...]
    body: tuple[Step, ...]
    results: tuple[Result, ...]


def postorder(*roots: Node) -> tuple[Node, ...]:
    """Every node of the DAGs once, operands before users; iterative."""
    seen: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, expanded = stack.pop()
        if node in seen:
            continue
        if expanded or not isinstance(node, Operation):
            seen[node] = None
        else:
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
    return tuple(seen)
