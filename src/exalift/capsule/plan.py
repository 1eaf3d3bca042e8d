"""Plans: calls and counted loops over named state.

Between any two steps, between the iterations of a `Loop`, and between any two pieces of a `Sweep` a job may
yield, be stopped, or go on elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Index:
    """`constant + sum of coefficient * counter`, over the counters of the loops around."""

    constant: int
    terms: tuple[tuple[str, int], ...] = ()

    def at(self, counters: Mapping[str, int]) -> int:
        """The value; KeyError for a counter that is not there."""
        return self.constant + sum(factor * counters[name] for name, factor in self.terms)


@dataclass(frozen=True, slots=True)
class Array:
    """The contents of an array of the state, as an operand."""

    name: str


Operand = Array | Index


@dataclass(frozen=True, slots=True)
class Bounds:
    """The iterations `max(lower) <= counter < min(upper)`; there may be none."""

    lower: tuple[Index, ...]
    upper: tuple[Index, ...]

    def at(self, counters: Mapping[str, int]) -> tuple[int, int]:
        """The first iteration, and the end (exclusive)."""
        return max(i.at(counters) for i in self.lower), min(i.at(counters) for i in self.upper)


@dataclass(frozen=True, slots=True)
class Call:
    """`results = routine(operands)`: the named arrays take new contents, all at once."""

    routine: str
    operands: tuple[Operand, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """The body once for every iteration, in order; `counter` is known inside."""

    counter: str
    bounds: Bounds
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A loop whose routine can run any part of it in one go, so that a slice costs one call.

    The routine takes two i64 integers before the operands, `first` and `limit`, and runs the iterations
    `first <= counter < limit`. Running 0..10 is the same as running 0..3 and then 3..10, bit for bit on
    one device.
    """

    bounds: Bounds
    routine: str
    operands: tuple[Operand, ...]
    results: tuple[str, ...]


Step = Call | Loop | Sweep


def bound_arrays(step: Call | Sweep) -> tuple[str, ...]:
    """The distinct arrays that a step binds: its operands in order, then the results that are none.

    A kernel takes these, in this order.
    """
    operands = [operand.name for operand in step.operands if isinstance(operand, Array)]
    return tuple(dict.fromkeys([*operands, *step.results]))
