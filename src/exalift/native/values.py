"""Values of terms at several points at once: vectors of lanes along one axis, neighbours along others.

What does not depend on where two points differ is computed once for both.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from exalift.affine import (
    Affine,
    Apply,
    Cast,
    Constant,
    Constraint,
    Expression,
    FloorDiv,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
)
from exalift.base import DType
from exalift.llvm import Code

from .arithmetic import Arithmetic, literal, scalar_type, vector_of
from .memory import Memory
from .terms import Pool, same_scope

Point = Mapping[str, int]
"""How far a point is from the counters of the loops, by axis."""

Key = tuple[tuple[str, int], ...]

_LINE = 64
"""Bytes of a cache line."""


class Reducer(Protocol):
    """Writes the loops of reductions."""

    def together(self, term: Reduce) -> tuple[Reduce, ...]:
        """The reductions that walk the same loops, the one given among them."""
        ...

    def reduce(self, terms: Sequence[Reduce], points: Sequence[Point]) -> list[list[str]]:
        """For each reduction its value at every point, in loops that all share."""
        ...


@dataclass(slots=True)
class Lanes:
    """The axis that runs along vectors, how many lanes they have, and which of them count."""

    axis: str | None = None
    width: int = 1
    mask: str | None = None


@dataclass(slots=True)
class Values:
    """`symbols` are the counters (i64) of induction variables and axes; for the axis of lanes, of lane 0.

    `slots` are stack slots to read instead of memory, by the load's identity and the point. `unsafe` holds
    the identities of loads that are not known to be in bounds wherever they may run.
    """

    code: Code
    arithmetic: Arithmetic
    memory: Memory
    pool: Pool
    symbols: dict[str, str] = field(default_factory=dict[str, str])
    lanes: Lanes = field(default_factory=Lanes)
    unsafe: set[int] = field(default_factory=set[int])
    reducer: Reducer | None = None
    slots: dict[tuple[int, Key], str] = field(default_factory=dict[tuple[int, Key], str])
    _memo: list[dict[tuple[object, ...], str]] = field(default_factory=lambda: [{}])

    @contextmanager
    def scope(self) -> Generator[None]:
        """What is computed inside is forgotten after: it stands in a block that need not have run."""
        self._memo.append({})
        yield
        self._memo.pop()

    @contextmanager
    def along(self, lanes: Lanes) -> Generator[None]:
        """Other lanes inside, in a scope of their own."""
        before, self.lanes = self.lanes, lanes
        with self.scope():
            yield
        self.lanes = before

    def key(self, term: Expression, point: Point) -> Key:
        """What a point is to a term: the distances along axes that the term depends on."""
        return _key(point, self.pool.names(term))

    def _known(self, key: tuple[object, ...]) -> str | None:
        return next((memo[key] for memo in reversed(self._memo) if key in memo), None)

    def _remember(self, key: tuple[object, ...], value: str) -> str:
        self._memo[-1][key] = value
        return value

    def is_vector(self, term: Expression) -> bool:
        return self.lanes.axis is not None and self.lanes.axis in self.pool.names(term)

    def at(self, root: Expression, points: Sequence[Point]) -> list[str]:
        """The value at every point: a vector where the term depends on the axis of lanes, else a number."""
        for term in same_scope(root):
            names = self.pool.names(term)
            wanted: dict[Key, Point] = {}
            for point in points:
                key = _key(point, names)
                if self._known((id(term), key)) is None:
                    wanted.setdefault(key, point)
            if isinstance(term, Reduce):
                self._reduced(term, wanted)
                continue
            for key, point in wanted.items():
                self._remember((id(term), key), self._one(term, point))
        names = self.pool.names(root)
        return [self._required(root, _key(point, names)) for point in points]

    def vectors(self, root: Expression, points: Sequence[Point]) -> list[str]:
        """As `at`, and always vectors where there are lanes."""
        found = self.at(root, points)
        if self.lanes.width == 1 or self.is_vector(root):
            return found
        return [self.splat(value, root.dtype) for value in found]

    def _reduced(self, term: Reduce, wanted: Mapping[Key, Point]) -> None:
        if not wanted:
            return
        assert self.reducer is not None, "a reduction needs somebody who writes its loops"
        together = self.reducer.together(term)
        for one, made in zip(together, self.reducer.reduce(together, list(wanted.values())), strict=True):
            for key, value in zip(wanted, made, strict=True):
                self._remember((id(one), key), value)

    def _required(self, term: Expression, key: Key) -> str:
        found = self._known((id(term), key))
        assert found is not None, "operands come before users"
        return found

    def splat(self, value: str, dtype: DType) -> str:
        key = ("splat", value, dtype, self.lanes.width)
        known = self._known(key)
        if known is not None:
            return known
        return self._remember(key, self.arithmetic.splat(value, dtype, self.lanes.width))

    def _operand(self, term: Expression, point: Point, vector: bool) -> str:
        value = self._required(term, _key(point, self.pool.names(term)))
        return self.splat(value, term.dtype) if vector and not self.is_vector(term) else value

    def _one(self, term: Expression, point: Point) -> str:
        vector = self.is_vector(term)
        width = self.lanes.width if vector else 1
        match term:
            case Constant(value, dtype):
                return literal(value, dtype)
            case IndexValue(index, dtype):
                whole = self.indices(index, point) if vector else self.index(index, point)
                return self.arithmetic.cast(whole, DType.I64, dtype, width)
            case GuardValue(guard):
                return self.holds(guard, point)
            case Load():
                slot = self.slots.get((id(term), _key(point, self.pool.names(term))))
                if slot is not None:
                    type = vector_of(scalar_type(term.dtype), width)
                    return self.code.value(f"load {type}, ptr {slot}")
                return self.load(term, point)
            case Apply(function, operands, dtype):
                below = [self._operand(operand, point, vector) for operand in operands]
                return self.arithmetic.apply(function, below, operands[-1].dtype, dtype, width)
            case Cast(operand, dtype):
                below = self._operand(operand, point, vector)
                return self.arithmetic.cast(below, operand.dtype, dtype, width)
            case Reduce():
                raise AssertionError("reductions are written by the reducer")
            case _:
                assert_never(term)

    # Indices.

    def index(self, expression: Affine, point: Point) -> str:
        """An affine expression, of lane 0, as an i64."""
        if expression.is_constant:
            return str(expression.constant)
        key = ("index", expression, _key(point, expression.names))
        known = self._known(key)
        if known is not None:
            return known
        total, constant = "", expression.constant
        for atom, coefficient in expression.terms:
            if isinstance(atom, str):
                constant += coefficient * point.get(atom, 0)
                piece = self.symbols[atom]
            else:
                piece = self._floor(atom, point)
            if coefficient != 1:
                piece = self.code.value(f"mul nsw i64 {piece}, {coefficient}")
            total = self.code.value(f"add nsw i64 {total}, {piece}") if total else piece
        if constant:
            total = self.code.value(f"add nsw i64 {total}, {constant}")
        return self._remember(key, total)

    def _floor(self, atom: FloorDiv, point: Point) -> str:
        numerator = self.index(atom.numerator, point)
        return self._floor_of(numerator, atom.denominator, 1)

    def _floor_of(self, numerator: str, denominator: int, width: int) -> str:
        """Division that rounds down, of numbers or vectors."""
        code, type = self.code, vector_of("i64", width)

        def number(value: int) -> str:
            return self.arithmetic.splat(str(value), DType.I64, width)

        if not denominator & (denominator - 1):
            return code.value(f"ashr {type} {numerator}, {number(denominator.bit_length() - 1)}")
        quotient = code.value(f"sdiv {type} {numerator}, {number(denominator)}")
        product = code.value(f"mul {type} {quotient}, {number(denominator)}")
        above = code.value(f"icmp sgt {type} {product}, {numerator}")
        down = code.value(f"sext {vector_of('i1', width)} {above} to {type}")
        return code.value(f"add {type} {quotient}, {down}")

    def indices(self, expression: Affine, point: Point) -> str:
        """An affine expression in every lane, as a vector of i64."""
        axis, width = self.lanes.axis, self.lanes.width
        assert axis is not None, "lanes run along an axis"
        key = ("indices", expression, _key(point, expression.names))
        known = self._known(key)
        if known is not None:
            return known
        type = vector_of("i64", width)
        curved = [
            (a, c) for a, c in expression.terms if isinstance(a, FloorDiv) and axis in a.numerator.names
        ]
        straight = Affine(tuple(t for t in expression.terms if t not in curved), expression.constant)
        total = self.arithmetic.splat(self.index(straight, point), DType.I64, width)
        step = expression.coefficient(axis)
        if step and width > 1:
            ramp = "<" + ", ".join(f"i64 {lane * step}" for lane in range(width)) + ">"
            total = self.code.value(f"add {type} {total}, {ramp}")
        for atom, coefficient in curved:
            assert isinstance(atom, FloorDiv), "only divisions are curved"
            piece = self._floor_of(self.indices(atom.numerator, point), atom.denominator, width)
            factor = self.arithmetic.splat(str(coefficient), DType.I64, width)
            total = self.code.value(f"add {type} {total}, {self.code.value(f'mul {type} {piece}, {factor}')}")
        return self._remember(key, total)

    def holds(self, guard: Guard, point: Point) -> str:
        """Whether a condition holds, as an i1 or a vector of them."""
        vector = self.lanes.axis is not None and self.lanes.axis in guard.names
        width = self.lanes.width if vector else 1
        truth, either = vector_of("i1", width), ""
        for conjunction in guard.disjuncts:
            all_of = ""
            for constraint in conjunction:
                one = self._constraint(constraint, point, width)
                all_of = self.code.value(f"and {truth} {all_of}, {one}") if all_of else one
            all_of = all_of or self.arithmetic.splat("true", DType.I1, width)
            either = self.code.value(f"or {truth} {either}, {all_of}") if either else all_of
        return either or self.arithmetic.splat("false", DType.I1, width)

    def _constraint(self, constraint: Constraint, point: Point, width: int) -> str:
        vector = width > 1
        value = (
            self.indices(constraint.expression, point) if vector else self.index(constraint.expression, point)
        )
        predicate = "eq" if constraint.equality else "sge"
        zero = self.arithmetic.splat("0", DType.I64, width)
        return self.code.value(f"icmp {predicate} {vector_of('i64', width)} {value}, {zero}")

    # Loads.

    def load(self, load: Load, point: Point) -> str:
        axis = self.lanes.axis
        buffer = self.memory.buffers[load.array]
        if id(load) in self.unsafe:
            return self._clamped(load, point)
        position = buffer.linear(load.indices)
        if axis is None or axis not in position.names:
            return self.memory.load(load.array, self.index(position, point), 1, None)
        step = position.coefficient(axis)
        direct = all(isinstance(a, str) or axis not in a.numerator.names for a, _ in position.terms)
        width, mask = self.lanes.width, self.lanes.mask
        if direct and step == 1 and mask is None and width * buffer.dtype.bytes == _LINE:
            return self._line(load, position, point)
        if direct and step == 1:
            return self.memory.load(load.array, self.index(position, point), width, mask)
        if direct and mask is None and step == -1:
            return self.memory.reversed(load.array, self.index(position, point), width)
        if direct and mask is None:
            return self.memory.strided(load.array, self.index(position, point), step, width)
        return self.memory.gather(load.array, self.indices(position, point), width, mask)

    def _line(self, load: Load, position: Affine, point: Point) -> str:
        """A vector as long as a cache line. Where those before and after it are here, it is put together from
        them: loads that lie across two lines take twice as long."""
        width = self.lanes.width
        at = position.constant + sum(position.coefficient(name) * by for name, by in point.items())
        known = {
            shift: self._known(("line", load.array, position.terms, at + shift))
            for shift in range(1 - width, width + 1)
        }
        value = known[0]
        for shift in range(1, width):
            low, high = known[-shift], known[width - shift]
            if value is None and low is not None and high is not None:
                type = vector_of(scalar_type(load.dtype), width)
                lanes = ", ".join(f"i32 {lane}" for lane in range(shift, shift + width))
                value = self.code.value(
                    f"shufflevector {type} {low}, {type} {high}, <{width} x i32> <{lanes}>"
                )
        if value is None:
            value = self.memory.load(load.array, self.index(position, point), width, None)
        return self._remember(("line", load.array, position.terms, at), value)

    def _clamped(self, load: Load, point: Point) -> str:
        """A load whose indices are moved into bounds: what it gives there is not used."""
        vector = self.is_vector(load)
        width = self.lanes.width if vector else 1
        type, code = vector_of("i64", width), self.code
        position = self.arithmetic.splat("0", DType.I64, width)
        shape = self.memory.buffers[load.array].shape
        for index, extent in zip(load.indices, shape, strict=True):
            moving = vector and self.lanes.axis in index.names
            value = self.indices(index, point) if moving else self.index(index, point)
            if vector and not moving:
                value = self.arithmetic.splat(value, DType.I64, width)
            low = self.arithmetic.splat("0", DType.I64, width)
            high = self.arithmetic.splat(str(max(0, extent - 1)), DType.I64, width)
            value = self.arithmetic.intrinsic("smax", DType.I64, width, [value, low])
            value = self.arithmetic.intrinsic("smin", DType.I64, width, [value, high])
            scaled = code.value(
                f"mul {type} {position}, {self.arithmetic.splat(str(extent), DType.I64, width)}"
            )
            position = code.value(f"add {type} {scaled}, {value}")
        if 0 in shape:
            return self.arithmetic.splat(literal(0, load.dtype), load.dtype, width)
        if not vector:
            return self.memory.load(load.array, position, 1, None)
        return self.memory.gather(load.array, position, width, self.lanes.mask)

    def store(self, array: str, indices: Sequence[Affine], value: str, point: Point) -> None:
        """Write one point's value; with lanes along the position, a vector."""
        position = self.memory.buffers[array].linear(indices)
        axis, width = self.lanes.axis, self.lanes.width
        if axis is None or axis not in position.names:
            self.memory.store(array, self.index(position, point), value, 1, None)
            return
        step = position.coefficient(axis)
        if step == 1:
            self.memory.store(array, self.index(position, point), value, width, self.lanes.mask)
        elif self.lanes.mask is not None:
            self.memory.scatter(array, self.indices(position, point), value, width, self.lanes.mask)
        else:
            self.memory.store_strided(array, self.index(position, point), step, value, width)


def _key(point: Point, names: frozenset[str]) -> Key:
    return tuple(sorted((axis, by) for axis, by in point.items() if by and axis in names))


def type_of(dtype: DType, width: int) -> str:
    return vector_of(scalar_type(dtype), width)
