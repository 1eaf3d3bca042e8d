"""The kernel of a capsule's routine: the same steps as its tensor function, on the same arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exalift.affine import Affine
from exalift.base import RefusedError, UsageError
from exalift.capsule.kernels import Index, Module, Range, print_module
from exalift.capsule.kernels.bounds import Scope
from exalift.dialects import Dialect, Step, TensorLoop, TensorProgram

from .lowering import LoopCounter, Lowering, lower_steps

_FIRST, _LIMIT = "%first", "%limit"


def kernel_text(
    program: TensorProgram,
    steps: Sequence[Step],
    sweep: TensorLoop | None,
    around: Sequence[TensorLoop],
    bound: Sequence[str],
    dialect: Dialect,
    sizes: dict[str, int],
) -> str | None:
    """The text of a kernel that runs `steps`, or part of the loop `sweep`; None where there is none.

    It takes `first` and `limit` (for a part of a loop), the counters of the loops `around`, outermost
    first, and binds the arrays of `bound`, in order.
    """
    arrays = {array.name: array.type for array in (*program.arguments, *program.locals)}
    loops = (*around, sweep) if sweep is not None else tuple(around)
    try:
        counters = _counters(loops, Lowering(dialect, sizes, arrays))
        if sweep is not None:
            own = counters.pop()
            lower = (*sweep.lower, Affine.symbol(_FIRST))
            steps = (replace(sweep, lower=lower, upper=(*sweep.upper, Affine.symbol(_LIMIT))),)
            part = [LoopCounter(_FIRST, own.lower, own.upper), LoopCounter(_LIMIT, own.lower, own.upper + 1)]
            counters = [*part, *counters]
        kernel = lower_steps(program.name, steps, dialect, sizes, arrays, bound, counters)
    except (UsageError, RefusedError):
        return None
    return print_module(Module((kernel,)))


def _counters(loops: Sequence[TensorLoop], lowering: Lowering) -> list[LoopCounter]:
    """The values that each counter can have, whatever the others are."""
    scope = Scope()
    found: list[LoopCounter] = []
    for loop in loops:
        lowering.counters[loop.iv] = loop.iv
        lower = tuple(lowering.index(bound) for bound in loop.lower)
        upper = tuple(lowering.index(bound) for bound in loop.upper)
        low = max(scope.least(bound) for bound in lower)
        high = max(low + 1, min(scope.most(bound) for bound in upper))
        found.append(LoopCounter(loop.iv, low, high))
        scope = scope.inside(Range(loop.iv, (Index((), low),), (Index((), high),)), uniform=True)
    return found
