"""Integer quotients of what may be negative, which round towards 0, and the floor divisions made of them.

StableHLO's `divide` and `remainder` truncate. A quotient of an index that may be negative is no affine
expression, but what programs make of it is: one less where the remainder is negative, or where the signs
differ and the remainder is not 0 (`jnp.floor_divide`), is the floor. A symbol stands for the quotient
until a selection shows that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exalift.affine import Affine, Constraint

from ..start_bounds import LoopRange

Within = Callable[[Affine, int, int], bool]
_LARGEST = 62


@dataclass(frozen=True, slots=True)
class Truncation:
    """`numerator / divisor` rounded towards 0, called `name`; its absolute value is at most `bound`."""

    name: str
    numerator: Affine
    divisor: int
    bound: int

    @property
    def value(self) -> Affine:
        return Affine.symbol(self.name)

    @property
    def remainder(self) -> Affine:
        return self.numerator - self.value * self.divisor

    @property
    def floor(self) -> Affine:
        return self.numerator // self.divisor

    @property
    def range(self) -> LoopRange:
        return LoopRange(self.name, (Affine.of(-self.bound),), (Affine.of(self.bound + 1),))

    @property
    def cases(self) -> tuple[tuple[Constraint, ...], ...]:
        """Where the floor is one less than the quotient; and, two cases, where it is the same."""
        above, below = self.remainder - 1, -self.remainder - 1
        return (
            (Constraint(-self.numerator - 1), Constraint(below)),
            (Constraint(self.remainder, equality=True),),
            (Constraint(self.numerator - 1), Constraint(above)),
        )


def truncation(name: str, numerator: Affine, divisor: int, within: Within) -> Truncation | None:
    """None where the numerator is not known to stay within 62 bits."""
    for bits in range(_LARGEST):
        if within(numerator, -(1 << bits), 1 << bits):
            return Truncation(name, numerator, divisor, (1 << bits) // divisor)
    return None
