"""What is compiled: a procedure of assignments over named buffers, inside loops that run in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from exalift.affine import Affine, Axis, Constraint, Expression
from exalift.base import DType
from exalift.dialects.stablehlo import LoopRange
from exalift.tensorize import Plan


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array in memory, row-major and dense."""

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.bytes

    def linear(self, indices: Sequence[Affine]) -> Affine:
        """The position of an element, counted in elements."""
        position = Affine()
        for index, extent in zip(indices, self.shape, strict=True):
            position = position * extent + index
        return position


@dataclass(frozen=True, eq=False)
class Assignment:
    """`array[indices] = body` at every point of `axes` where all of `domain` hold.

    All of the array that the body reads is what it was before the assignment, and points are in no
    order: so they may run in any, or at once. `lines` are those of the source.
    """

    array: str
    axes: tuple[Axis, ...]
    indices: tuple[Affine, ...]
    body: Expression
    domain: tuple[Constraint, ...] = ()
    lines: tuple[int, int] = (1, 1)

    @property
    def points(self) -> int:
        """How many points the box of the axes has; the domain may have fewer."""
        return prod(extent_of(axis) for axis in self.axes)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The box of the axes, and the domain."""
        return (*box(self.axes), *self.domain)


@dataclass(frozen=True, eq=False)
class Block:
    """Assignments that run one after another, and may run at once where `together` is set: none of
    them writes what another one reads or writes."""

    assignments: tuple[Assignment, ...]
    together: bool = False


@dataclass(frozen=True, eq=False)
class Sequential:
    """A loop from the largest of `lower` to the least of `upper`, exclusive, in order."""

    iv: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    body: tuple[Item, ...]
    reason: str = ""
    times: float | None = None
    """About how often it runs, where its bounds do not tell."""

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What is known of the induction variable inside."""
        return between(self.iv, self.lower, self.upper)


@dataclass(frozen=True, eq=False)
class Columns:
    """A loop in order whose statements are on the same single axis, turned inside out: for every value of
    the axis, in no order, the loop. No value of the axis touches what another one writes."""

    axis: Axis
    loop: Sequential
    statements: tuple[Assignment, ...]


@dataclass(frozen=True, eq=False)
class Product:
    """A contraction that a tensorized kernel computes: `out` from `lhs` and `rhs`. `packed` and `workspace`
    are memory for the kernel; the workspace holds zeros at first.

    finished: what is stored, over the kernel's loops: an expression of the sums (`tensorize.SUM` and so on)
    and of elements of arrays. extra: the arrays that the plan's epilogue reads, in its order. note: why what
    follows is a loop of its own, where something follows.
    """

    plan: Plan
    lhs: str
    rhs: str
    out: str
    packed: str
    workspace: str
    finished: Expression
    extra: tuple[str, ...] = ()
    note: str = ""

    @property
    def read(self) -> frozenset[str]:
        """The arrays that it reads."""
        own = {self.out} if self.plan.contraction.accumulate else set[str]()
        return frozenset({self.lhs, self.rhs, *self.extra, *own})

    @property
    def work(self) -> float:
        return 2.0 * prod(dimension.extent for dimension in self.plan.contraction.dimensions)


Item = Block | Sequential | Columns | Product


@dataclass(frozen=True, eq=False)
class Procedure:
    """A program at fixed sizes. `arguments` are read, `results` (name outside, buffer) are what it gives.

    Buffers that are neither hold zeros at first; those that only assignments made up (`temporaries`)
    need not, workspaces of products apart. `integers` are arguments whose values are symbols of the body,
    between bounds that the caller keeps to; each names those before it.
    """

    name: str
    buffers: Mapping[str, Buffer]
    arguments: tuple[str, ...]
    results: tuple[tuple[str, str], ...]
    temporaries: frozenset[str]
    body: tuple[Item, ...]
    integers: tuple[LoopRange, ...] = ()

    @property
    def known(self) -> tuple[Constraint, ...]:
        """What is known of the integers."""
        return known_of(self.integers)


def between(name: str, lower: Iterable[Affine], upper: Iterable[Affine]) -> tuple[Constraint, ...]:
    """`max(lower) <= name < min(upper)`."""
    symbol = Affine.symbol(name)
    above = (Constraint(symbol - bound) for bound in lower)
    return (*above, *(Constraint(bound - symbol - 1) for bound in upper))


def known_of(integers: Iterable[LoopRange]) -> tuple[Constraint, ...]:
    return tuple(c for integer in integers for c in between(integer.iv, integer.lower, integer.upper))


def extent_of(axis: Axis) -> int:
    """The extent of an axis at fixed sizes; a negative one counts as 0."""
    return max(0, axis.extent.constant)


def box(axes: Iterable[Axis]) -> tuple[Constraint, ...]:
    found: list[Constraint] = []
    for axis in axes:
        symbol = Affine.symbol(axis.name)
        found += [Constraint(symbol), Constraint(-symbol + (extent_of(axis) - 1))]
    return tuple(found)
