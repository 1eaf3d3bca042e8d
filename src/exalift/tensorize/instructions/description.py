"""What a tensorized instruction is: registers, meaning, emission, cost. A description is data alone.

UNIT (Weng et al., CGO 2021, section 3.1) describes an instruction in the language of the programs that
it serves; so is it here: `formula` is an `affine.Formula`, as a dialect op's is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Expression,
    Formula,
    Load,
    Reduce,
    loads,
    nodes,
)
from exalift.base import DType

LANE = "lane"
"""The symbol of register layouts: the position of an element in the register, from 0."""

M, N, K = "m", "n", "k"
"""The axes of every formula: rows, columns, and what is summed."""

ACC, LHS, RHS = "acc", "lhs", "rhs"
"""The arrays of every formula: the accumulator, and the two factors, indexed [m,n], [m,k], [k,n]."""


class File(Enum):
    """How registers are named in LLVM IR."""

    VALUES = "SSA values of a vector type, which LLVM puts into registers"
    NUMBERED = "registers that the text names by number, and moves with instructions of their own"


@dataclass(frozen=True, slots=True)
class Moves:
    """For numbered registers: IR templates with {register}, {address}, {pitch} (bytes from row to row) and
    {fresh} (a prefix for local names), and what has to happen before the first and after the last
    instruction of a kernel. An empty `load` says that accumulators alone are numbered; both factors are
    then vectors."""

    load: str
    store: str
    zero: str
    enter: str
    leave: str
    row_bytes: int


@dataclass(frozen=True, slots=True)
class Register:
    """One operand: lane `lane` of `lanes` holds the tile's element `layout`, in the order of the array's
    subscripts in the formula. Several lanes may hold one element (a broadcast)."""

    dtype: DType
    lanes: int
    layout: tuple[Affine, Affine]

    def element(self, lane: int) -> tuple[int, int]:
        row, column = self.layout
        return row.at({LANE: lane}), column.at({LANE: lane})

    @property
    def elements(self) -> tuple[tuple[int, int], ...]:
        """The distinct elements, in the order in which lanes first hold them."""
        return tuple(dict.fromkeys(self.element(lane) for lane in range(self.lanes)))

    @property
    def type(self) -> str:
        """The LLVM type of the register as a vector."""
        return f"<{self.lanes} x {llvm_type(self.dtype)}>"


@dataclass(frozen=True, slots=True)
class Rate:
    """What it costs at best: instructions begun a cycle, cycles from operands to result. From the vendor's
    tables, as a first guess; `exalift peaks` measures."""

    each_cycle: float
    latency: int


@dataclass(frozen=True, slots=True)
class Fragments:
    """For instructions that a group of threads runs together: the lanes of every register are shared out
    evenly, thread after thread.

    descriptor: where the right factor is read from shared memory, what its descriptor says beside the address
    (the address in units of 16 bytes is added; 0: it is in registers). publish: PTX that makes what a thread
    has written to shared memory visible to the instruction. copies: registers that an element of the
    accumulator takes, as the assembler reports.
    """

    threads: int
    descriptor: int = 0
    publish: str = ""
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction (or the short sequence that acts as one).

    formula: `out[m,n] = acc[m,n] + sum k. product`, casts included; extents are constants.
    emission: IR template; {result}, {acc}, {lhs}, {rhs} are operands, {fresh} a prefix for local names.
    features: what the CPU must have, in LLVM's words. registers: how many the file has.
    length: the one length of vectors that this form is for, as `usable_features` says it ("sve=256"); empty
    where an instruction has but one. attributes: LLVM's, for the functions that use the instruction.
    """

    name: str
    family: str
    formula: Formula
    acc: Register
    lhs: Register
    rhs: Register
    emission: str
    declarations: tuple[str, ...]
    features: frozenset[str]
    rate: Rate
    registers: int
    moves: Moves | None = None
    length: str = ""
    attributes: str = ""
    fragments: Fragments | None = None

    def __post_init__(self) -> None:
        names = tuple(axis.name for axis in self.formula.axes)
        body = self.formula.body
        reduced = _reductions(self.formula)
        if names != (M, N) or len(reduced) != 1 or [a.name for a in reduced[0].axes] != [K]:
            raise ValueError(f"{self.name}: a formula has axes m and n and sums over k")
        if body.dtype is not self.acc.dtype:
            raise ValueError(f"{self.name}: the result has the accumulator's type")
        m, n, k = self.extents
        shapes = {ACC: (m, n), LHS: (m, k), RHS: (k, n)}
        for name, register in self.registers_by_name.items():
            inside = {(i, j) for i in range(shapes[name][0]) for j in range(shapes[name][1])}
            if set(register.elements) != inside:
                raise ValueError(f"{self.name}: the lanes of {name} do not hold its tile {shapes[name]}")
        for load in loads(body):
            register = self.registers_by_name.get(load.array)
            if register is None or register.dtype is not load.dtype:
                raise ValueError(f"{self.name}: {load.array} is loaded as {load.dtype}")
        fields = set(re.findall(r"\{(\w+)\}", self.emission))
        wanted = {ACC, LHS, RHS} | (set[str]() if self.moves else {"result"})
        if not wanted <= fields or not fields <= wanted | {"fresh"}:
            raise ValueError(f"{self.name}: the emission names {sorted(fields)}, not {sorted(wanted)}")

    @property
    def file(self) -> File:
        return File.NUMBERED if self.moves else File.VALUES

    @property
    def requirements(self) -> frozenset[str]:
        """What `usable_features` must have."""
        return self.features | frozenset(filter(None, (self.length,)))

    @property
    def loads_tiles(self) -> bool:
        """Whether factors are numbered registers too, loaded row by row from anywhere."""
        return self.moves is not None and bool(self.moves.load)

    @property
    def takes_rows(self) -> bool:
        """Whether a vector of the left factor holds several rows: they are then packed side by side."""
        return self.extents[0] > 1 and not self.loads_tiles

    @property
    def lanewise(self) -> bool:
        """Whether each lane of the sum is by itself: lane n sums lanes [k*n, k*n + k) of both factors.

        A description says so of a left factor that is the same in all lanes; since what a lane sums is stated
        lane by lane and no lane is told apart, it holds for one that differs from lane to lane as well.
        """
        m, n, k = self.extents
        if m != 1 or self.moves is not None or self.fragments is not None:
            return False
        lanes = range(n * k)
        return (
            self.acc.elements == tuple((0, lane) for lane in range(n))
            and self.acc.lanes == n
            and self.lhs.lanes == self.rhs.lanes == n * k
            and all(self.lhs.element(lane) == (0, lane % k) for lane in lanes)
            and all(self.rhs.element(lane) == (lane % k, lane // k) for lane in lanes)
        )

    @property
    def registers_by_name(self) -> Mapping[str, Register]:
        return {ACC: self.acc, LHS: self.lhs, RHS: self.rhs}

    @property
    def extents(self) -> tuple[int, int, int]:
        """The tile: rows, columns, summed."""
        m, n = (axis.extent.constant for axis in self.formula.axes)
        (reduced,) = _reductions(self.formula)
        return m, n, reduced.axes[0].extent.constant

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        m, n, k = self.extents
        return 2 * m * n * k


def _reductions(formula: Formula) -> list[Reduce]:
    return [node for node in nodes(formula.body) if isinstance(node, Reduce)]


def sum_of_products(m: int, n: int, k: int, lhs: DType, rhs: DType, acc: DType) -> Formula:
    """`out[m,n] = acc[m,n] + sum k. cast(lhs[m,k]) * cast(rhs[k,n])`, all in the accumulator's type."""

    def factor(name: str, axes: str, dtype: DType) -> Expression:
        load = Load(name, (Affine.symbol(axes[0]), Affine.symbol(axes[1])), dtype)
        return load if dtype is acc else Cast(load, acc)

    product = Apply("multiply", (factor(LHS, M + K, lhs), factor(RHS, K + N, rhs)), acc)
    total = Reduce("add", (Axis(K, Affine.of(k)),), product, acc)
    body = Apply("add", (Load(ACC, (Affine.symbol(M), Affine.symbol(N)), acc), total), acc)
    return Formula((Axis(M, Affine.of(m)), Axis(N, Affine.of(n))), body)


LANES = Affine.symbol(LANE)
ZERO = Affine()


def llvm_type(dtype: DType) -> str:
    """The LLVM type of an element; integers have no sign there."""
    names = {DType.F64: "double", DType.F32: "float", DType.F16: "half", DType.BF16: "bfloat"}
    return names.get(dtype, f"i{dtype.bits}")
