"""What a device is: something that compiles a module and runs it on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of warm runs, inputs already on the device, results not copied back."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return float(median(self.seconds))


class Executable(Protocol):
    """A compiled function."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Run once. Inputs must have the function's shapes and element types exactly.

        Raises DeviceError where they do not, or the run fails.
        """
        ...

    def time(self, inputs: Sequence[Array], repeats: int = 10, budget: float = 5.0) -> Timing:
        """One warm-up, then at most `repeats` runs and, after the first, at most `budget` seconds."""
        ...


class Device(Protocol):
    """One device. `reason` says why it is not `available`, and what to do; it is empty where it is."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def available(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    def compile(self, module: str, function: str | None = None) -> Executable:
        """Compile a function of a StableHLO module in text (the only public one, where None).

        Raises DeviceError where the device is absent or its compiler fails, UsageError and
        VerificationError for a module that has no such function or is not valid.
        """
        ...
