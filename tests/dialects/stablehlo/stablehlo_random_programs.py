"""Random lifted programs: DAGs of StableHLO ops, updates and loops, over a few small arrays."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from exalift.affine import Affine
from exalift.base import DType
from exalift.dialects import (
    Argument,
    ArrayValue,
    Node,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
)
from exalift.dialects.stablehlo import (
    broadcast,
    compare,
    concatenate,
    constant,
    convert,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    iota,
    op,
    pad,
    reduce,
    reshape,
    reverse,
    slice_,
    splat,
    transpose,
)

SIZES = {"N": 4, "M": 3}
N, M = Affine.symbol("N"), Affine.symbol("M")
TYPES = {
    "A": TensorType((N, M), DType.F64),
    "B": TensorType((M, N), DType.F64),
    "x": TensorType((M,), DType.F64),
    "y": TensorType((N,), DType.F64),
    "s": TensorType((), DType.F64),
    "k": TensorType((N,), DType.I32),
    "t": TensorType((N, M), DType.F64),
    "u": TensorType((N,), DType.F64),
}
ARGUMENTS, LOCALS = ("A", "B", "x", "y", "s", "k"), ("t", "u")


@dataclass(frozen=True)
class Draw:
    """Draws nodes of wanted types; `ivs` are the loops around."""

    draw: st.DrawFn
    ivs: tuple[str, ...] = ()

    def index(self) -> Affine:
        """Affine in sizes and induction variables, now and then out of bounds."""
        result = Affine.of(self.draw(st.integers(-1, 2)))
        for iv in self.ivs:
            result = result + Affine.symbol(iv) * self.draw(st.sampled_from([0, 1, 1, -1, 2]))
        if self.draw(st.integers(0, 5)) == 0:
            result = (result + N) // self.draw(st.sampled_from([2, 3]))
        return result

    def leaf(self, type: TensorType) -> Node:
        arrays = [name for name, known in TYPES.items() if known == type]
        if arrays and self.draw(st.integers(0, 3)):
            return ArrayValue(name := self.draw(st.sampled_from(arrays)), TYPES[name])
        if type.dtype is DType.I1:
            zero = splat(0, TensorType(type.shape, DType.F64))
            return compare("LT", self.leaf(zero.type), zero)
        if not type.rank and self.draw(st.booleans()):
            return index_scalar(self.index(), type.dtype)
        return splat(self.draw(st.sampled_from([0, 1, 2, -3])), type)

    def node(self, type: TensorType, depth: int) -> Node:
        if depth == 0:
            return self.leaf(type)
        kinds = ["elementwise", "elementwise", "select", "reverse", "update", "reshape"]
        kinds += ["broadcast", "slice", "window", "concatenate"] if type.rank else ["total"]
        if type.dtype is DType.F64 and type.rank in (1, 2):
            kinds += ["dot", "reduce", "transpose", "iota"]
        return getattr(self, f"_{self.draw(st.sampled_from(kinds))}")(type, depth - 1)

    def _elementwise(self, type: TensorType, depth: int) -> Node:
        if type.dtype is DType.I1:
            number = TensorType(type.shape, DType.F64)
            direction = self.draw(st.sampled_from(["LT", "GE", "EQ"]))
            return compare(direction, self.node(number, depth), self.node(number, depth))
        if self.draw(st.integers(0, 3)) == 0:
            return op("negate", self.node(type, depth))
        name = self.draw(st.sampled_from(["add", "subtract", "multiply", "maximum", "minimum"]))
        return op(name, self.node(type, depth), self.node(type, depth))

    def _select(self, type: TensorType, depth: int) -> Node:
        mask = self.node(TensorType(type.shape, DType.I1), 1)
        return op("select", mask, self.node(type, depth), self.node(type, depth))

    def _reverse(self, type: TensorType, depth: int) -> Node:
        dimensions = self.draw(st.sets(st.integers(0, type.rank - 1))) if type.rank else set[int]()
        return reverse(self.node(type, depth), sorted(dimensions))

    def _update(self, type: TensorType, depth: int) -> Node:
        lengths = tuple(self.draw(st.sampled_from([Affine.of(1), extent])) for extent in type.shape)
        window = self.node(TensorType(lengths, type.dtype), depth)
        return dynamic_update_slice(self.node(type, depth), window, [self.index() for _ in lengths])

    def _window(self, type: TensorType, depth: int) -> Node:
        wide = TensorType(tuple(extent + self.draw(st.integers(0, 2)) for extent in type.shape), type.dtype)
        return dynamic_slice(self.node(wide, depth), [self.index() for _ in type.shape], type.shape)

    def _reshape(self, type: TensorType, depth: int) -> Node:
        place = self.draw(st.integers(0, type.rank))
        wider = (*type.shape[:place], Affine.of(1), *type.shape[place:])
        return reshape(reshape(self.node(type, depth), wider), type.shape)

    def _broadcast(self, type: TensorType, depth: int) -> Node:
        kept = [d for d in range(type.rank) if self.draw(st.booleans())]
        operand = TensorType(tuple(type.shape[d] for d in kept), type.dtype)
        return broadcast(self.node(operand, depth), type.shape, kept)

    def _slice(self, type: TensorType, depth: int) -> Node:
        starts = [self.draw(st.integers(0, 2)) for _ in type.shape]
        strides = [self.draw(st.integers(1, 2)) for _ in type.shape]
        last = [s + (e - 1) * d + 1 for s, e, d in zip(starts, type.shape, strides, strict=True)]
        return slice_(self.node(TensorType(tuple(last), type.dtype), depth), starts, last, strides)

    def _concatenate(self, type: TensorType, depth: int) -> Node:
        d = self.draw(st.integers(0, type.rank - 1))
        if type.shape[d].is_constant:
            return self.leaf(type)
        first, second = (
            TensorType((*type.shape[:d], e, *type.shape[d + 1 :]), type.dtype)
            for e in (Affine.of(1), type.shape[d] - 1)
        )
        return concatenate(self.node(first, depth), self.node(second, depth), d)

    def _total(self, type: TensorType, depth: int) -> Node:
        if type.dtype is DType.I1:
            return self.leaf(type)
        vector = self.node(TensorType((M,), type.dtype), depth)
        return reduce(vector, self.draw(st.sampled_from(["add", "maximum", "minimum"])), [0])

    def _reduce(self, type: TensorType, depth: int) -> Node:
        d = self.draw(st.integers(0, type.rank))
        wider = TensorType((*type.shape[:d], M, *type.shape[d:]), type.dtype)
        return reduce(self.node(wider, min(depth, 1)), self.draw(st.sampled_from(["add", "maximum"])), [d])

    def _dot(self, type: TensorType, depth: int) -> Node:
        if type.rank == 1:
            return dot_general(
                self.node(TensorType((*type.shape, M), type.dtype), depth), self.leaf(TYPES["x"]), [(1, 0)]
            )
        lhs = self.node(TensorType((N, type.shape[0]), type.dtype), depth)
        rhs = self.node(TensorType((N, type.shape[1]), type.dtype), depth)
        return dot_general(lhs, rhs, [(0, 0)])

    def _transpose(self, type: TensorType, depth: int) -> Node:
        if type.rank == 1:
            return self.leaf(type)
        return transpose(self.node(TensorType(type.shape[::-1], type.dtype), depth), [1, 0])

    def _iota(self, type: TensorType, depth: int) -> Node:
        mask = compare(
            "LT",
            iota(type.shape, self.draw(st.integers(0, type.rank - 1))),
            broadcast(index_scalar(self.index(), DType.I64), type.shape, ()),
        )
        padded = pad(self.node(type, depth), constant(0, type.dtype), [1] * type.rank, [-1] * type.rank)
        return op("multiply", convert(mask, type.dtype), padded)

    def steps(self, depth: int) -> tuple[Step, ...]:
        found: list[Step] = []
        for _ in range(self.draw(st.integers(1, 3))):
            if depth and self.draw(st.booleans()):
                iv = f"i{len(self.ivs)}"
                outer = self.draw(st.sampled_from((*(Affine.symbol(i) for i in self.ivs), Affine())))
                lower = (outer + self.draw(st.integers(-1, 1)),)
                upper = (N - self.draw(st.integers(0, 1)),)
                if self.draw(st.booleans()):
                    lower, upper = (*lower, Affine()), (*upper, outer + 2)
                inner = Draw(self.draw, (*self.ivs, iv))
                found.append(TensorLoop(iv, lower, upper, inner.steps(depth - 1)))
            else:
                name = self.draw(st.sampled_from(list(TYPES)))
                found.append(Update(name, self.node(TYPES[name], self.draw(st.integers(0, 3)))))
        return tuple(found)


@st.composite
def programs(draw: st.DrawFn) -> TensorProgram:
    """Programs whose locals are read before they are written too: those start as zeros everywhere."""
    results = draw(st.sets(st.sampled_from(list(TYPES)), min_size=1))
    return TensorProgram(
        "f",
        "stablehlo",
        tuple(SIZES),
        tuple(Argument(name, TYPES[name]) for name in ARGUMENTS),
        tuple(Argument(name, TYPES[name]) for name in LOCALS),
        Draw(draw).steps(2),
        tuple(Result(name, name, TYPES[name]) for name in sorted(results)),
    )
