"""A port at given sizes: read, its arguments named, and the source beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from exalift.affine import Affine, Loop, Program, Statement, at_sizes
from exalift.affine.ir import Assign, If
from exalift.dialects import Imported, Step, TensorLoop, TensorProgram
from exalift.dialects.stablehlo import walk

from .generalising import Instance
from .judgement import Sizes
from .ports import ModulePort
from .signatures import Match

SMALL_ELEMENTS = 4000
SMALL_RUNS = 60_000
LARGEST_TENSOR = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One module: what its arguments are, what it reads as, and the source at the same sizes.

    sizes: a value for every size of the abstracted source. function: its name in the module.
    """

    port: ModulePort
    function: str
    match: Match
    imported: Imported
    sizes: Sizes
    source: Program

    @property
    def instance(self) -> Instance:
        return Instance(self.imported.program, self.sizes)

    @property
    def is_small(self) -> bool:
        """Whether it can be run and decided element by element."""
        return (
            elements(self.source) <= SMALL_ELEMENTS
            and runs(self.source) <= SMALL_RUNS
            and largest_tensor(self.imported.program) <= LARGEST_TENSOR
        )


def read_case(
    port: ModulePort, function: str, match: Match, abstracted: Program, sizes: Mapping[str, int]
) -> Case:
    """Read a module. Raises RefusedError where it depends on what has no formula, UsageError for sizes."""
    taken = {array.name for array in abstracted.arrays} | {size.name for size in abstracted.sizes}
    imported = port.language.read(
        port.text,
        function,
        filename=port.filename,
        arguments=match.arguments,
        results=match.results,
        taken=taken,
    )
    return Case(port, function, match, imported, dict(sizes), at_sizes(abstracted, sizes))


def largest_tensor(program: TensorProgram) -> int:
    """Elements of the largest tensor that a port at its sizes makes."""
    largest = 0
    pending: list[Step] = list(program.body)
    while pending:
        step = pending.pop()
        if isinstance(step, TensorLoop):
            pending += step.body
            continue
        for node in walk(step.value):
            largest = max(largest, math.prod(max(0, extent.constant) for extent in node.type.shape))
    return largest


def elements(program: Program) -> int:
    """Elements of all arrays of a program at its sizes."""
    total = 0
    for array in program.arrays:
        count = 1
        for extent in array.shape:
            count *= max(0, extent.constant)
        total += count
    return total


def runs(program: Program) -> int:
    """At most how many assignments a program at its sizes runs.

    A bound that moves with a loop outside counts with the largest value that the loop gives it.
    """
    return _runs(program.body, {})


def _runs(statements: tuple[Statement, ...], ranges: Mapping[str, tuple[int, int]]) -> int:
    """Loops nest as deep as the source's own do, so this recursion is short."""
    total = 0
    for statement in statements:
        match statement:
            case Assign():
                total += 1
            case If(then=then, otherwise=otherwise):
                total += max(_runs(then, ranges), _runs(otherwise, ranges))
            case Loop(iv, lower, upper, body):
                low = max(_extreme(bound, ranges, -1) for bound in lower)
                high = min(_extreme(bound, ranges, 1) for bound in upper)
                if high > low:
                    total += (high - low) * _runs(body, {**ranges, iv: (low, high - 1)})
    return total


def _extreme(expression: Affine, ranges: Mapping[str, tuple[int, int]], sign: int) -> int:
    """The least (-1) or greatest (1) value over the ranges; floor divisions are monotonic."""
    total = expression.constant
    for atom, coefficient in expression.terms:
        if isinstance(atom, str):
            ends = ranges[atom]
        else:
            ends = (
                _extreme(atom.numerator, ranges, -1) // atom.denominator,
                _extreme(atom.numerator, ranges, 1) // atom.denominator,
            )
        total += max(coefficient * end * sign for end in ends) * sign
    return total
