"""Kernels: affine tile loops over buffers, with the points at which they can be stopped.

A kernel is a sequence of *nests*, in sequential loops. The work-items of a nest are independent of each
other, so they run in any order, and nests come one after another. A `Yield` says that work may stop
here: between nests, or inside one in loops whose bounds are the same for all its work-items, where what
a work-item knows (registers and loop variables) is saved in its *frame* (see `frames`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from exalift.base import NO_SPAN, DType, Span

from .functions import FUNCTIONS
from .index import Index


class Role(Enum):
    """What the world outside sees of a buffer. What `out` and `local` hold at first is not specified: zeros,
    or what an earlier call in the same job left there."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Buffer:
    """A named array in row-major order; a scalar has rank 0."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    role: Role
    span: Span = field(default=NO_SPAN, compare=False)

    @property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.bytes


@dataclass(frozen=True, slots=True)
class Literal:
    """A number; floating-point ones are doubles and are rounded to `dtype` once."""

    value: int | bool | float
    dtype: DType


@dataclass(frozen=True, slots=True)
class Register:
    """The value of a variable of the work-item."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class IndexValue:
    """The value of an affine expression, as data."""

    index: Index
    dtype: DType


@dataclass(frozen=True, slots=True)
class Constraint:
    """`index >= 0`, or `index == 0` where `equality` is set."""

    index: Index
    equality: bool = False


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether all constraints hold, as an `i1`."""

    constraints: tuple[Constraint, ...]
    dtype: DType = DType.I1


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a buffer. `checked`: a subscript may be out of bounds, and the element is then 0."""

    buffer: str
    indices: tuple[Index, ...]
    dtype: DType
    checked: bool = False
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of `functions.FUNCTIONS`. All operands of `select` may be computed."""

    function: str
    operands: tuple[Expression, ...]
    dtype: DType
    span: Span = field(default=NO_SPAN, compare=False)

    def __post_init__(self) -> None:
        function = FUNCTIONS.get(self.function)
        if function is None or function.arity != len(self.operands):
            raise ValueError(f"{self.function} of {len(self.operands)} operands is no function of kernels")


@dataclass(frozen=True, slots=True)
class Convert:
    """A conversion: between integers modulo 2^bits, float to integer truncates, to i1 it is `!= 0`."""

    operand: Expression
    dtype: DType


Expression = Literal | Register | IndexValue | Holds | Load | Apply | Convert


@dataclass(frozen=True, slots=True)
class Declare:
    """A new register of the work-item, visible to the end of the block."""

    name: str
    dtype: DType
    value: Expression
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Assign:
    """A register gets a value."""

    name: str
    value: Expression
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Store:
    """An element of a buffer gets a value; subscripts are always in bounds."""

    buffer: str
    indices: tuple[Index, ...]
    value: Expression
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """The body, where all constraints hold."""

    constraints: tuple[Constraint, ...]
    body: tuple[Statement, ...]
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Yield:
    """A point at which work may stop."""

    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Range:
    """A variable from `max(lower)` to `min(upper)`, exclusive."""

    name: str
    lower: tuple[Index, ...]
    upper: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class For:
    """A sequential loop of a work-item."""

    range: Range
    body: tuple[Statement, ...]
    span: Span = field(default=NO_SPAN, compare=False)


Statement = Declare | Assign | Store | If | Yield | For


@dataclass(frozen=True, slots=True)
class Nest:
    """Independent work-items, one for each point of the axes' ranges; no axes: one work-item.

    The ranges are affine in the variables of the loops around, not in each other.
    """

    axes: tuple[Range, ...]
    body: tuple[Statement, ...]
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Loop:
    """A sequential loop around nests."""

    range: Range
    body: tuple[Step, ...]
    span: Span = field(default=NO_SPAN, compare=False)


Step = Nest | Loop | Yield


@dataclass(frozen=True, slots=True)
class Parameter:
    """An integer that the caller gives, `lower <= value < upper`; affine expressions may use it."""

    name: str
    lower: int
    upper: int
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A named computation over buffers. Callers bind arrays to all buffers but the local ones, in order."""

    name: str
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    body: tuple[Step, ...]

    @property
    def bound(self) -> tuple[Buffer, ...]:
        """The buffers that a caller binds, in order."""
        return tuple(buffer for buffer in self.buffers if buffer.role is not Role.LOCAL)

    def buffer(self, name: str) -> Buffer:
        """Raises KeyError for a name that there is not."""
        for buffer in self.buffers:
            if buffer.name == name:
                return buffer
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Module:
    """The kernels of a capsule; names are unique."""

    kernels: tuple[Kernel, ...]

    def kernel(self, name: str) -> Kernel:
        """Raises KeyError for a name that there is not."""
        for kernel in self.kernels:
            if kernel.name == name:
                return kernel
        raise KeyError(name)


def nests_of(kernel: Kernel) -> tuple[tuple[Nest, tuple[Loop, ...]], ...]:
    """Every nest with the loops around it, outermost first, in the order of the text."""
    found: list[tuple[Nest, tuple[Loop, ...]]] = []
    pending: list[tuple[Step, tuple[Loop, ...]]] = [(step, ()) for step in reversed(kernel.body)]
    while pending:
        step, around = pending.pop()
        match step:
            case Nest():
                found.append((step, around))
            case Loop(body=body):
                pending += [(inner, (*around, step)) for inner in reversed(body)]
            case Yield():
                pass
    return tuple(found)


def statements_of(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement, those inside others included, in the order of the text."""
    pending = list(reversed(body))
    while pending:
        statement = pending.pop()
        yield statement
        if isinstance(statement, If | For):
            pending += reversed(statement.body)


def has_yield(body: tuple[Statement, ...]) -> bool:
    return any(isinstance(statement, Yield) for statement in statements_of(body))


def children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Apply(operands=operands):
            return operands
        case Convert(operand=operand):
            return (operand,)
        case _:
            return ()


def subexpressions(expression: Expression) -> Iterator[Expression]:
    """The expression and everything below it."""
    pending = [expression]
    while pending:
        here = pending.pop()
        yield here
        pending += children(here)
