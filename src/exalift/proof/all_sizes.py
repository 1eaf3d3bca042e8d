"""Equality of a source and a lifted program for all sizes: step by step, loops by induction."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache

from exalift.affine import DomainError, Program, RegionProgram, limited, split_into_regions
from exalift.base import ExaliftError
from exalift.dialects import Dialect, TensorProgram

from .comparison import Comparison
from .sums import UndecidedError, Work

# Between two looks at the clock: some seconds at the very most, where usual steps take milliseconds.
_ISL_OPERATIONS = 1_000_000

ASSUMPTIONS = (
    "sums and products may be reassociated, and sums of products distributed",
    "no value is infinite or NaN",
    "sizes and indices fit their integer types, and are below 2^24 where a program calculates with them",
)
"""What `all-sizes` relies on beyond the assumptions of every proof."""

STRICT_ASSUMPTIONS = (
    "every floating-point operation rounds by itself, as IEEE 754 says; none are fused, and NaNs are alike",
    "sizes and indices fit their integer types, and are below 2^24 where a program calculates with them",
)
"""What a proof under `strict_fp` relies on."""


@dataclass(frozen=True, slots=True)
class AllSizes:
    """The outcome: whether equality is proved for all sizes; if not, why it is unknown."""

    proved: bool
    reason: str
    seconds: float
    steps: int = 0


def prove_all_sizes(
    source: Program,
    lifted: TensorProgram,
    dialect: Dialect,
    *,
    budget_s: float = 2.0,
    computing_s: float = math.inf,
    strict_fp: bool = False,
) -> AllSizes:
    """Try to prove a lifted program equal to its source for all sizes that the source admits.

    Equal means: over the reals, and over the integers modulo 2^n, for all contents of the parameters,
    with `ASSUMPTIONS`. Where `strict_fp` is set, equal means bit for bit where every operation rounds as
    IEEE 754 says, with `STRICT_ASSUMPTIONS`: the same operations on the same operands in the same order.
    Never refutes. See docs/proof.md for what is trusted and what is not handled.
    `budget_s` are seconds of the clock, `computing_s` seconds of the processor. They are looked at between
    calls of isl, each of which does a bounded number of operations.
    """
    start = time.monotonic()
    work = Work(start + budget_s, computing_s)
    steps = 0
    try:
        with limited(_ISL_OPERATIONS):
            comparison = Comparison(_regions(source, strict_fp), lifted, dialect, work, strict_fp)
            comparison.run()
            steps = comparison.steps
    except (UndecidedError, DomainError, ExaliftError) as error:
        return AllSizes(False, str(error), time.monotonic() - start)
    except RecursionError:
        return AllSizes(False, "the programs are nested too deeply", time.monotonic() - start)
    return AllSizes(True, "equal for all values at all sizes", time.monotonic() - start, steps)


@lru_cache(maxsize=4)
def _regions(source: Program, ordered: bool) -> RegionProgram:
    """The split takes most of the time, and one source is compared with several programs."""
    return split_into_regions(source, ordered=ordered)


def forget_regions() -> None:
    """Let the next proof split its source anew, as a first one does: for measurements."""
    _regions.cache_clear()
