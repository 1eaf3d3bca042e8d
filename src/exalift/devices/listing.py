"""All devices of this machine, those that cannot be used included; and finding one by its name.

Each kind's library is optional, so the kinds' files are loaded here, by name, and nowhere else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from exalift.base import DeviceError, UsageError

from .protocol import Device, Session


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device: its file here (or a module elsewhere, by its whole name), the function in it that
    lists its devices, and what it needs."""

    name: str
    file: str
    function: str
    install: str

    def devices(self) -> tuple[Device, ...]:
        """Its devices; one that says what to install, where its library is not there."""
        try:
            name = self.file if "." in self.file else f".{self.file}"
            module = importlib.import_module(name, __package__)
        except ImportError as error:
            reason = f"{error.name or error} is not installed; {self.install}"
            return (AbsentDevice(self.name, self.name, reason),)
        return cast(Callable[[], tuple[Device, ...]], getattr(module, self.function))()


@dataclass(frozen=True, slots=True)
class AbsentDevice:
    """A device that cannot be used here."""

    name: str
    kind: str
    reason: str

    @property
    def available(self) -> bool:
        return False

    @property
    def runs_functions(self) -> bool:
        return False

    @property
    def runs_kernels(self) -> bool:
        return False

    def open(self) -> Session:
        raise DeviceError(f"{self.name} is not available: {self.reason}")


KINDS: tuple[Kind, ...] = (
    Kind("xla", "xla", "xla_devices", "pip install 'exalift[xla]'"),
    # It compiles, and so it lives above the devices that need nothing of the compile side.
    Kind("native", "exalift.native", "native_devices", "pip install 'exalift'"),
    Kind("iree", "iree", "iree_devices", "pip install 'exalift[iree]'"),
    Kind("opencl", "opencl", "opencl_devices", "pip install 'exalift[opencl]'"),
    Kind("webgpu", "webgpu", "webgpu_devices", "pip install 'exalift[webgpu]'"),
    Kind("aarch64", "aarch64", "aarch64_devices", ""),
    Kind("interpreter", "interpreter", "interpreter_devices", ""),
)


def list_devices() -> tuple[Device, ...]:
    """Every device that this machine has or could have, in the order of preference."""
    return tuple(device for kind in KINDS for device in kind.devices())


def find_device(name: str) -> Device:
    """The available device of that name, or the first one of that kind.

    Raises UsageError for a name that there is not, DeviceError for a device that is not available.
    """
    # A kind's file is not loaded for the sake of another kind: it may take long, or bring in a compiler.
    near = [
        (kind, device)
        for kind in KINDS
        if name == kind.name or name.startswith(f"{kind.name}-")
        for device in kind.devices()
    ]
    # Without its library, a kind cannot tell the names of its devices.
    named = tuple(d for kind, d in near if name in (kind.name, d.name, d.kind) or isinstance(d, AbsentDevice))
    chosen = named or tuple(d for d in list_devices() if name in (d.name, d.kind))
    if not chosen:
        offer = ", ".join(dict.fromkeys(text for d in list_devices() for text in (d.kind, d.name)))
        raise UsageError(f"no device {name!r}; devices: {offer}")
    for device in chosen:
        if device.available:
            return device
    raise DeviceError(f"device {name} is not available: {chosen[0].reason}")
