"""Lifted programs compiled for the processor at hand: loops from formulas, fused, in place, in threads."""

from .device import NativeDevice, native_devices
from .executable import NativeExecutable

__all__ = ["NativeDevice", "NativeExecutable", "native_devices"]
