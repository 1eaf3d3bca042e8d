"""Finding a device by its name or its kind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from exalift.base import UsageError
from exalift.devices import find_device, list_devices

LOADED = "import sys; from exalift.devices import find_device; find_device({name!r}); print(*sys.modules)"


def loaded_for(name: str) -> set[str]:
    command = [sys.executable, "-c", LOADED.format(name=name)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", ["interpreter", "xla", "xla-cpu"])
def test_finding_one_device_loads_no_other_kind(name: str) -> None:
    assert not loaded_for(name) & {"wgpu", "pyopencl", "iree.runtime", "exalift.native", "exalift.affine"}


def test_a_device_is_found_by_its_name_and_by_its_kind() -> None:
    for device in list_devices():
        if device.available:
            assert find_device(device.name).name == device.name
            assert find_device(device.kind).kind == device.kind


@pytest.mark.parametrize("name", ["xla-", "iree-nothing", "no such device", ""])
def test_an_unknown_name_is_answered_with_the_names_that_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"devices: .*interpreter"):
        find_device(name)
