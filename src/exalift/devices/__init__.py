"""Where lifted programs run; one file a kind of device."""

from .protocol import Device, Executable, Timing
from .xla import XlaDevice, XlaExecutable, as_jax_function, is_jax_array, list_devices

__all__ = [
    "Device",
    "Executable",
    "Timing",
    "XlaDevice",
    "XlaExecutable",
    "as_jax_function",
    "is_jax_array",
    "list_devices",
]
