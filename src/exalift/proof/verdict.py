"""What is known of two programs after an attempt to prove them the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from exalift.affine.algebra import Values

Sizes = Mapping[str, int]
Number = int | float | bool | Fraction


class Level(Enum):
    """How much is known, weakest first."""

    TESTED = "tested"
    BOUNDED = "bounded"
    ALL_SIZES = "all-sizes"

    def __str__(self) -> str:
        return self.value

    def reaches(self, other: Level) -> bool:
        """Whether this level is at least the other."""
        order = list(Level)
        return order.index(self) >= order.index(other)


class Status(Enum):
    """The answer to "is it proved at the level asked for?"; UNKNOWN is neither of the others."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Inputs on which the programs differ, confirmed by running both.

    `result` and `index` name the first element that differs; `expected` is the source's value and
    `actual` the lifted program's. `algebra` says in which numbers: exact rationals, or machine ones.
    """

    sizes: Sizes
    inputs: Mapping[str, Values]
    result: str
    index: tuple[int, ...]
    expected: Number
    actual: Number
    algebra: str

    def __str__(self) -> str:
        place = f"{self.result}{''.join(f'[{i}]' for i in self.index)}"
        at = ", ".join(f"{name} = {value}" for name, value in self.sizes.items()) or "no sizes"
        return f"at {at}: {place} is {self.expected} in the source but {self.actual} in the lifted program"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of `prove`.

    status: whether the level asked for was reached.
    level: the strongest level that was reached, whatever was asked; None where nothing was, or refuted.
    sizes: every tuple of sizes at which the level was established; at all sizes, those that were tested.
    reason: one sentence on why the status is what it is.
    seconds: the time spent.
    """

    status: Status
    level: Level | None
    sizes: tuple[Sizes, ...] = ()
    assumptions: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    reason: str = ""
    seconds: float = 0.0
    witness: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        if self.status is Status.PROVED and self.level is None:
            raise ValueError("what is proved has a level")
        if self.status is Status.REFUTED and self.level is not None:
            raise ValueError("what is refuted has no level")

    def reaches(self, level: Level) -> bool:
        """Whether at least this level was established."""
        return self.level is not None and self.level.reaches(level)

    def __str__(self) -> str:
        known = f" ({self.level})" if self.level is not None else ""
        return f"{self.status}{known}: {self.reason}"
