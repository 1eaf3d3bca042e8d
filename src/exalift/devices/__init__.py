"""Where programs run; one file a kind of device.

What needs JAX or IREE is loaded on demand, since a machine may have other devices alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .code_folder import CodeFolder, machine_codes
from .compilation import PLAIN, CodeStore, Compilation
from .listing import AbsentDevice, find_device, list_devices
from .protocol import (
    Array,
    Buffer,
    Device,
    Executable,
    FunctionExecutable,
    KernelCursor,
    KernelExecutable,
    Session,
    Timing,
)

if TYPE_CHECKING:
    from .iree import IreeDevice, IreeExecutable, iree_devices
    from .jax_functions import as_jax_function, is_jax_array
    from .jax_tracing import JaxFunction, load_jax_function
    from .xla import XlaDevice, XlaExecutable

__all__ = [
    "PLAIN",
    "AbsentDevice",
    "Array",
    "Buffer",
    "CodeFolder",
    "CodeStore",
    "Compilation",
    "Device",
    "Executable",
    "FunctionExecutable",
    "IreeDevice",
    "IreeExecutable",
    "JaxFunction",
    "KernelCursor",
    "KernelExecutable",
    "Session",
    "Timing",
    "XlaDevice",
    "XlaExecutable",
    "as_jax_function",
    "find_device",
    "iree_devices",
    "is_jax_array",
    "list_devices",
    "load_jax_function",
    "machine_codes",
]

_ON_DEMAND = {
    "IreeDevice": "iree",
    "IreeExecutable": "iree",
    "JaxFunction": "jax_tracing",
    "XlaDevice": "xla",
    "XlaExecutable": "xla",
    "as_jax_function": "jax_functions",
    "iree_devices": "iree",
    "is_jax_array": "jax_functions",
    "load_jax_function": "jax_tracing",
}


def __getattr__(name: str) -> object:
    if name in _ON_DEMAND:
        return getattr(importlib.import_module(f".{_ON_DEMAND[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
