"""The order in which a kernel's nests are launched, and how far a run of it has come.

A slice is prepared ahead: which launches with which integers, up to the yield point at which it stops. How
many yield points a launch passes is known without asking the device, since their loops are the same for
all work-items; so a batch of launches needs no answer from the device in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from exalift.base import UsageError

from .frames import NO_STOP, PlacedNest, placed_nests
from .ir import For, Kernel, Loop, Nest, Range, Statement, Step, Yield, has_yield

LARGEST_BATCH = 512


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of a nest: all its work-items go on until they have passed `stop` yield points, or are done.

    variables: the values of the parameters and loop variables around, by name.
    origin, extents: of the axes' ranges. fresh: work-items start at the beginning; else from their frames.
    """

    nest: int
    variables: Mapping[str, int]
    origin: tuple[int, ...]
    extents: tuple[int, ...]
    fresh: bool
    stop: int

    @property
    def items(self) -> int:
        count = 1
        for extent in self.extents:
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come: data that can be written down and goes on anywhere.

    instruction: of the schedule, `len` of it when done. counters: of its loops, by their number.
    passed: yield points that the current nest has passed; 0 where it has not begun.
    """

    instruction: int = 0
    counters: tuple[int, ...] = ()
    passed: int = 0


@dataclass(frozen=True, slots=True)
class _Enter:
    loop: int
    range: Range
    end: int


@dataclass(frozen=True, slots=True)
class _Repeat:
    loop: int
    begin: int


_Instruction = _Enter | _Repeat | PlacedNest | Yield


@dataclass(frozen=True)
class Batch:
    """Launches to run in order, and the position after them.

    before: the position at the last launch. passed: the yield points that the launches pass.
    stopped: whether the position is a yield point at which the budget is spent.
    finished: whether the kernel is done.
    """

    launches: tuple[Launch, ...]
    before: Position
    position: Position
    passed: int
    stopped: bool
    finished: bool


@dataclass(frozen=True)
class Schedule:
    """A kernel's launches, for one set of parameters. Raises UsageError for wrong parameters."""

    kernel: Kernel
    parameters: Mapping[str, int]

    def __post_init__(self) -> None:
        for parameter in self.kernel.parameters:
            value = self.parameters.get(parameter.name)
            if value is None or not parameter.lower <= value < parameter.upper:
                raise UsageError(
                    f"{self.kernel.name}: {parameter.name} must be {parameter.lower} to "
                    f"{parameter.upper - 1}, got {value}"
                )

    @cached_property
    def nests(self) -> tuple[PlacedNest, ...]:
        return placed_nests(self.kernel)

    @cached_property
    def _code(self) -> tuple[_Instruction, ...]:
        placed = iter(self.nests)
        code: list[_Instruction] = []
        loops = 0

        def emit(steps: tuple[Step, ...]) -> None:
            """The recursion is over the nesting of loops."""
            nonlocal loops
            for step in steps:
                match step:
                    case Nest():
                        code.append(next(placed))
                    case Yield():
                        code.append(step)
                    case Loop(range, body):
                        number, begin = loops, len(code)
                        loops += 1
                        code.append(_Enter(number, range, 0))
                        emit(body)
                        code.append(_Repeat(number, begin))
                        code[begin] = _Enter(number, range, len(code))

        emit(self.kernel.body)
        return tuple(code)

    @cached_property
    def start(self) -> Position:
        count = sum(isinstance(instruction, _Enter) for instruction in self._code)
        return Position(0, (0,) * count, 0)

    def is_finished(self, position: Position) -> bool:
        return position.instruction >= len(self._code)

    def check(self, position: Position) -> None:
        """Raises UsageError for a position that no run of this kernel can have."""
        code = self._code
        valid = 0 <= position.instruction <= len(code) and len(position.counters) == len(self.start.counters)
        if valid and position.passed:
            nest = code[position.instruction] if position.instruction < len(code) else None
            valid = isinstance(nest, PlacedNest) and nest.frame is not None and position.passed > 0
        if valid:
            values = self.values_at(position)
            for instruction in code[: position.instruction]:
                if isinstance(instruction, _Enter) and instruction.end > position.instruction:
                    low, high = bounds_at(instruction.range, values)
                    valid = valid and low <= values[instruction.range.name] < high
        if not valid:
            raise UsageError(f"{self.kernel.name}: {position} is no position of this kernel")

    def nest_at(self, position: Position) -> PlacedNest | None:
        """The nest that a run goes on with; None between nests and at the end."""
        instruction = self._code[position.instruction] if position.instruction < len(self._code) else None
        return instruction if isinstance(instruction, PlacedNest) else None

    def values_at(self, position: Position) -> dict[str, int]:
        """The parameters and the variables of the loops around, by name."""
        values = dict(self.parameters)
        for instruction in self._code[: position.instruction]:
            if isinstance(instruction, _Enter) and instruction.end > position.instruction:
                values[instruction.range.name] = position.counters[instruction.loop]
        return values

    def batch(
        self, position: Position, budget: int | None, most: int = LARGEST_BATCH, alone: bool = False
    ) -> Batch:
        """The next launches: up to the yield point after `budget` others, `most` launches, or the end.

        A budget of 0 stops at the first yield point; None at none. alone: end after a nest with yields.
        """
        code = self._code
        launches: list[Launch] = []
        at, counters, inside = position.instruction, list(position.counters), position.passed
        values = self.values_at(position)
        passed = 0
        before = position

        def made(stopped: bool) -> Batch:
            after = Position(at, tuple(counters), inside)
            return Batch(tuple(launches), before, after, passed, stopped, at >= len(code))

        while at < len(code) and len(launches) < most:
            instruction = code[at]
            match instruction:
                case _Enter(loop, range, end):
                    low, high = bounds_at(range, values)
                    counters[loop] = values[range.name] = low
                    at = at + 1 if low < high else end
                case _Repeat(loop, begin):
                    enter = code[begin]
                    assert isinstance(enter, _Enter)
                    following = counters[loop] + 1
                    counters[loop] = values[enter.range.name] = following
                    outside = {k: v for k, v in values.items() if k != enter.range.name}
                    at = begin + 1 if following < bounds_at(enter.range, outside)[1] else at + 1
                case Yield():
                    at += 1
                    if budget is not None and passed == budget:
                        return made(stopped=True)
                    passed += 1
                case PlacedNest():
                    launch = _launch(instruction, dict(values), inside == 0, NO_STOP)
                    total = 0
                    if launch.items:
                        before = Position(at, tuple(counters), inside)
                        total = yields_of(instruction.nest.body, values) if instruction.frame else 0
                        if budget is not None and total - inside > budget - passed:
                            inside, passed = inside + budget - passed + 1, budget
                            launches.append(replace(launch, stop=inside))
                            return made(stopped=True)
                        launches.append(launch)
                    passed += max(0, total - inside)
                    inside = 0
                    at += 1
                    if alone and instruction.frame is not None:
                        break
        return made(stopped=False)


