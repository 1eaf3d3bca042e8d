# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""XLA, through JAX: modules run on NumPy arrays, and modules as functions of JAX arrays.

Both ways wrap the module as a `jax.export.Exported`. 64-bit types work whatever `jax_enable_x64` says
where this module owns the arrays (`XlaDevice`); inside a user's own `jax.jit` they need it on.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax.errors import JaxRuntimeError
from numpy.typing import NDArray

from exalift.base import DeviceError, DType
from exalift.dialects.stablehlo import EntryModule, TensorShape, entry_module, serialize_portable

from .protocol import Array, Timing

JaxFunction = Callable[..., tuple[jax.Array, ...]]


def _struct(type: TensorShape) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(type.extents, jnp.dtype(type.dtype.numpy_name))


def _exported(module: EntryModule) -> jax.export.Exported:
    """The module as JAX's own exports are: one of a function of the same types, its body replaced."""
    results = module.signature.results

    def zeros(*arguments: jax.Array) -> tuple[jax.Array, ...]:
        del arguments
        return tuple(jnp.zeros(r.extents, jnp.dtype(r.dtype.numpy_name)) for r in results)

    with jax.enable_x64(True):
        checks = [jax.export.DisabledSafetyCheck.platform()]
        template = jax.export.export(jax.jit(zeros, keep_unused=True), disabled_checks=checks)(
            *(_struct(type) for type in module.signature.arguments)
        )
    return dataclasses.replace(
        template,
        fun_name=module.signature.name,
        mlir_module_serialized=serialize_portable(module.text, ""),
    )


def is_jax_array(value: object) -> TypeGuard[jax.Array]:
    """Whether a value is a JAX array, or a tracer that stands for one inside `jax.jit`."""
    return isinstance(value, jax.Array)


def _check(values: Sequence[Array | jax.Array], module: EntryModule) -> None:
    """Shapes and element types must be the function's own: nothing is converted behind the caller."""
    signature = module.signature
    if len(values) != len(signature.arguments):
        raise DeviceError(f"{signature.name} takes {len(signature.arguments)} arguments, got {len(values)}")
    for position, (value, type) in enumerate(zip(values, signature.arguments, strict=True)):
        got = (tuple(value.shape), value.dtype.name)
        if got != (type.extents, type.dtype.numpy_name):
            raise DeviceError(
                f"argument {position} of {signature.name} must be {type}, got shape {got[0]} of {got[1]}"
            )


@dataclass(frozen=True, slots=True)
class XlaExecutable:
    """A function compiled for one of XLA's devices."""

    module: EntryModule
    compiled: jax.stages.Compiled
    placement: jax.sharding.SingleDeviceSharding

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        results = self._call(self._put(inputs))
        return tuple(np.asarray(result) for result in results)

    def time(self, inputs: Sequence[Array], repeats: int = 10, budget: float = 5.0) -> Timing:
        placed = self._put(inputs)
        self._call(placed)
        seconds: list[float] = []
        while not seconds or (len(seconds) < repeats and sum(seconds) < budget):
            start = time.perf_counter()
            self._call(placed)
            seconds.append(time.perf_counter() - start)
        return Timing(tuple(seconds))

    def _put(self, inputs: Sequence[Array]) -> list[jax.Array]:
        values = [np.asarray(value) for value in inputs]
        _check(values, self.module)
        with jax.enable_x64(True):
            return [jax.device_put(value, self.placement) for value in values]

    def _call(self, placed: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
        try:
            with jax.enable_x64(True):
                results: tuple[jax.Array, ...] = self.compiled(*placed)
                return tuple(result.block_until_ready() for result in results)
        except JaxRuntimeError as error:
            raise DeviceError(f"{self.module.signature.name} failed: {error}") from error


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
    def available(self) -> bool:
        return not self.reason

    @property
    def reason(self) -> str:
        try:
            count = len(jax.local_devices(backend=self.platform))
        except RuntimeError as error:
            return f"JAX has no {self.platform} platform ({error}); install a jaxlib that has one"
        return "" if self.index < count else f"JAX sees {count} {self.platform} devices only"

    def compile(self, module: str, function: str | None = None) -> XlaExecutable:
        """Compile through JAX for this device."""
        if not self.available:
            raise DeviceError(f"{self.name} is not available: {self.reason}")
        entry = entry_module(module, function)
        device = jax.local_devices(backend=self.platform)[self.index]
        exported = _exported(entry)
        try:
            with jax.enable_x64(True), jax.default_device(device):
                lowered = jax.jit(exported.call, keep_unused=True).lower(
                    *(_struct(type) for type in entry.signature.arguments)
                )
                return XlaExecutable(entry, lowered.compile(), jax.sharding.SingleDeviceSharding(device))
        except (JaxRuntimeError, ValueError, NotImplementedError) as error:
            raise DeviceError(f"{self.name} cannot compile {entry.signature.name}: {error}") from error


def list_devices() -> tuple[XlaDevice, ...]:
    """XLA's devices on this machine: the CPU, and whatever else JAX finds."""
    found = [XlaDevice("cpu")]
    platform = jax.default_backend()
    if platform != "cpu":
        found += [XlaDevice(platform, index) for index in range(jax.local_device_count(platform))]
    return tuple(found)


_WIDE = frozenset({DType.F64, DType.I64, DType.UI64})


@lru_cache(maxsize=64)
def as_jax_function(module: str, function: str | None = None) -> JaxFunction:
    """A StableHLO function as one of JAX arrays, in argument order; it returns a tuple.

    It can be used inside `jax.jit`, beside other JAX code.

    The function raises DeviceError for arguments of other shapes or element types than the module's, and
    where the module has 64-bit arguments or results while `jax_enable_x64` is off. It has no derivative.
    Asked again for the same text, this gives the same function (the last 64 are kept).
    """
    entry = entry_module(module, function)
    exported = _exported(entry)
    wide = [t for t in (*entry.signature.arguments, *entry.signature.results) if t.dtype in _WIDE]

    def call(*arguments: jax.Array | NDArray[np.generic]) -> tuple[jax.Array, ...]:
        if wide and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
            raise DeviceError(
                f"{entry.signature.name} has {wide[0]} among its types, and JAX is set to 32 bits; "
                'call jax.config.update("jax_enable_x64", True) first'
            )
        values = [a if isinstance(a, jax.Array) else np.asarray(a) for a in arguments]
        _check(values, entry)
        return tuple(exported.call(*values))

    call.__name__ = call.__qualname__ = entry.signature.name
    return call
