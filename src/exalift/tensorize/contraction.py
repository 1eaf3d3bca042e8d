"""What is to be computed: a sum of products over a box of loops, as an instruction may cover it.

    out[out.indices] = finish(sum over k of cast(lhs[lhs.indices]) * cast(rhs[rhs.indices]))

A loop belongs to one role by the operands that it moves: BATCH moves all three, M the left and the
output, N the right and the output, K both inputs and not the output. Matrix products in every
transposition, batched ones, contractions of higher rank and convolutions (whose K loops share a
subscript with M loops) are all of this form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    Formula,
    Load,
    Reduce,
    loads,
    rewrite,
)
from exalift.base import DType

from .nibbles import Nibbles


class Role(Enum):
    """Which operands a loop moves."""

    BATCH = "batch"
    M = "m"
    N = "n"
    K = "k"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A loop over `[0, extent)`. Extents are fixed: a kernel is compiled for its sizes."""

    name: str
    extent: int
    role: Role

    def __post_init__(self) -> None:
        if self.extent < 1:
            raise ValueError(
                f"loop {self.name} has extent {self.extent}; empty contractions are not tensorized"
            )


@dataclass(frozen=True, slots=True)
class Access:
    """How the loops reach into an array: its element type, its shape, its strides (in elements; row-major
    unless given) and, for each of its dimensions, a subscript that is linear in the loops.

    A subscript may leave the array: such an element reads as `fill`. `nibbles`: elements take four bits in
    memory, and `dtype` is what they are unpacked to.
    """

    dtype: DType
    shape: tuple[int, ...]
    indices: tuple[Affine, ...]
    strides: tuple[int, ...] = ()
    fill: int = 0
    nibbles: Nibbles | None = None

    def __post_init__(self) -> None:
        if not self.strides and self.shape:
            object.__setattr__(self, "strides", row_major(self.shape))
        if not len(self.shape) == len(self.indices) == len(self.strides):
            raise ValueError("an access has one subscript and one stride a dimension")
        if not all(index.is_linear for index in self.indices):
            raise ValueError("subscripts of a contraction are linear in its loops")
        if self.nibbles is not None and not self.shape:
            raise ValueError("elements of four bits are those of an array")
        if self.nibbles is not None and not self.nibbles.fit(self.dtype):
            raise ValueError(f"{self.dtype} does not hold {self.nibbles.range[0]} to {self.nibbles.range[1]}")

    @property
    def offset(self) -> Affine:
        """The position in memory, in elements, of an element that is inside."""
        terms = (index * stride for index, stride in zip(self.indices, self.strides, strict=True))
        return sum(terms, Affine())

    @property
    def span(self) -> int:
        """How many elements lie between the first and the last, both included."""
        pairs = zip(self.shape, self.strides, strict=True)
        return sum((extent - 1) * abs(stride) for extent, stride in pairs) + 1

    def leaves(self, extents: Mapping[str, int]) -> tuple[int, ...]:
        """The dimensions in which some iteration is outside the array."""
        found: list[int] = []
        for position, (index, extent) in enumerate(zip(self.indices, self.shape, strict=True)):
            low, high = index_range(index, extents)
            if low < 0 or high >= extent:
                found.append(position)
        return tuple(found)


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements, the last dimension contiguous."""
    return tuple(math.prod(shape[position + 1 :]) for position in range(len(shape)))


def index_range(index: Affine, extents: Mapping[str, int]) -> tuple[int, int]:
    """The smallest and the largest value of a linear subscript over the box of the loops."""
    low = high = index.constant
    for atom, coefficient in index.terms:
        assert isinstance(atom, str)
        reach = coefficient * (extents[atom] - 1)
        low, high = low + min(0, reach), high + max(0, reach)
    return low, high


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What happens to a finished sum before it is stored: an expression of `Load("sum", ())` and of
    `Load(name, indices)` of further operands, whose subscripts are linear in the M and N loops. It may
    also load the sums over k of the result's row of the left operand, `Load(ROWS, ())`, and of its column
    of the right one, `Load(COLUMNS, ())`, in the accumulator's type.

    `operands` lists those arrays in the order in which a kernel takes their addresses. The expression's
    dtype is the output's.
    """

    value: Expression
    operands: tuple[tuple[str, Access], ...] = ()


SUM = "sum"
"""The name by which an epilogue loads the finished sum."""

ROWS, COLUMNS = "%rows", "%columns"
"""The names by which it loads the sums of a row of the left operand and of a column of the right one."""

OUT = "out"
"""The name of an epilogue's operand that is the output itself, as it was before."""


