"""What a reduction adds into: stack slots, which LLVM keeps in registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exalift.affine import Guard, Reduce
from exalift.base import DType
from exalift.llvm import Code

from .arithmetic import literal, scalar_type, vector_of
from .masks import identity_value
from .scheduling import Nest
from .values import Point, Values


@dataclass(slots=True)
class Slots:
    """Places on the stack of the function that is written. `masked` tells whether rests of vectors run under
    a mask; else they run one by one."""

    code: Code
    masked: bool
    allocas: list[str] = field(default_factory=list[str])

    def slot(self, type: str) -> str:
        """A new place; its `alloca` belongs into the function's entry."""
        name = self.code.fresh("slot")
        self.allocas.append(f"{name} = alloca {type}, align 64")
        return name


class Accumulators:
    """Stack slots of a reduction: for every point, one for each vector that is added into."""

    def __init__(
        self, values: Values, slots: Slots, term: Reduce, points: list[Point], lanes: Nest | None
    ) -> None:
        self.values, self.slots_of, self.term, self.lanes = values, slots, term, lanes
        self.code, self.arithmetic = values.code, values.arithmetic
        self.copies = lanes.copies if lanes is not None else 1
        width = self._sum_lanes()
        self.width = width
        self.type = vector_of(scalar_type(term.dtype), width)
        self.neutral = literal(identity_value(term.function, term.dtype), term.dtype)
        self.slots = [[self._slot(width) for _ in range(self.copies)] for _ in points]
        self.singles = [self._slot(1) for _ in points] if lanes is not None and not slots.masked else []

    def _sum_lanes(self) -> int:
        if self.lanes is not None:
            return self.lanes.width
        return self.values.lanes.width if self._spreads() else 1

    def _spreads(self) -> bool:
        """Whether the value itself is a vector: lanes along an axis outside of the reduction."""
        return self.values.is_vector(self.term)

    def _slot(self, width: int) -> str:
        type = vector_of(scalar_type(self.term.dtype), width)
        name = self.slots_of.slot(type)
        start = self.arithmetic.splat(self.neutral, self.term.dtype, width)
        self.code.emit(f"store {type} {start}, ptr {name}")
        return name

    def add(self, tests: Guard, points: Sequence[Point], copy: int) -> None:
        slots = [slots[copy] for slots in self.slots]
        self._add(tests, points, slots, self.width)

    def add_single(self, tests: Guard, points: Sequence[Point]) -> None:
        self._add(tests, points, self.singles, 1)

    def _add(self, tests: Guard, points: Sequence[Point], slots: Sequence[str], width: int) -> None:
        values, term = self.values, self.term
        type = vector_of(scalar_type(term.dtype), width)
        found = (values.vectors if width > 1 else values.at)(term.body, points)
        for value, point, slot in zip(found, points, slots, strict=True):
            value = self._masked(value, tests, point, width)
            before = self.code.value(f"load {type}, ptr {slot}")
            after = self.arithmetic.apply(term.function, [before, value], term.dtype, term.dtype, width)
            self.code.emit(f"store {type} {after}, ptr {slot}")

    def _masked(self, value: str, tests: Guard, point: Point, width: int) -> str:
        values, lanes = self.values, self.values.lanes
        neutral = self.arithmetic.splat(self.neutral, self.term.dtype, width)
        masks: list[str] = []
        if not tests.is_always:
            test = values.holds(tests, point)
            vector = width > 1 and lanes.axis in tests.names
            masks.append(test if vector or width == 1 else values.splat(test, DType.I1))
        if lanes.mask is not None and self.lanes is not None:
            masks.append(lanes.mask)
        for mask in masks:
            parts = [mask, value, neutral]
            value = self.arithmetic.apply("select", parts, self.term.dtype, self.term.dtype, width)
        return value

    def results(self) -> list[str]:
        """The values, lanes of the reduction's own axis combined."""
        found: list[str] = []
        for position in range(len(self.slots)):
            total = self._total(position)
            if self.lanes is not None:
                total = self._across(total)
                if self.singles:
                    scalar = scalar_type(self.term.dtype)
                    single = self.code.value(f"load {scalar}, ptr {self.singles[position]}")
                    total = self._combine(total, single, 1)
            found.append(total)
        return found

    def _total(self, position: int) -> str:
        """The vectors of one point combined."""
        loaded = [self.code.value(f"load {self.type}, ptr {slot}") for slot in self.slots[position]]
        return self._tree(loaded, self.width)

    def _combine(self, left: str, right: str, width: int) -> str:
        return self.arithmetic.apply(
            self.term.function, [left, right], self.term.dtype, self.term.dtype, width
        )

    def _tree(self, parts: list[str], width: int) -> str:
        while len(parts) > 1:
            pairs = [self._combine(a, b, width) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts = pairs + ([parts[-1]] if len(parts) % 2 else [])
        return parts[0]

    def _across(self, value: str) -> str:
        """All lanes of a vector combined, halves first."""
        width, type = self.width, scalar_type(self.term.dtype)
        while width > 2:
            half = width // 2
            low, high = (
                self.code.value(
                    f"shufflevector <{width} x {type}> {value}, <{width} x {type}> poison, "
                    f"<{half} x i32> <{', '.join(f'i32 {lane}' for lane in range(first, first + half))}>"
                )
                for first in (0, half)
            )
            value, width = self._combine(low, high, half), half
        if width == 1:
            return value
        first, second = (
            self.code.value(f"extractelement <2 x {type}> {value}, i64 {lane}") for lane in range(2)
        )
        return self._combine(first, second, 1)
