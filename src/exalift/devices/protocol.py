"""What a device is: something that compiles routines and runs them on buffers that it holds.

`Device` describes one, and costs nothing to list; `Session` is the device in use. A device runs tensor
functions, kernels, or both, and `runs_functions` and `runs_kernels` say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from exalift.base import TensorShape
from exalift.capsule import Routine

from .compilation import PLAIN, Compilation

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
    """A whole lifted function compiled, for use on NumPy arrays without a session."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Run once. Inputs must have the function's shapes and element types exactly.

        Raises DeviceError where they do not, or the run fails.
        """
        ...

    def time(self, inputs: Sequence[Array], repeats: int = 10, budget: float = 5.0) -> Timing:
        """One warm-up, then at most `repeats` runs and, after the first, at most `budget` seconds."""
        ...


class Buffer(Protocol):
    """An array that a session holds. Only the session that made it can use it."""

    @property
    def type(self) -> TensorShape: ...


class FunctionExecutable(Protocol):
    """A tensor function, compiled."""

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        """Run to the end and return the results; the operands keep their contents.

        An integer stands for a rank-0 i64. Results may be operands themselves where the function returns
        one unchanged. Raises DeviceError where operands are not of the signature's types or the run fails.
        """
        ...


KernelCursor = tuple[int, ...]
"""Where inside a kernel a run stopped, the same for all work-items and all devices; () is the beginning."""


class KernelExecutable(Protocol):
    """A kernel, compiled."""

    @property
    def scratch(self) -> tuple[TensorShape, ...]:
        """The types of the arrays that it needs besides those that a call binds: what its work-items know
        at a yield point. A caller who gives buffers of these types after the others, and hands them over
        with the cursor, can go on anywhere; who does not, goes on with this object alone."""
        ...

    def interrupt(self) -> None:
        """Ask the run in progress to stop at a yield point soon; from any thread. A device that cannot be
        asked in the middle of a launch stops after it."""
        ...

    def run(
        self, operands: Sequence[Buffer | int], cursor: KernelCursor = (), budget: int | None = None
    ) -> KernelCursor | None:
        """Go on from `cursor`, past at most `budget` yield points (to the end, where None).

        Returns the cursor to go on from, or None at the end. `operands` are the integers, then
        the arrays, as `capsule.Routine` says; arrays are written in place, and at a yield they hold, with the
        cursor, all that any other device needs to go on. Raises DeviceError as functions do.
        """
        ...


class Session(Protocol):
    """A device in use. Not for several threads at once, but that one may compile while another runs."""

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> FunctionExecutable:
        """Compile the routine's tensor function. A device without code to keep pays no heed to `how.codes`.

        Raises DeviceError where it has none, the device runs none, or its compiler fails.
        """
        ...

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        """Compile the routine's kernel. Raises DeviceError as `compile_function` does."""
        ...

    def put(self, value: Array, *, shared: bool = False) -> Buffer:
        """A new buffer with the contents of a NumPy array, which may change afterwards.

        shared: the array keeps its contents for as long as the buffer is used, so that a device which never
        writes to buffers in place may take its memory as it is.
        """
        ...

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        """The contents of a buffer, as an array that is not to be written.

        shared: the array is read at once, before the buffer is used again or given up, so that a device may
        show its own memory.
        """
        ...

    def close(self) -> None:
        """Give everything back; nothing of the session is used afterwards. May be called twice."""
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

    @property
    def runs_functions(self) -> bool: ...

    @property
    def runs_kernels(self) -> bool: ...

    def open(self) -> Session:
        """Start to use it. Raises DeviceError where it is not available."""
        ...