@dataclass(frozen=True, slots=True)
class Contraction:
    """A sum of products with everything fixed; see the module. `accumulate` adds to what `out` holds.

    lhs_shift: an integer added to every element of the left operand before the product, in the
    accumulator's type; padding counts as an element. (A zero point, with its sign changed.)
    """

    dimensions: tuple[Dimension, ...]
    lhs: Access
    rhs: Access
    out: Access
    accumulator: DType
    epilogue: Epilogue | None = None
    accumulate: bool = False
    lhs_shift: int = 0

    def __post_init__(self) -> None:
        if len({d.name for d in self.dimensions}) != len(self.dimensions):
            raise ValueError("the loops of a contraction have distinct names")
        moved = {Role.BATCH: (1, 1, 1), Role.M: (1, 0, 1), Role.N: (0, 1, 1), Role.K: (1, 1, 0)}
        for dimension in self.dimensions:
            for access, moves in zip((self.lhs, self.rhs, self.out), moved[dimension.role], strict=True):
                uses = any(dimension.name in index.names for index in access.indices)
                if uses and not moves:
                    raise ValueError(f"loop {dimension.name} is no {dimension.role.value} loop")
        if self.out.leaves(self.extents):
            raise ValueError("a contraction writes inside its output")
        if self.epilogue is None and self.out.dtype is not self.accumulator:
            raise ValueError("an output of another type than the accumulator needs an epilogue")
        if self.epilogue is not None and self.epilogue.value.dtype is not self.out.dtype:
            raise ValueError("the epilogue gives another type than the output's")

    @property
    def extents(self) -> dict[str, int]:
        return {d.name: d.extent for d in self.dimensions}

    def of_role(self, role: Role) -> tuple[Dimension, ...]:
        return tuple(d for d in self.dimensions if d.role is role)

    def extent(self, role: Role) -> int:
        """The product of the extents of a role's loops; 1 where there are none."""
        return math.prod(d.extent for d in self.of_role(role))

    @property
    def reads_out(self) -> bool:
        """Whether the epilogue reads what the output held before."""
        return self.epilogue is not None and any(name == OUT for name, _ in self.epilogue.operands)

    def loads_sums(self, name: str) -> bool:
        """Whether the epilogue loads `ROWS` or `COLUMNS`."""
        value = self.epilogue.value if self.epilogue else None
        return value is not None and any(load.array == name for load in loads(value))

    @property
    def operations(self) -> int:
        """Multiplications and additions, as benchmarks count them."""
        return 2 * math.prod(d.extent for d in self.dimensions)

    @property
    def product(self) -> Expression:
        """The summand, in the accumulator's type."""
        lhs = _widened("lhs", self.lhs, self.accumulator, self.lhs_shift)
        rhs = _widened("rhs", self.rhs, self.accumulator, 0)
        return Apply("multiply", (lhs, rhs), self.accumulator)

    @property
    def stored(self) -> Expression:
        """What ends up in the output, at the loops that are not summed: an expression of "lhs", "rhs", the
        epilogue's operands and, where it is read, `OUT`. Outside reads as 0, as in `formula`."""
        accumulator = self.accumulator
        total = self._summed(self.product)
        if self.epilogue is not None:
            alone = {
                SUM: total,
                ROWS: self._summed(_widened("lhs", self.lhs, accumulator, 0)),
                COLUMNS: self._summed(_widened("rhs", self.rhs, accumulator, 0)),
            }

            def inlined(node: Expression) -> Expression:
                return alone.get(node.array, node) if isinstance(node, Load) else node

            total = rewrite(self.epilogue.value, inlined)
        if not self.accumulate:
            return total
        return Apply("add", (Load(OUT, self.out.indices, total.dtype), total), total.dtype)

    @property
    def formula(self) -> Formula:
        """The sum over the box of loops, before epilogue and accumulation: axes are the loops that are
        not summed, in their order. Operands are named "lhs" and "rhs"; outside reads as 0, so this
        is exact for a `fill` of 0 and no shift of an operand that is padded."""
        kept = tuple(Axis(d.name, Affine.of(d.extent)) for d in self.dimensions if d.role is not Role.K)
        return Formula(kept, self._summed(self.product))

    def _summed(self, summand: Expression) -> Expression:
        """The sum of something over the loops of K; itself where there are none."""
        axes = tuple(Axis(d.name, Affine.of(d.extent)) for d in self.of_role(Role.K))
        return Reduce("add", axes, summand, summand.dtype) if axes else summand


def _widened(name: str, access: Access, accumulator: DType, shift: int) -> Expression:
    load: Expression = Load(name, access.indices, access.dtype)
    if access.dtype is not accumulator:
        load = Cast(load, accumulator)
    if not shift:
        return load
    return Apply("add", (load, Constant(shift, accumulator)), accumulator)


def matrix_product(
    m: int,
    n: int,
    k: int,
    lhs: DType,
    rhs: DType,
    accumulator: DType,
    *,
    batch: int = 1,
    transpose_lhs: bool = False,
    transpose_rhs: bool = False,
    epilogue: Epilogue | None = None,
    out: DType | None = None,
) -> Contraction:
    """`out[b,m,n] = sum k. lhs[b,m,k] * rhs[b,k,n]`, row-major; a transposed operand is stored [b,k,m] or
    [b,n,k]. Arrays are of rank 3 where `batch` is more than 1."""
    sizes = {"b": batch, "m": m, "n": n, "k": k}
    roles = {"b": Role.BATCH, "m": Role.M, "n": Role.N, "k": Role.K}
    names = "bmnk" if batch > 1 else "mnk"
    lead = "b" if batch > 1 else ""

    def access(axes: str, dtype: DType) -> Access:
        every = lead + axes
        return Access(dtype, tuple(sizes[a] for a in every), tuple(Affine.symbol(a) for a in every))

    return Contraction(
        tuple(Dimension(name, sizes[name], roles[name]) for name in names),
        access("km" if transpose_lhs else "mk", lhs),
        access("nk" if transpose_rhs else "kn", rhs),
        access("mn", out or accumulator),
        accumulator,
        epilogue,
    )
