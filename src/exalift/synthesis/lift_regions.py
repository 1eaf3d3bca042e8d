"""From regions to a lifted program: every region solved, confirmed elsewhere, and assembled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from exalift.affine import (
    Affine,
    Array,
    Constant,
    Constraint,
    Guard,
    Region,
    RegionProgram,
    RegionStep,
    SequentialLoop,
    nodes,
)
from exalift.affine.algebra import Machine, PrimeField
from exalift.base import DType, VerificationError
from exalift.dialects import (
    Argument,
    Dialect,
    Node,
    Operation,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    postorder,
)

from .bank import Bank
from .elements import updated_element, whole_copy
from .environment import Environment
from .iterations import Surroundings, conditions_on_iterations, places
from .sequential import peel
from .solver import Effort, Solver
from .splits import IterationRange, Scope, write_back
from .static_checks import SizeLimit
from .statistics import Statistics
from .unread import Poison
from .witness import Ordered, Witness

_ENVIRONMENTS = 4
"""How many environments are tried before a region is split into loops; two inside of loops,
where nothing was found that looked right in one of them."""

_NOMINAL = 100
"""What a size is taken to be where limits and costs need a number and none is known."""

_GROWTH = 4
"""An intermediate has at most so many times the elements of the largest array."""


_SPENT = "the budget was spent before a tensor op was found"
"""Why loops stay that nobody has searched for long enough."""

_LITERALS = 8
# Elements of an array that the search may observe, and that a candidate may be checked on.
_MOST_OBSERVED = 1 << 20
_MOST_CONFIRMED = 1 << 22
"""How many of a region's literals are among the numbers that witnesses draw from."""

_Key = tuple[tuple[IterationRange, ...], tuple[Constraint, ...], tuple[Constant, ...], int]


@dataclass(frozen=True, slots=True)
class RegionProgress:
    """Where the search is: region `number` of `total`, and what the current goal has come to."""

    number: int
    total: int
    lines: tuple[int, int]
    level: int
    candidates: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class LiftOptions:
    """budget_s: seconds for the whole function. attempt: start from other environments than before
    (for programs that a check refuted). refuted: the sizes at which checks did so. sizes: real sizes, for
    limits and costs. direct: search for nothing, assemble every region element by element (see
    `elements`)."""

    budget_s: float = 60.0
    attempt: int = 0
    refuted: tuple[Mapping[str, int], ...] = ()
    seed: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    direct: bool = False
    progress: Callable[[RegionProgress], None] | None = None


@dataclass(frozen=True, slots=True)
class RegionReport:
    """What became of one region. `residual_loops` counts the loops added because it did not lift whole."""

    array: str
    lines: tuple[int, int]
    ops: tuple[str, ...]
    residual_loops: int
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class LiftedRegions:
    """The lifted program (all parameters as arguments) and a report for every region, in order.

    `cut_short`: the budget was spent, and a loop stays that a longer search might have lifted.
    """

    program: TensorProgram
    reports: tuple[RegionReport, ...]
    cut_short: bool = False


def lift_regions(
    program: RegionProgram, dialect: Dialect, options: LiftOptions | None = None
) -> LiftedRegions:
    """The program with every region as a graph of the dialect's ops.

    A region that is not solved within the budget, or whose solutions are all refuted at other
    sizes, stays as loops around smaller regions; a last element that no search solves is assembled
    from its formula. Raises VerificationError where a single element cannot be computed in the dialect.
    """
    return _Lift(program, dialect, options or LiftOptions()).run()


