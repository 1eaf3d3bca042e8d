"""What a reduction by a dot-product instruction adds into; see `dots`."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Guard, Reduce
from exalift.base import DType

from .accumulators import Accumulators, Slots
from .arithmetic import literal, scalar_type, vector_of
from .dots import Dot
from .scheduling import Nest
from .values import Key, Point, Values


class DotAccumulators(Accumulators):
    """Slots as wide as the instruction's sums. Where the left factor is recoded, the sum is too large by half
    of the range times every right element: that is summed too, once for all points that read the same."""

    def __init__(
        self, values: Values, slots: Slots, term: Reduce, points: list[Point], nest: Nest, dot: Dot
    ) -> None:
        self.dot = dot
        super().__init__(values, slots, term, points, nest)
        self.groups: list[Key] = [values.key(dot.rhs, point) for point in points]
        self.excess: dict[Key, list[str]] = {}
        if dot.recoded:
            self.excess = {key: [self._slot(self.width) for _ in range(self.copies)] for key in self.groups}
        values.arithmetic.declarations |= set(dot.instruction.declarations)

    def _sum_lanes(self) -> int:
        return self.dot.instruction.acc.lanes

    def add(self, tests: Guard, points: Sequence[Point], copy: int) -> None:
        assert tests.is_always, "sums under a condition have no such instruction"
        dot, done = self.dot, set[Key]()
        left = [self._widened(value, dot.lhs.dtype, True) for value in self.values.vectors(dot.lhs, points)]
        right = [self._widened(value, dot.rhs.dtype, False) for value in self.values.vectors(dot.rhs, points)]
        for position, group in enumerate(self.groups):
            self._step(self.slots[position][copy], left[position], right[position])
            if group in self.excess and group not in done:
                half = self.arithmetic.splat(literal(128, DType.I8), DType.I8, dot.width)
                self._step(self.excess[group][copy], half, right[position])
                done.add(group)

    def _widened(self, value: str, dtype: DType, left: bool) -> str:
        """A vector of a factor in the instruction's type."""
        dot, arithmetic = self.dot, self.arithmetic
        if left and dot.recoded:
            flip = arithmetic.splat(literal(128, DType.I8), DType.I8, dot.width)
            return self.code.value(f"xor {vector_of('i8', dot.width)} {value}, {flip}")
        wanted = (dot.instruction.lhs if left else dot.instruction.rhs).dtype
        return arithmetic.cast(value, dtype, wanted, dot.width)

    def _step(self, slot: str, left: str, right: str) -> None:
        before = self.code.value(f"load {self.type}, ptr {slot}")
        result = self.code.fresh()
        names = {"acc": before, "lhs": left, "rhs": right, "result": result, "fresh": self.code.fresh()}
        for line in self.dot.instruction.emission.format(**names).splitlines():
            self.code.emit(line)
        self.code.emit(f"store {self.type} {result}, ptr {slot}")

    def _total(self, position: int) -> str:
        total = super()._total(position)
        group = self.groups[position]
        if group not in self.excess:
            return total
        loaded = [self.code.value(f"load {self.type}, ptr {slot}") for slot in self.excess[group]]
        type = vector_of(scalar_type(self.term.dtype), self.width)
        return self.code.value(f"sub {type} {total}, {self._tree(loaded, self.width)}")
