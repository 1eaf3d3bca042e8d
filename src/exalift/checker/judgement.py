"""What is known of a port after an attempt to decide it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exalift.base import Span
from exalift.proof import Level, Status

Sizes = Mapping[str, int]
Contents = NDArray[np.generic]
Number = int | float | bool


@dataclass(frozen=True, slots=True)
class Refutation:
    """Inputs on which source and port differ, both having been run on them in machine numbers.

    inputs: by parameter name, scalars as arrays of rank 0. result, index: the first element that differs.
    span: where the source last wrote that element; None where it is not known. written: whether the
    source writes it at all on these inputs, None where that is not known.
    """

    sizes: Sizes
    inputs: Mapping[str, Contents]
    result: str
    index: tuple[int, ...]
    expected: Number
    actual: Number
    span: Span | None = None
    written: bool | None = None

    @property
    def element(self) -> str:
        return f"{self.result}{''.join(f'[{i}]' for i in self.index)}"

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value}" for name, value in self.sizes.items())
        where = f"at {at}: " if at else ""
        return f"{where}{self.element} is {self.expected!r} in the source but {self.actual!r} in the port"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome.

    status: PROVED where some level was reached, tests included; REFUTED; or UNKNOWN.
    level: the strongest level reached. claim: one sentence on exactly what is known, and of what.
    sizes: the tuples of sizes at which modules were looked at. reason: why it is no more than that.
    """

    status: Status
    level: Level | None
    claim: str
    sizes: tuple[Sizes, ...] = ()
    assumptions: tuple[str, ...] = ()
    refutation: Refutation | None = None
    reason: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def exit_status(self, at_least: Level) -> int:
        """0 where at least that level was reached, 1 where refuted, 3 where it is unknown."""
        if self.status is Status.REFUTED:
            return 1
        return 0 if self.level is not None and self.level.reaches(at_least) else 3


def shown(sizes: Sizes) -> str:
    """Sizes in words."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items()) or "its only size"
