"""Printing some steps of a lifted program as a module of their own, so that a plan can call them.

The loops around become i64 arguments, and the arrays that the steps need and change become arguments and
results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exalift.base import TensorShape

from ..graph import Step, TensorLoop, TensorProgram
from .emitter import Emitter, Value
from .liveness import carried, live_before, live_between, written
from .lowering import I64, Scene
from .module import Printer, concrete, loop_range


@dataclass(frozen=True, slots=True)
class Part:
    """A module whose public function `main` runs some steps.

    It takes `first` and `limit` (for a part of a loop), the counters of the loops around (`counters`), then
    the arrays of `reads`; it returns the new contents of the arrays of `writes`.
    """

    text: str
    counters: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    arguments: tuple[TensorShape, ...]
    results: tuple[TensorShape, ...]


def print_steps(
    program: TensorProgram,
    steps: Sequence[Step],
    around: Sequence[TensorLoop],
    live: frozenset[str],
    sizes: Mapping[str, int],
) -> Part:
    """Steps in order, once; `around` are the loops that they are in, outermost first, and `live` the arrays
    wanted afterwards. Raises as `print_module` does."""
    changed = live & written(steps)
    needed = live_between(steps, changed)[0]
    return _print(program, steps, None, around, needed, changed, sizes)


def print_sweep(
    program: TensorProgram,
    loop: TensorLoop,
    around: Sequence[TensorLoop],
    live: frozenset[str],
    sizes: Mapping[str, int],
) -> Part:
    """Any iterations of the loop, `first <= iv < limit`, which must lie between the loop's bounds.

    What one iteration leaves for the next is among the results too, so that pieces add up to the whole.
    """
    changed = carried(loop, live)
    needed = live_before(loop, changed)
    return _print(program, (loop,), loop, around, needed, changed, sizes)


def _print(
    program: TensorProgram,
    steps: Sequence[Step],
    sweep: TensorLoop | None,
    around: Sequence[TensorLoop],
    needed: frozenset[str],
    changed: frozenset[str],
    sizes: Mapping[str, int],
) -> Part:
    known = {name: int(sizes[name]) for name in program.sizes}
    types = {a.name: concrete(a.type, known, a.name) for a in (*program.arguments, *program.locals)}
    reads = tuple(name for name in types if name in needed)
    writes = tuple(name for name in types if name in changed)
    counters = tuple(loop.iv for loop in around)
    names = (*(("first", "limit") if sweep else ()), *counters)
    arguments = [*((name, I64) for name in names), *((name, types[name]) for name in reads)]
    emitter = Emitter("main", arguments)
    scene = Scene(emitter, known)
    values: list[Value] = list(emitter.arguments)
    within = (values.pop(0), values.pop(0)) if sweep else None
    inside = dict(zip(counters, values, strict=False))
    arrays = dict(zip(reads, values[len(counters) :], strict=True))
    for loop in around:
        # Inner bounds may name outer loops, so the ranges grow inwards.
        ranges = (*scene.loops, loop_range(loop, scene))
        scene = Scene(emitter, known, ranges, inside)
    printer = Printer(program, known)
    if sweep is not None and within is not None:
        printer.loop_between(sweep, within, changed, arrays, scene)
    else:
        printer.steps(steps, changed, arrays, scene)
    results = [printer.contents(name, arrays, emitter) for name in writes]
    return Part(
        emitter.finish(results),
        counters,
        reads,
        writes,
        tuple(type for _, type in arguments),
        tuple(types[name] for name in writes),
    )
