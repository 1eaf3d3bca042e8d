# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""XLA, through JAX: the CPU, and GPUs and TPUs where JAX finds them.

64-bit types work whatever `jax_enable_x64` says.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import jax
import numpy as np
from jax.errors import JaxRuntimeError

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Routine, Signature
from exalift.capsule.stablehlo_artifact import check_artifact, entry_module, serialize_portable

from .compilation import PLAIN, Compilation
from .jax_functions import check_types, exported, struct, tensor_shape
from .protocol import Array, Buffer, KernelExecutable, Timing

_INTEGER = TensorShape((), DType.I64)
_MOST_INTEGERS = 256
_ALIGNMENT = 64
"""Of memory that XLA takes over as it is, in bytes."""


@dataclass(frozen=True, slots=True)
class XlaBuffer:
    """A JAX array as a session's buffer, with its type, which JAX takes long to tell."""

    value: jax.Array
    type: TensorShape

    @staticmethod
    def of(value: jax.Array) -> XlaBuffer:
        """A buffer of any JAX array."""
        return XlaBuffer(value, tensor_shape(value))


@dataclass(frozen=True, slots=True)
class XlaExecutable:
    """A function compiled for one of XLA's devices."""

    signature: Signature
    compiled: jax.stages.Compiled
    placement: jax.sharding.SingleDeviceSharding

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        results = self.call(self._put(inputs))
        return tuple(np.asarray(result) for result in results)

    def time(self, inputs: Sequence[Array], repeats: int = 10, budget: float = 5.0) -> Timing:
        placed = self._put(inputs)
        self.call(placed)
        seconds: list[float] = []
        while not seconds or (len(seconds) < repeats and sum(seconds) < budget):
            start = time.perf_counter()
            self.call(placed)
            seconds.append(time.perf_counter() - start)
        return Timing(tuple(seconds))

    def _put(self, inputs: Sequence[Array]) -> list[jax.Array]:
        values = [np.asarray(value) for value in inputs]
        check_types(values, self.signature)
        with jax.enable_x64(True):
            return [jax.device_put(value, self.placement) for value in values]

    def call(self, placed: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
        """Run on arrays that are on the device, and wait. Raises DeviceError where it fails."""
        try:
            with jax.enable_x64(True):
                results: tuple[jax.Array, ...] = self.compiled(*placed)
                return tuple(result.block_until_ready() for result in results)
        except JaxRuntimeError as error:
            raise DeviceError(f"{self.signature.name} failed: {error}") from error


@dataclass(frozen=True, slots=True)
class XlaFunction:
    """A routine's tensor function, compiled."""

    executable: XlaExecutable
    integers: dict[int, jax.Array]
    """Integers that are on the device already: the end of one piece is the beginning of the next."""

    def run(self, operands: Sequence[Buffer | int]) -> tuple[Buffer, ...]:
        signature = self.executable.signature
        if len(operands) != len(signature.arguments):
            raise DeviceError(
                f"{signature.name} takes {len(signature.arguments)} arguments, got {len(operands)}"
            )
        values: list[jax.Array] = []
        for position, (operand, type) in enumerate(zip(operands, signature.arguments, strict=True)):
            got = _INTEGER if isinstance(operand, int) else operand.type
            if got != type:
                raise DeviceError(f"argument {position} of {signature.name} must be {type}, got {got}")
            values.append(self._integer(operand) if isinstance(operand, int) else _own(operand))
        results = self.executable.call(values)
        return tuple(map(XlaBuffer, results, signature.results))

    def _integer(self, value: int) -> jax.Array:
        known = self.integers.get(value)
        if known is None:
            if len(self.integers) >= _MOST_INTEGERS:
                self.integers.clear()
            with jax.enable_x64(True):
                known = jax.device_put(np.int64(value), self.executable.placement)
            self.integers[value] = known
        return known


def _aligned_copy(value: Array) -> Array:
    store = np.empty(value.nbytes + _ALIGNMENT, np.uint8)
    shift = -store.ctypes.data % _ALIGNMENT
    copy = store[shift : shift + value.nbytes].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


def _own(buffer: Buffer) -> jax.Array:
    if not isinstance(buffer, XlaBuffer):
        raise DeviceError("a buffer of another device was given to XLA")
    return buffer.value


@dataclass(frozen=True, slots=True)
class XlaSession:
    """One of XLA's devices in use. JAX keeps the device itself, so there is nothing to close."""

    device: XlaDevice
    placement: jax.sharding.SingleDeviceSharding

    def compile_function(self, routine: Routine, how: Compilation = PLAIN) -> XlaFunction:
        if routine.function is None:
            raise DeviceError(
                f"{routine.name} has no tensor function, and {self.device.name} runs no kernels"
            )
        how.check_strict_fp(self.device.name)
        check_artifact(routine.function, routine.signature)
        return XlaFunction(self.device.compile_artifact(routine.function, routine.signature), {})

    def compile_kernel(self, routine: Routine, how: Compilation = PLAIN) -> KernelExecutable:
        raise DeviceError(f"{self.device.name} runs no kernels, and was asked for {routine.name}")

    def put(self, value: Array, *, shared: bool = False) -> XlaBuffer:
        # On the CPU, XLA takes an aligned array over as it is (whatever `may_alias` says), so it gets a copy
        # that is nobody else's, and aligned, or else it would make another one.
        own = value if shared else _aligned_copy(value)
        with jax.enable_x64(True):
            placed = jax.device_put(own, self.placement).block_until_ready()
        return XlaBuffer.of(placed)

    def get(self, buffer: Buffer, *, shared: bool = False) -> Array:
        return cast(Array, np.asarray(_own(buffer)))

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class XlaDevice:
    """One of XLA's devices, by JAX's platform name ("cpu", "gpu", "tpu") and its number there.

    On the CPU, XLA uses all cores.
    """

    platform: str = "cpu"
    index: int = 0

    @property
    def name(self) -> str:
        return f"xla-{self.platform}" + (f":{self.index}" if self.index else "")

    @property
    def kind(self) -> str:
        return "xla"

    @property
    def runs_functions(self) -> bool:
        return True

    @property
    def runs_kernels(self) -> bool:
        return False

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def reason(self) -> str:
        try:
            count = len(jax.local_devices(backend=self.platform))
        except RuntimeError as error:
            return f"JAX has no {self.platform} platform ({error}); install a jaxlib that has one"
        return "" if self.index < count else f"JAX sees {count} {self.platform} devices only"

    def open(self) -> XlaSession:
        self._check_available()
        device = jax.local_devices(backend=self.platform)[self.index]
        return XlaSession(self, jax.sharding.SingleDeviceSharding(device))

    def _check_available(self) -> None:
        if not self.available:
            raise DeviceError(f"{self.name} is not available: {self.reason}")

    def compile(self, module: str, function: str | None = None) -> XlaExecutable:
        """Compile a function of a StableHLO module in text (the only public one, where None).

        Raises DeviceError where the device is absent or its compiler fails, UsageError and
        VerificationError for a module that has no such function or is not valid.
        """
        self._check_available()
        entry = entry_module(module, function)
        return self.compile_artifact(serialize_portable(entry.text, ""), entry.signature)

    def compile_artifact(self, artifact: bytes, signature: Signature) -> XlaExecutable:
        """Compile portable bytecode whose function `main` has the signature. Raises DeviceError."""
        self._check_available()
        device = jax.local_devices(backend=self.platform)[self.index]
        try:
            function = exported(artifact, signature)
            with jax.enable_x64(True), jax.default_device(device):
                lowered = jax.jit(function.call, keep_unused=True).lower(
                    *(struct(type) for type in signature.arguments)
                )
                return XlaExecutable(signature, lowered.compile(), jax.sharding.SingleDeviceSharding(device))
        except (JaxRuntimeError, ValueError, NotImplementedError) as error:
            raise DeviceError(f"{self.name} cannot compile {signature.name}: {error}") from error


def xla_devices() -> tuple[XlaDevice, ...]:
    """XLA's devices on this machine: the CPU, and whatever else JAX finds."""
    found = [XlaDevice("cpu")]
    platform = jax.default_backend()
    if platform != "cpu":
        found += [XlaDevice(platform, index) for index in range(jax.local_device_count(platform))]
    return tuple(found)
