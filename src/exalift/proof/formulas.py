"""Equality of two formulas over the same arrays, at fixed sizes: for all contents of the arrays."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from exalift.affine import ALWAYS, Affine, Condition, DomainError, Formula, limited
from exalift.base import ExaliftError
from exalift.dialects import Dialect

from .formula_values import Evaluator, inside, symbolic
from .opaque import Registry
from .sums import UndecidedError, Work, unequal

_ISL_OPERATIONS = 1_000_000
_NO_OPS = Dialect("formulas", ())


@dataclass(frozen=True, slots=True)
class Equality:
    """Whether equality is proved; if not, why it is unknown. Never refutes."""

    proved: bool
    reason: str = ""


def prove_formulas(
    left: Formula,
    right: Formula,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    budget_s: float = 2.0,
    computing_s: float = math.inf,
) -> Equality:
    """Try to prove two formulas equal for all contents of the arrays that they load, of these shapes.

    Extents and shapes are numbers. Equal means as for whole programs (`prove_all_sizes`): over the reals, and
    over the integers modulo 2^n, reassociation of floating point allowed. Loads outside of an array are zero.
    """
    work = Work(time.monotonic() + budget_s, computing_s)
    everywhere = Condition.of(ALWAYS)
    try:
        if left.shape != right.shape or left.body.dtype is not right.body.dtype:
            raise UndecidedError("the formulas are of different types")
        with limited(_ISL_OPERATIONS):
            evaluator = Evaluator(_NO_OPS, Registry(work, ()), work, everywhere, {})
            arrays = {name: symbolic(name, tuple(map(Affine.of, shape))) for name, shape in shapes.items()}
            at = tuple(Affine.symbol(f"%t{k}") for k in range(len(left.shape)))
            where = Condition.of(inside(at, left.shape))
            mine, theirs = (evaluator.stored(side, arrays).contents(at, where) for side in (left, right))
            if not unequal(mine, theirs, where, work).is_empty:
                raise UndecidedError("their normal forms differ")
    except (UndecidedError, DomainError, ExaliftError) as error:
        return Equality(False, str(error))
    except RecursionError:
        return Equality(False, "they are nested too deeply")
    return Equality(True)