class _Lift:
    def __init__(self, program: RegionProgram, dialect: Dialect, options: LiftOptions) -> None:
        self.program = program
        self.dialect = dialect
        self.options = options
        self.arrays: dict[str, Array] = {array.name: array for array in program.arrays}
        self.deadline = time.monotonic() + options.budget_s
        self.solvers: dict[_Key, Solver] = {}
        self.reports: list[RegionReport] = []
        self.fresh = 0
        self.cut_short = False
        self.number = 0
        self.total = _count(program.body)
        source = program.source
        self.nominal = {
            size.name: options.sizes.get(size.name, size.value or _NOMINAL) for size in source.sizes
        }
        minimum = (Constraint(Affine.symbol(s.name) - s.minimum) for s in source.sizes)
        self.context = source.constraints & Guard.of(*minimum)
        shapes = [TensorType(a.shape, a.dtype).at(self.nominal) for a in program.source.arrays]
        largest = max((int(np.prod(shape, initial=1)) for shape in shapes), default=1)
        # What the program itself declares is no intermediate, however large.
        declared = [TensorType(a.shape, a.dtype).at(self.nominal) for a in program.arrays]
        self.limit = max(
            _GROWTH * max(largest, 64), *(int(np.prod(shape, initial=1)) for shape in declared), 1
        )

    def run(self) -> LiftedRegions:
        body = self.steps(self.program.body, ())
        source = self.program.source
        arguments = [self.arrays[n] for n in source.parameters if n in self.arrays]
        names = {array.name for array in arguments}
        others = [array for array in self.arrays.values() if array.name not in names]
        results = [Result(name, holder, self.type(holder)) for name, holder in self.program.results]
        if self.program.returned is not None:
            returned = self.program.returned
            results.insert(0, Result("return", returned, self.type(returned)))
        lifted = TensorProgram(
            source.name,
            self.dialect.name,
            tuple(size.name for size in source.sizes),
            tuple(Argument(array.name, self.type(array.name)) for array in arguments),
            tuple(Argument(array.name, self.type(array.name)) for array in others),
            body,
            tuple(results),
        )
        return LiftedRegions(lifted, tuple(self.reports), self.cut_short)

    def type(self, name: str) -> TensorType:
        array = self.arrays[name]
        return TensorType(array.shape, array.dtype)

    def steps(self, steps: tuple[RegionStep, ...], loops: tuple[IterationRange, ...]) -> tuple[Step, ...]:
        """The steps lifted; loops nest no deeper than those of the source."""
        lifted: list[Step] = []
        for step in steps:
            match step:
                case Region():
                    lifted += self.region(step, loops)
                case SequentialLoop(iv=iv, lower=lower, upper=upper):
                    body = self.steps(step.body, (*loops, IterationRange(iv, lower, upper)))
                    lifted.append(TensorLoop(iv, lower, upper, body, step.reason, step.span))
        return tuple(lifted)

    def region(self, region: Region, loops: tuple[IterationRange, ...]) -> list[Step]:
        self.number += 1
        started = time.monotonic()
        effort = Effort(self.deadline, self._progress(region))
        steps, ops = self._solve(region, loops, effort)
        effort.statistics.seconds = time.monotonic() - started
        residual = _loops(steps)
        self.reports.append(RegionReport(region.array, region.lines, ops, residual, effort.statistics))
        return steps

    def _progress(self, region: Region) -> Callable[[int, int, float], None] | None:
        report = self.options.progress
        if report is None:
            return None
        number, total = self.number, self.total

        def tell(level: int, candidates: int, _: float) -> None:
            left = self.deadline - time.monotonic()
            report(RegionProgress(number, total, region.lines, level, candidates, left))

        return tell

    def _solve(
        self, region: Region, loops: tuple[IterationRange, ...], effort: Effort
    ) -> tuple[list[Step], tuple[str, ...]]:
        node = self._whole(region, loops, effort)
        if node is not None:
            return [Update(region.array, node, region.lines)], _ops(node)
        return self._serial(region, loops, effort)

    def _types(self) -> dict[str, TensorType]:
        return {name: self.type(name) for name in self.arrays}

    def _whole(self, region: Region, loops: tuple[IterationRange, ...], effort: Effort) -> Node | None:
        """The region's graph, with the right value in several environments; None where none was found."""
        if self.options.direct or effort.left <= 0:
            return whole_copy(region, self._types())
        for number in range(self.options.attempt, self.options.attempt + _ENVIRONMENTS):
            solver = self.solver(region, loops, number)
            if solver is None:
                return whole_copy(region, self._types())
            found = write_back(region, solver.scope)
            if found is None:
                return None
            solution = solver.solve(found.goal, effort, found.split)
            if solution is not None:
                return solution.node
            unlikely = loops and not solver.refuted and number > self.options.attempt
            if unlikely or effort.left <= 0:
                break
        return None

    def _serial(
        self, region: Region, loops: tuple[IterationRange, ...], effort: Effort
    ) -> tuple[list[Step], tuple[str, ...]]:
        """The region as a loop around smaller ones, as far as needed; a last element is assembled."""
        self.fresh += 1
        spent = effort.left <= 0 and not self.options.direct
        serialised = peel(region, self.arrays, self.fresh, _SPENT if spent else "")
        self.cut_short |= spent and serialised is not None
        if serialised is None:
            node = self._element(region)
            return [Update(region.array, node, region.lines)], _ops(node)
        self.arrays.update({array.name: array for array in serialised.arrays})
        self.solvers.clear()
        return self._nested(serialised.steps, loops, effort)

    def _element(self, region: Region) -> Node:
        elements = self.dialect.elements
        if elements is None:
            raise VerificationError(
                f"no ops of {self.dialect.name} compute an element of {region.array} (line {region.lines[0]})"
            )
        return updated_element(region, self._types(), elements)

    def _nested(
        self, steps: tuple[RegionStep, ...], loops: tuple[IterationRange, ...], effort: Effort
    ) -> tuple[list[Step], tuple[str, ...]]:
        lifted: list[Step] = []
        ops: dict[str, None] = {}
        for step in steps:
            match step:
                case Region():
                    inner, names = self._solve(step, loops, effort)
                    lifted += inner
                case SequentialLoop(iv=iv, lower=lower, upper=upper):
                    inside = (*loops, IterationRange(iv, lower, upper))
                    inner, names = self._nested(step.body, inside, effort)
                    lifted.append(TensorLoop(iv, lower, upper, tuple(inner), step.reason, step.span))
            ops.update(dict.fromkeys(names))
        return lifted, tuple(ops)

    def solver(self, region: Region, loops: tuple[IterationRange, ...], number: int) -> Solver | None:
        """The solver for a region's place in the program, in environment `number`.

        None where arrays have so many dimensions that even at tiny sizes they are too large to be observed.
        """
        sizes = self.program.source.sizes
        conditions = conditions_on_iterations(region, sizes, loops)
        literals = _literals(region)
        key = (loops, conditions, literals, number)
        if key not in self.solvers:
            types = self._types()
            around = Surroundings(sizes, loops, self.context, conditions, self.options.refuted)
            found = places(around, number, self.options.seed)
            environments = [Environment(place.values, PrimeField(), place.seed) for place in found]
            elements = [max(prod(e.shape(type)) for type in types.values()) for e in environments]
            environments = [e for e, n in zip(environments, elements, strict=True) if n <= _MOST_CONFIRMED]
            if len(environments) < 2 or elements[0] > _MOST_OBSERVED:
                return None
            scope = Scope(types, loops, self.context, self.nominal, self.limit)
            bank = Bank(environments[0], self.dialect, self.nominal, SizeLimit(self.limit))
            witnesses = [Witness(e, self.dialect, types, literals) for e in environments[1:]]
            machine = [replace(e, algebra=Machine()) for e in environments[1:]]
            ordered = [Ordered(e, self.dialect, types) for e in machine]
            poison = Poison(machine[-1], self.dialect, types)
            self.solvers[key] = Solver(bank, scope, (*witnesses, *ordered, poison))
        return self.solvers[key]


def _literals(region: Region) -> tuple[Constant, ...]:
    """The numbers that a region names, a few of them."""
    found = dict.fromkeys(node for node in nodes(region.value) if isinstance(node, Constant))
    return tuple(c for c in found if c.dtype is not DType.I1)[:_LITERALS]


def _count(steps: tuple[RegionStep, ...]) -> int:
    return sum(1 if isinstance(step, Region) else _count(step.body) for step in steps)


def _loops(steps: list[Step] | tuple[Step, ...]) -> int:
    return sum(1 + _loops(step.body) for step in steps if isinstance(step, TensorLoop))


def _ops(node: Node) -> tuple[str, ...]:
    names = (part.name for part in postorder(node) if isinstance(part, Operation))
    return tuple(dict.fromkeys(name.split(".", 1)[1] for name in names))
