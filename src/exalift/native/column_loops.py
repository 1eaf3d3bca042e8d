"""Loops turned inside out, written as LLVM IR; see `columns`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exalift.affine import Constraint, Expression, Load
from exalift.base import DType

from .arithmetic import scalar_type, vector_of
from .columns import Carried, carried
from .counting import counted, extreme, lanes_before, spread, whole_limit
from .nests import NestWriter, Part, Split
from .program import Assignment, Columns, extent_of
from .scheduling import Nest, lane_bits
from .terms import postorder
from .values import Lanes, Point, Values

_COPIES = 2
"""Vectors that run the loop side by side, so that none waits for its own last iteration alone."""


@dataclass(slots=True)
class ColumnWriter:
    """Writes one item. `writer` gives masks, checks of bounds, and slots on the stack."""

    writer: NestWriter
    columns: Columns
    vector_bytes: int
    context: tuple[Constraint, ...] = ()
    kept: Carried = field(init=False)
    width: int = field(init=False)
    nests: tuple[Nest, ...] = ()

    def __post_init__(self) -> None:
        self.kept = carried(self.columns)
        bits = max(lane_bits(statement.body) for statement in self.columns.statements)
        self.width = max(1, min(64, self.vector_bytes * 8 // bits, extent_of(self.columns.axis)))
        self.width = 1 << (self.width.bit_length() - 1)

    @property
    def values(self) -> Values:
        return self.writer.values

    def write(self, split: Split | None) -> tuple[Nest, ...]:
        """The loops, or this thread's part of them; gives what to tell of the statements."""
        values, name = self.values, self.columns.axis.name
        extent = extent_of(self.columns.axis)
        copies = _COPIES if extent >= 2 * _COPIES * self.width else 1
        step = self.width * copies
        self.nests = tuple(
            Nest(statement, (self.columns.axis,), name, self.width, copies, None, 1, {})
            for statement in self.columns.statements
        )
        for nest in self.nests:
            self.writer.prepare(nest, (*self.context, *self.columns.loop.constraints))
        part = Part("0", str(extent), step)
        if split is not None:
            part = split("0", str(extent), step, False)
        whole = whole_limit(values, part.start, part.limit, step)
        points: tuple[Point, ...] = ({},)
        with values.along(Lanes(name, self.width)), counted(values, name, part.start, whole, step):
            self._block(spread(points, name, copies, self.width))
        if self.writer.masked:
            with values.scope(), counted(values, name, whole, part.limit, self.width) as counter:
                mask = lanes_before(values, counter, part.limit, self.width)
                with values.along(Lanes(name, self.width, mask)):
                    self._block(points)
        else:
            with values.along(Lanes()), counted(values, name, whole, part.limit, 1):
                self._block(points)
        return self.nests

    def _block(self, points: Sequence[Point]) -> None:
        """All iterations of the loop, for some values of the axis at once."""
        values, code, loop = self.values, self.values.code, self.columns.loop
        lower, upper = extreme(values, loop.lower, "smax"), extreme(values, loop.upper, "smin")
        some = code.value(f"icmp slt i64 {lower}, {upper}")
        with code.when(some), values.scope():
            values.symbols[loop.iv] = lower
            outer = dict(values.slots)
            held, passed = self._slots(points)
            hint = "".join(letter for letter in loop.iv if letter.isalnum())
            with code.loop(lower, upper, name=hint) as counter, values.scope():
                values.symbols[loop.iv] = counter
                for nest in self.nests:
                    self.writer.use(nest, (*self.context, *loop.constraints))
                    with values.scope():
                        self._statement(nest.assignment, points, held, passed)
                for before, now, type in passed.values():
                    for old, new in zip(before, now, strict=False):
                        code.emit(f"store {type} {code.value(f'load {type}, ptr {new}')}, ptr {old}")
            for array, slots in held.items():
                dtype = values.memory.buffers[array].dtype
                type = self._type(dtype)
                for slot, point in zip(slots, points, strict=True):
                    last = code.value(f"load {type}, ptr {slot}")
                    values.store(array, self.kept.held[array], last, point)
            values.slots = outer

    def _type(self, dtype: DType) -> str:
        return vector_of(scalar_type(dtype), self.values.lanes.width)

    def _slots(
        self, points: Sequence[Point]
    ) -> tuple[dict[str, list[str]], dict[str, tuple[list[str], list[str], str]]]:
        """Slots of arrays that are held, and (before, now, type) of those that are passed on; filled with
        what the first iteration finds."""
        values = self.values
        held: dict[str, list[str]] = {}
        passed: dict[str, tuple[list[str], list[str], str]] = {}
        for array, indices in self.kept.held.items():
            dtype = values.memory.buffers[array].dtype
            load = values.pool.load(array, indices, dtype)
            held[array] = [self._filled(load, point) for point in points]
        for array, load in self.kept.initial.items():
            before = [self._filled(load, point) for point in points]
            type = self._type(load.dtype)
            passed[array] = (before, [self.writer.slots.slot(type) for _ in points], type)
        for array in set(self.kept.current.values()) - set(passed):
            dtype = values.memory.buffers[array].dtype
            type = self._type(dtype)
            now = [self.writer.slots.slot(type) for _ in points]
            passed[array] = ([], now, type)
        for statement in self.columns.statements:
            for term in postorder(statement.body):
                if isinstance(term, Load):
                    self._redirect(term, points, held, passed)
        return held, passed

    def _redirect(
        self,
        load: Load,
        points: Sequence[Point],
        held: dict[str, list[str]],
        passed: dict[str, tuple[list[str], list[str], str]],
    ) -> None:
        values = self.values
        slots: list[str] | None = held.get(load.array)
        if id(load) in self.kept.previous:
            slots = passed[load.array][0]
        elif id(load) in self.kept.current:
            slots = passed[load.array][1]
        if slots is not None:
            for slot, point in zip(slots, points, strict=True):
                values.slots[id(load), values.key(load, point)] = slot

    def _filled(self, load: Expression, point: Point) -> str:
        assert isinstance(load, Load), "a pool's load is a load"
        values = self.values
        type = self._type(load.dtype)
        slot = self.writer.slots.slot(type)
        value = values.load(load, point)
        if not values.is_vector(load):
            value = values.splat(value, load.dtype) if values.lanes.width > 1 else value
        values.code.emit(f"store {type} {value}, ptr {slot}")
        return slot

    def _statement(
        self,
        statement: Assignment,
        points: Sequence[Point],
        held: dict[str, list[str]],
        passed: dict[str, tuple[list[str], list[str], str]],
    ) -> None:
        values, code, array = self.values, self.values.code, statement.array
        found = values.vectors(statement.body, points)
        for position, (value, point) in enumerate(zip(found, points, strict=True)):
            type = self._type(values.memory.buffers[array].dtype)
            if array in held:
                code.emit(f"store {type} {value}, ptr {held[array][position]}")
                continue
            if array in passed:
                code.emit(f"store {type} {value}, ptr {passed[array][1][position]}")
            values.store(array, statement.indices, value, point)
