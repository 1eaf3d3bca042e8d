# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""StableHLO modules wrapped as `jax.export.Exported`, and as functions of JAX arrays.

64-bit types inside a user's own `jax.jit` need `jax_enable_x64`; `devices.xla` works without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeGuard

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Signature
from exalift.capsule.stablehlo_artifact import entry_module, serialize_portable

from .protocol import Array

JaxFunction = Callable[..., tuple[jax.Array, ...]]


def struct(type: TensorShape) -> jax.ShapeDtypeStruct:
    """The type as JAX names it."""
    return jax.ShapeDtypeStruct(type.extents, jnp.dtype(type.dtype.numpy_name))


def tensor_shape(value: jax.Array) -> TensorShape:
    """A JAX array's type."""
    return TensorShape(tuple(value.shape), _BY_NUMPY_NAME[value.dtype.name])


_BY_NUMPY_NAME = {dtype.numpy_name: dtype for dtype in DType}


def exported(artifact: bytes, signature: Signature) -> jax.export.Exported:
    """The artifact as JAX's own exports are: one of a function of the same types, its body replaced."""
    results = signature.results

    def zeros(*arguments: jax.Array) -> tuple[jax.Array, ...]:
        del arguments
        return tuple(jnp.zeros(r.extents, jnp.dtype(r.dtype.numpy_name)) for r in results)

    with jax.enable_x64(True):
        checks = [jax.export.DisabledSafetyCheck.platform()]
        template = jax.export.export(jax.jit(zeros, keep_unused=True), disabled_checks=checks)(
            *(struct(type) for type in signature.arguments)
        )
    return dataclasses.replace(template, fun_name=signature.name, mlir_module_serialized=artifact)


def is_jax_array(value: object) -> TypeGuard[jax.Array]:
    """Whether a value is a JAX array, or a tracer that stands for one inside `jax.jit`."""
    return isinstance(value, jax.Array)


def check_types(values: Sequence[Array | jax.Array], signature: Signature) -> None:
    """Shapes and element types must be the function's own: nothing is converted behind the caller."""
    if len(values) != len(signature.arguments):
        raise DeviceError(f"{signature.name} takes {len(signature.arguments)} arguments, got {len(values)}")
    for position, (value, type) in enumerate(zip(values, signature.arguments, strict=True)):
        got = (tuple(value.shape), value.dtype.name)
        if got != (type.extents, type.dtype.numpy_name):
            raise DeviceError(
                f"argument {position} of {signature.name} must be {type}, got shape {got[0]} of {got[1]}"
            )


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
    function_of = exported(serialize_portable(entry.text, ""), entry.signature)
    wide = [t for t in (*entry.signature.arguments, *entry.signature.results) if t.dtype in _WIDE]

    def call(*arguments: jax.Array | NDArray[np.generic]) -> tuple[jax.Array, ...]:
        if wide and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
            raise DeviceError(
                f"{entry.signature.name} has {wide[0]} among its types, and JAX is set to 32 bits; "
                'call jax.config.update("jax_enable_x64", True) first'
            )
        values = [a if isinstance(a, jax.Array) else np.asarray(a) for a in arguments]
        check_types(values, entry.signature)
        return tuple(function_of.call(*values))

    call.__name__ = call.__qualname__ = entry.signature.name
    return call
