# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The devices of several processes as one, by JAX's distributed runtime: arrays are split, XLA partitions.

Every process runs the same program on the same arguments (single program, multiple data) and holds a part of
each array that is split. What has to be exchanged XLA's partitioner puts in (GSPMD, Xu et al.,
arXiv 2105.04663; Shardy); on CPUs it goes through gloo.

A process whose peer falls silent is ended by JAX itself, so whoever joins does it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import jax
import numpy as np
from jax.errors import JaxRuntimeError
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from exalift.base import DeviceError, UsageError
from exalift.capsule import Routine, Signature
from exalift.capsule.stablehlo_artifact import check_artifact

from .compilation import PLAIN, Compilation
from .jax_functions import JaxFunction, check_types, exported
from .protocol import Array, Buffer, KernelExecutable
from .xla import XlaBuffer

_AXIS = "devices"


def join(coordinator: str, processes: int, process: int, *, patience: int, silence: int) -> ShardedSession:
    """Join the others at HOST:PORT, where process 0 listens, within `patience` seconds; who is silent for
    `silence` seconds counts as dead.

    Raises DeviceError. Where JAX gives up by itself the whole process ends, with a line about it on stderr.
    """
    try:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=patience,
            heartbeat_timeout_seconds=silence,
            shutdown_timeout_seconds=silence,
        )
        return ShardedSession(Mesh(np.array(jax.devices()), (_AXIS,)))
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"process {process} could not join {coordinator}: {error}") from error


def leave() -> None:
    """Wait for the others to be done too, and leave them. Raises DeviceError where one is gone before."""
    try:
        jax.distributed.shutdown()
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"the processes did not end together: {error}") from error


@dataclass(frozen=True, slots=True)
class ShardedFunction:
    """A tensor function that XLA partitions as its operands are split, when it is first called with them."""

    signature: Signature
    function: JaxFunction
    replicated: NamedSharding

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        values = [
            _everywhere(np.asarray(operand, np.int64), self.replicated)
            if isinstance(operand, int)
            else _value(operand)
            for operand in operands
        ]
        check_types(values, self.signature)
        try:
            with jax.enable_x64(True):
                results = self.function(*values)
                return tuple(XlaBuffer.of(result.block_until_ready()) for result in results)
        # Gloo's errors, a lost connection among them, come as ValueErrors.
        except (JaxRuntimeError, ValueError, NotImplementedError) as error:
            raise DeviceError(f"{self.signature.name} failed, here or in another process: {error}") from error


def _value(buffer: Buffer) -> jax.Array:
    if not isinstance(buffer, XlaBuffer):
        raise DeviceError("a buffer of another device was given to XLA")
    return buffer.value


def _everywhere(value: Array, sharding: NamedSharding) -> jax.Array:
    """An array that every process has whole, as a global one."""
    with jax.enable_x64(True):
        return jax.make_array_from_callback(value.shape, sharding, lambda index: np.array(value[index]))


@dataclass(frozen=True, slots=True)
class ShardedSession:
    """All devices of the group in use, in one row. All processes must make the same calls in one order."""

    mesh: Mesh

    @property
    def devices(self) -> int:
        """How many there are, in all processes together."""
        return int(self.mesh.size)

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> ShardedFunction:
        if routine.function is None:
            raise DeviceError(f"{routine.name} has no tensor function, and only those can be split")
        how.check_strict_fp("XLA")
        check_artifact(routine.function, routine.signature)
        try:
            function = jax.jit(exported(routine.function, routine.signature).call, keep_unused=True)
        except (ValueError, NotImplementedError) as error:
            raise DeviceError(f"XLA cannot take {routine.name}: {error}") from error
        return ShardedFunction(routine.signature, cast(JaxFunction, function), self._sharding(None, 0))

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        raise DeviceError(f"{routine.name} is a kernel, and only tensor functions can be split")

    def put(self, value: Array, *, shared: bool = False) -> XlaBuffer:
        """Whole, on every device."""
        return XlaBuffer.of(_everywhere(value, self._sharding(None, value.ndim)))

    def put_split(self, value: Array, axis: int) -> XlaBuffer:
        """In equal parts along an axis, one a device. Raises UsageError where it does not divide."""
        if value.shape[axis] % self.devices:
            raise UsageError(
                f"an extent of {value.shape[axis]} does not fall into {self.devices} equal parts, "
                f"one for each of the group's devices"
            )
        return XlaBuffer.of(_everywhere(value, self._sharding(axis, value.ndim)))

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        """The whole contents, in every process."""
        value = _value(buffer)
        with jax.enable_x64(True):
            gathered = jax.jit(_same, out_shardings=self._sharding(None, value.ndim))(value)
            return np.asarray(gathered.addressable_data(0))

    def part(self, buffer: Buffer) -> tuple[int, ...]:
        """The shape of what one device holds of it."""
        return tuple(_value(buffer).addressable_data(0).shape)

    def agree(self, digest: bytes) -> bool:
        """Whether all processes came with the same bytes, as many of them everywhere."""
        row = np.frombuffer(digest, np.uint8)
        shape = (self.devices, len(row))
        rows = jax.make_array_from_callback(shape, self._sharding(0, 2), lambda _: row[np.newaxis])
        return bool((self.get(XlaBuffer.of(rows)) == row).all())

    def close(self) -> None:
        pass

    def _sharding(self, axis: int | None, rank: int) -> NamedSharding:
        names = [_AXIS if position == axis else None for position in range(rank)]
        return NamedSharding(self.mesh, PartitionSpec(*names))


def _same(value: jax.Array) -> jax.Array:
    return value