def _launch(placed: PlacedNest, values: dict[str, int], fresh: bool, stop: int) -> Launch:
    ranges = [bounds_at(axis, values) for axis in placed.nest.axes]
    origin = tuple(low for low, _ in ranges)
    extents = tuple(max(0, high - low) for low, high in ranges)
    return Launch(placed.number, values, origin, extents, fresh, stop)


def bounds_at(range: Range, values: Mapping[str, int]) -> tuple[int, int]:
    """The first value and the end (exclusive)."""
    return max(bound.at(values) for bound in range.lower), min(bound.at(values) for bound in range.upper)


def yields_of(body: tuple[Statement, ...], values: Mapping[str, int]) -> int:
    """How many yield points a work-item passes. The recursion is over the nesting of loops."""
    count = 0
    for statement in body:
        if isinstance(statement, Yield):
            count += 1
        elif isinstance(statement, For) and has_yield(statement.body):
            low, high = bounds_at(statement.range, values)
            name = statement.range.name
            if _depends(statement.body, name):
                count += sum(yields_of(statement.body, {**values, name: v}) for v in range(low, high))
            elif low < high:
                count += (high - low) * yields_of(statement.body, {**values, name: low})
    return count


def _depends(body: tuple[Statement, ...], name: str) -> bool:
    """Whether the bounds of a loop around a yield depend on a variable."""
    for statement in body:
        if isinstance(statement, For) and has_yield(statement.body):
            bounds = (*statement.range.lower, *statement.range.upper)
            if any(name in bound.names for bound in bounds) or _depends(statement.body, name):
                return True
    return False
