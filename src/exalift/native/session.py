"""The native device in use: tensor functions of capsules on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exalift.affine import Affine
from exalift.base import DeviceError, DType, RefusedError, TensorShape, UsageError
from exalift.capsule import Index, Integer, Routine, check_integers, integer_name
from exalift.capsule.stablehlo_artifact import check_artifact
from exalift.devices import PLAIN, Array, Buffer, Compilation, KernelExecutable
from exalift.dialects.stablehlo import LoopRange

from .executable import NativeExecutable

CompileModule = Callable[[str, str | None, Sequence[LoopRange]], NativeExecutable]
"""Compiles a function, by its name, of a module's text; the last are arguments that are integers."""


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
    integers: tuple[Integer, ...]

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        # Places that are read and written were found to be inside of arrays for these values alone.
        try:
            check_integers(self.integers, [o if isinstance(o, int) else None for o in operands])
        except UsageError as error:
            raise DeviceError(f"native cannot run {self.executable.procedure.name}: {error}") from error
        values = [np.asarray(o, np.int64) if isinstance(o, int) else _own(o) for o in operands]
        return tuple(NativeBuffer(value) for value in self.executable.run(values))


def bounds_as_range(integer: Integer) -> LoopRange:
    """The bounds as the importer takes them."""
    lower, upper = (tuple(map(_affine, bounds)) for bounds in (integer.lower, integer.upper))
    return LoopRange(integer_name(integer.position), lower, upper)


def _affine(index: Index) -> Affine:
    found = Affine.of(index.constant)
    for name, factor in index.terms:
        found = found + Affine.symbol(name) * factor
    return found


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
            executable = compile_module(text, "main", [bounds_as_range(integer) for integer in how.integers])
            return NativeFunction(executable, how.integers)
        except RefusedError as error:
            # Not everything that StableHLO says is read here: places that depend on data, for one.
            raise DeviceError(f"native cannot run {routine.name}: {error}") from error

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        raise DeviceError(f"native runs no kernels, and was asked for {routine.name}")

    def put(self, value: Array, *, shared: bool = False) -> NativeBuffer:
        return NativeBuffer(value if shared else np.array(value))

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        return _own(buffer)

    def close(self) -> None:
        pass
