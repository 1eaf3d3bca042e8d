"""The scalar functions of kernels, named as StableHLO names its element-wise ops.

The meaning of each is that of `exalift.affine.functions`, of which this is the part that every target
can have: the run side stands alone, so the table is here again, and a test holds the two together.

Integers wrap modulo 2^bits; `divide` and `remainder` truncate towards zero, give 0 where the divisor
is 0, and wrap for the smallest integer by -1; a shift by the width or more, or by a negative amount,
shifts everything out. `maximum` and `minimum` of floating point give NaN where an operand is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exalift.base import DType


class Domain(Enum):
    """The element types on which a function is defined."""

    ANY = "any type"
    NUMBER = "integers and floating point"
    SIGNED = "signed integers and floating point"
    BITS = "integers and i1"
    INTEGER = "integers"
    FLOAT = "floating point"


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `compares`: the result is i1 whatever the operands are."""

    name: str
    arity: int
    domain: Domain
    compares: bool = False

    def accepts(self, dtype: DType) -> bool:
        match self.domain:
            case Domain.ANY:
                return True
            case Domain.NUMBER:
                return dtype is not DType.I1
            case Domain.SIGNED:
                return dtype is not DType.I1 and dtype.is_signed
            case Domain.BITS:
                return not dtype.is_float
            case Domain.INTEGER:
                return dtype.is_integer
            case Domain.FLOAT:
                return dtype.is_float


def _table() -> dict[str, Function]:
    rows = [Function(n, 2, Domain.NUMBER) for n in ("add", "subtract", "multiply", "divide", "remainder")]
    rows += [Function(n, 2, Domain.NUMBER) for n in ("maximum", "minimum")]
    rows += [Function(n, 1, Domain.NUMBER) for n in ("negate", "abs", "sign")]
    rows += [Function(n, 2, Domain.BITS) for n in ("and", "or", "xor")]
    rows += [Function("not", 1, Domain.BITS), Function("select", 3, Domain.ANY)]
    shifts = ("shift_left", "shift_right_arithmetic", "shift_right_logical")
    rows += [Function(n, 2, Domain.INTEGER) for n in shifts]
    rows += [Function(f"compare_{d}", 2, Domain.ANY, True) for d in ("lt", "le", "gt", "ge", "eq", "ne")]
    rows += [Function(n, 2, Domain.FLOAT) for n in ("power", "atan2")]
    unary = (
        "sqrt rsqrt cbrt exponential exponential_minus_one log log_plus_one logistic tanh sine "
        "cosine tan floor ceil round_nearest_even round_nearest_afz erf"
    )
    rows += [Function(n, 1, Domain.FLOAT) for n in unary.split()]
    return {row.name: row for row in rows}


FUNCTIONS = _table()

INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "remainder": "%",
    "compare_lt": "<",
    "compare_le": "<=",
    "compare_gt": ">",
    "compare_ge": ">=",
    "compare_eq": "==",
    "compare_ne": "!=",
}
"""Functions that the text writes between their operands."""

DTYPES = frozenset(DType) - {DType.BF16, DType.F16}
"""The element types of kernels."""
