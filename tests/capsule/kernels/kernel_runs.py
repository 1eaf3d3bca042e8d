"""Running kernels on NumPy arrays by schedules, without devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from exalift.capsule.kernels import Kernel, Schedule, native, run_launch, scratch_of

Array = NDArray[np.generic]


def run_sliced(
    kernel: Kernel, parameters: Mapping[str, int], inputs: Sequence[Array], budgets: Sequence[int | None]
) -> tuple[list[Array], int]:
    """The bound arrays after a run in slices, and how many slices there were. Budgets are used in turn."""
    arrays: dict[str, Array] = {}
    for buffer, value in zip(kernel.bound, inputs, strict=True):
        arrays[buffer.name] = np.array(value)
    for buffer in scratch_of(kernel):
        # What scratch holds at first must not matter.
        arrays[buffer.name] = np.ones(buffer.shape, native(buffer.dtype))
    schedule = Schedule(kernel, parameters)
    position, slices = schedule.start, 0
    while not schedule.is_finished(position):
        schedule.check(position)
        left = budgets[slices % len(budgets)]
        while True:
            batch = schedule.batch(position, left, most=1 + slices % 3)
            for launch in batch.launches:
                run_launch(schedule.nests[launch.nest], launch, arrays)
            position = batch.position
            if batch.stopped or batch.finished:
                break
            left = None if left is None else left - batch.passed
        slices += 1
    return [arrays[buffer.name] for buffer in kernel.bound], slices


def run_whole(kernel: Kernel, parameters: Mapping[str, int], inputs: Sequence[Array]) -> list[Array]:
    return run_sliced(kernel, parameters, inputs, [None])[0]
