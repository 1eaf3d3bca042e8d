"""How long a compiled function takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from .buffers import Layout, NumericArray, aligned_block, fill, size_values, written_parameters
from .native import NativeFunction, on_large_stack, stack_bytes


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each run, in order, after one run that warms up and is not among them."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds)


def measure(
    function: NativeFunction,
    inputs: Mapping[str, NumericArray],
    sizes: Mapping[str, int],
    repeats: int = 5,
    min_seconds: float = 0.2,
    max_seconds: float = 60.0,
) -> Timing:
    """Time calls on arrays that are allocated once, until there are `repeats` runs and `min_seconds`.

    What the function writes is restored from `inputs` before each run, outside the clock, so that
    in-place kernels neither overflow nor converge; caches are as that copy leaves them. A run counts
    the call alone (about a microsecond of it is Python's). After `max_seconds` no further run starts.
    Raises what calling the function raises.
    """
    values = size_values(function.program, sizes)
    layout = Layout.of(function.program, values)
    views = layout.views(aligned_block(layout.total))
    fill(views, function.program, inputs, values)
    call = function.bind(views)
    restored = [(views[name], np.array(views[name])) for name in sorted(written_parameters(function.program))]
    seconds: list[float] = []

    def runs() -> None:
        start = time.perf_counter()
        call()
        while len(seconds) < repeats or sum(seconds) < min_seconds:
            if seconds and time.perf_counter() - start > max_seconds:
                break
            for view, original in restored:
                np.copyto(view, original)
            begin = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begin)

    on_large_stack(runs, stack_bytes(function.program, values))
    return Timing(tuple(seconds))
