"""A scalar operation to be translated, and what is known where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from exalift.affine import Affine
from exalift.base import DType

from .scalars import Extremum, Scalar
from .syntax import Attribute

NO_OVERFLOW = "index arithmetic does not overflow its type"
NO_NAN = "no NaN reaches a minimum or maximum, and the sign of a zero there does not matter"
NO_FMA = "a fused multiply-add may be rounded twice"


@dataclass(slots=True)
class Facts:
    """What is known where an operation stands; `assumptions` collects what its translation relies on."""

    least: Callable[[Affine], int | None]
    assumptions: dict[str, None] = field(default_factory=dict[str, None])

    def assume(self, sentence: str) -> None:
        self.assumptions[sentence] = None

    def is_nonnegative(self, index: Extremum) -> bool:
        """Whether an index is known not to be negative."""
        known = [self.least(candidate) for candidate in index.candidates]
        enough = any if index.largest else all
        return enough(bound is not None and bound >= 0 for bound in known)


@dataclass(frozen=True, slots=True)
class ScalarOperation:
    """A scalar operation with its operands translated; `dtype` is that of its result."""

    name: str
    operands: tuple[Scalar, ...]
    attributes: dict[str, Attribute]
    dtype: DType
    facts: Facts


Lowering = Callable[[ScalarOperation], Scalar]
