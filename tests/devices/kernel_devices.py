"""The devices that run kernels, with a skip that says what to install where one is absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from exalift.capsule import Routine, Signature
from exalift.capsule.kernels import Kernel, Module, print_module
from exalift.devices import Session, find_device, list_devices

Array = NDArray[np.generic]

os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")

KINDS = ("interpreter", "opencl", "webgpu", "aarch64")


def _parameters() -> list[object]:
    found: list[object] = []
    devices = {device.name: device for device in list_devices() if device.kind in KINDS}
    for kind in KINDS:
        device = devices.get(kind)
        reason = "there is no such device" if device is None else device.reason
        found.append(pytest.param(kind, marks=pytest.mark.skipif(bool(reason), reason=f"{kind}: {reason}")))
    return found


each_device = pytest.mark.parametrize("name", _parameters())
"""Runs a test on every kind of device."""


def available() -> list[str]:
    return [device.name for device in list_devices() if device.name in KINDS and device.available]


@contextmanager
def session(name: str) -> Iterator[Session]:
    opened = find_device(name).open()
    try:
        yield opened
    finally:
        opened.close()


def routine(kernel: Kernel) -> Routine:
    """The kernel's text as a routine; the signature of a kernel alone is not looked at."""
    return Routine(Signature(kernel.name, (), ()), None, print_module(Module((kernel,))))
