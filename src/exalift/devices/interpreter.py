"""The reference device: kernels run on NumPy arrays. Slow, always there, and what the others are held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Routine
from exalift.capsule.kernels import Kernel, Launch, placed_nests, run_launch, zeros

from .compilation import PLAIN, Compilation
from .kernel_execution import ScheduledKernel, read_kernel
from .protocol import Array, FunctionExecutable


@dataclass(frozen=True, slots=True, eq=False)
class HostArray:
    """An array in this process."""

    value: Array
    type: TensorShape


@dataclass(slots=True)
class _Launcher:
    kernel: Kernel

    @property
    def is_interruptible(self) -> bool:
        return False

    def begin(self) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def launch(self, launches: Sequence[Launch], arrays: Mapping[str, HostArray]) -> None:
        nests = placed_nests(self.kernel)
        values = {name: array.value for name, array in arrays.items()}
        for launch in launches:
            run_launch(nests[launch.nest], launch, values)


@dataclass(slots=True)
class InterpreterSession:
    """See `Session`."""

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> FunctionExecutable:
        raise DeviceError(f"the interpreter runs kernels alone, not the function of {routine.name}")

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> ScheduledKernel[HostArray]:
        kernel = read_kernel(routine)
        return ScheduledKernel(kernel, _Launcher(kernel), self._zeros, self.get)

    def _zeros(self, type: TensorShape) -> HostArray:
        return HostArray(zeros(type.dtype, type.extents), type)

    def put(self, value: Array, *, shared: bool = False) -> HostArray:
        return HostArray(np.array(value), type_of(value))

    def get(self, buffer: HostArray, *, shared: bool = False) -> Array:
        return buffer.value.copy()

    def close(self) -> None:
        pass


_DTYPES = {dtype.numpy_name: dtype for dtype in DType}


def type_of(value: Array) -> TensorShape:
    """The type of an array. Raises DeviceError for an element type that programs do not have."""
    dtype = _DTYPES.get(value.dtype.name)
    if dtype is None:
        raise DeviceError(f"no program has elements of type {value.dtype}")
    return TensorShape(tuple(value.shape), dtype)


@dataclass(frozen=True, slots=True)
class InterpreterDevice:
    """NumPy, in this process."""

    name: str = "interpreter"
    kind: str = "interpreter"
    reason: str = ""

    @property
    def available(self) -> bool:
        return True

    @property
    def runs_functions(self) -> bool:
        return False

    @property
    def runs_kernels(self) -> bool:
        return True

    def open(self) -> InterpreterSession:
        return InterpreterSession()


def interpreter_devices() -> tuple[InterpreterDevice, ...]:
    return (InterpreterDevice(),)
