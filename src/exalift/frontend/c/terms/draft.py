"""Programs in the making: like the affine IR, but with `Poly` for subscripts, bounds and conditions.

Symbolic execution writes drafts; `normalize` proves what is affine and turns conditions on data into
selects, after which the only drafts left in an expression are `Fetch`, `Operation` and `Converted`
over the IR's own leaves; `emit` gives arrays their shapes and writes the IR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exalift.affine import Affine, Constant, Guard, GuardValue, IndexValue, Role
from exalift.base import DType, Span

from .conditions import Condition
from .symbolic import Poly


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """An array or a scalar; two are the same when they are one object.

    `extents` as declared, None where unknown (the outermost extent of a pointer's target). A pointer
    parameter that is only used as `*p` has one unknown extent until `shapes` sees that.
    """

    name: str
    dtype: DType
    extents: tuple[Poly | None, ...]
    role: Role
    span: Span
    by_value: bool = False
    pointer: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """An element of a memory; one polynomial for each declared dimension."""

    memory: Memory
    indices: tuple[Poly, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Integer:
    """A followed integer used as data of an integer type."""

    value: Poly
    dtype: DType


@dataclass(frozen=True, slots=True)
class Truth:
    """A condition used as data."""

    condition: Condition
    dtype: DType = DType.I1


@dataclass(frozen=True, slots=True)
class Fetch:
    access: Access
    dtype: DType


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of `affine.functions`."""

    function: str
    operands: tuple[Draft, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Converted:
    operand: Draft
    dtype: DType


Draft = Constant | IndexValue | GuardValue | Integer | Truth | Fetch | Operation | Converted


# Statements, as executed.


@dataclass(frozen=True, slots=True)
class Store:
    access: Access
    value: Draft
    span: Span


@dataclass(frozen=True, slots=True)
class Bound:
    """Something that the meaning of a loop rests on: `value` lies in `dtype`'s range (no wrap-around)
    in every iteration, and when the loop's condition is looked at for the last time."""

    value: Poly
    dtype: DType


@dataclass(frozen=True, slots=True)
class Iteration:
    """`for (symbol = lower; symbol < each of upper; symbol++) body`.

    `needs` are polynomials that must not be negative where the loop starts; `bounds` must hold inside.
    """

    symbol: str
    name: str
    lower: Poly
    upper: tuple[Poly, ...]
    body: tuple[DraftStatement, ...]
    needs: tuple[Poly, ...]
    bounds: tuple[Bound, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Branch:
    """`locals` are what the branches declare, which nobody else reads."""

    condition: Condition
    then: tuple[DraftStatement, ...]
    otherwise: tuple[DraftStatement, ...]
    locals: frozenset[Memory]
    span: Span


@dataclass(frozen=True, slots=True)
class Fill:
    """All elements of a memory become zero."""

    memory: Memory
    span: Span


DraftStatement = Store | Iteration | Branch | Fill


# Statements, normalised: bounds and conditions are affine, values hold no `Integer` and no `Truth`.


@dataclass(frozen=True, slots=True)
class BoundedLoop:
    iv: str
    name: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    body: tuple[NormalStatement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Guarded:
    guard: Guard
    then: tuple[NormalStatement, ...]
    otherwise: tuple[NormalStatement, ...]
    span: Span


NormalStatement = Store | BoundedLoop | Guarded | Fill


def operands(expression: Draft) -> tuple[Draft, ...]:
    match expression:
        case Operation(operands=found):
            return found
        case Converted(operand):
            return (operand,)
        case _:
            return ()


def fetches(expression: Draft) -> Iterator[Fetch]:
    """Every load in a normalised expression."""
    pending: list[Draft] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, Fetch):
            yield node
        pending.extend(operands(node))


def stores(body: tuple[NormalStatement, ...]) -> Iterator[Store | Fill]:
    """Every write in normalised statements."""
    pending: list[NormalStatement] = list(reversed(body))
    while pending:
        match pending.pop():
            case Store() | Fill() as found:
                yield found
            case BoundedLoop(body=inner):
                pending.extend(reversed(inner))
            case Guarded(_, then, otherwise):
                pending.extend(reversed(then + otherwise))
