"""Running a lifted program on inputs from a file, or on random ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from exalift.reference import random_inputs

from .lifted import Lifted

Contents = NDArray[np.generic]


def made_inputs(lifted: Lifted, seed: int) -> dict[str, Contents]:
    """Random contents for the arguments, at the lift's sizes; the same seed gives the same contents."""
    contents = random_inputs(lifted.original, lifted.sizes.values, seed)
    return {argument.name: contents[argument.name] for argument in lifted.program.arguments}


def run_lifted(
    lifted: Lifted, inputs: Mapping[str, Contents], sizes: Mapping[str, int], device: str = "xla"
) -> dict[str, Contents]:
    """Results by name. Sizes that are not given are told by the arrays' shapes.

    The device is "xla" or "native". Raises UsageError for inputs that are missing, unknown or misshapen,
    DeviceError where the device fails.
    """
    values = lifted.call((), inputs, sizes, device)
    names = [result.name for result in lifted.program.results]
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
