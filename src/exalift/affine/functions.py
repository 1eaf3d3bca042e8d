"""The scalar functions that expressions may apply, named as StableHLO names its element-wise ops.

Source of names and meanings: the StableHLO specification, section "Ops". Integer `divide` and
`remainder` truncate towards zero, which is C's rule too; integer arithmetic wraps modulo 2^bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What the operands and the result of a function may be."""

    ARITHMETIC = "same type in and out"
    COMPARISON = "two of one type in, i1 out"
    LOGICAL = "i1 or integer, same type in and out"
    SELECT = "i1 and two of one type in, that type out"
    TRANSCENDENTAL = "floating point, same type in and out; no exact meaning in a field"


@dataclass(frozen=True, slots=True)
class Function:
    """One scalar function; `identity` is set for those that can reduce ("zero", "one", "lowest", ...)."""

    name: str
    arity: int
    kind: Kind
    identity: str = ""

    @property
    def reduces(self) -> bool:
        return bool(self.identity)


def _table() -> dict[str, Function]:
    rows = [
        Function("add", 2, Kind.ARITHMETIC, "zero"),
        Function("subtract", 2, Kind.ARITHMETIC),
        Function("multiply", 2, Kind.ARITHMETIC, "one"),
        Function("divide", 2, Kind.ARITHMETIC),
        Function("remainder", 2, Kind.ARITHMETIC),
        Function("maximum", 2, Kind.ARITHMETIC, "lowest"),
        Function("minimum", 2, Kind.ARITHMETIC, "highest"),
        Function("negate", 1, Kind.ARITHMETIC),
        Function("abs", 1, Kind.ARITHMETIC),
        Function("sign", 1, Kind.ARITHMETIC),
        Function("and", 2, Kind.LOGICAL, "ones"),
        Function("or", 2, Kind.LOGICAL, "zero"),
        Function("xor", 2, Kind.LOGICAL, "zero"),
        Function("not", 1, Kind.LOGICAL),
        Function("shift_left", 2, Kind.LOGICAL),
        Function("shift_right_arithmetic", 2, Kind.LOGICAL),
        Function("shift_right_logical", 2, Kind.LOGICAL),
        Function("select", 3, Kind.SELECT),
        Function("power", 2, Kind.TRANSCENDENTAL),
        Function("atan2", 2, Kind.TRANSCENDENTAL),
    ]
    rows += [Function(f"compare_{d}", 2, Kind.COMPARISON) for d in ("lt", "le", "gt", "ge", "eq", "ne")]
    unary = (
        "sqrt rsqrt cbrt exponential exponential_minus_one log log_plus_one logistic tanh sine "
        "cosine tan floor ceil round_nearest_even round_nearest_afz erf"
    )
    rows += [Function(name, 1, Kind.TRANSCENDENTAL) for name in unary.split()]
    return {row.name: row for row in rows}


FUNCTIONS = _table()
