"""The native device in use: tensor functions of capsules on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exalift.base import DeviceError, DType, RefusedError, TensorShape
from exalift.capsule import Routine
from exalift.capsule.stablehlo_artifact import check_artifact
from exalift.devices import PLAIN, Array, Buffer, Compilation, KernelExecutable

from .executable import NativeExecutable

CompileModule = Callable[[str, str | None], NativeExecutable]
"""Compiles a function, by its name, of a module's text."""


@dataclass(frozen=True, slots=True)
class NativeBuffer:
    """An array of this process."""

    value: Array

    @property
    def type(self) -> TensorShape:
        name = self.value.dtype.name
        return TensorShape(self.value.shape, next(dtype for dtype in DType if dtype.numpy_name == name))


@dataclass(frozen=True, slots=True)
class NativeFunction:
    """A routine's tensor function, compiled."""

    executable: NativeExecutable

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        values = [np.asarray(o, np.int64) if isinstance(o, int) else _own(o) for o in operands]
        return tuple(NativeBuffer(value) for value in self.executable.run(values))


def _own(buffer: Buffer) -> Array:
    if not isinstance(buffer, NativeBuffer):
        raise DeviceError("a buffer of another device was given to native")
    return buffer.value


@dataclass(frozen=True, slots=True)
class NativeSession:
    """Nothing is held that would have to be given back."""

    compile_module: CompileModule
    compile_strictly: CompileModule
    """The same, with every floating-point operation as it is written."""

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> NativeFunction:
        if routine.function is None:
            raise DeviceError(f"{routine.name} has no tensor function, and native runs no kernels")
        text = check_artifact(routine.function, routine.signature)
        try:
            compile_module = self.compile_strictly if how.strict_fp else self.compile_module
            return NativeFunction(compile_module(text, "main"))
        except RefusedError as error:
            # Not everything that StableHLO says is read here: loops whose ends are arguments, for one.
            raise DeviceError(f"native cannot run {routine.name}: {error}") from error

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        raise DeviceError(f"native runs no kernels, and was asked for {routine.name}")

    def put(self, value: Array, *, shared: bool = False) -> NativeBuffer:
        return NativeBuffer(value if shared else np.array(value))

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        return _own(buffer)

    def close(self) -> None:
        pass
