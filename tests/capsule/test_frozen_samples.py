"""Every version of the format that was ever written still loads, and still runs to the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exalift.base import DeviceError
from exalift.capsule import read_capsule
from exalift.capsule.limits import FORMAT_VERSION
from exalift.devices import find_device
from exalift.runtime import initial_state, results_of, run_to_end
from sample_capsules import mixed

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_frozen_file_loads_and_runs(version: int) -> None:
    capsule = read_capsule(SAMPLES / f"format-{version}.xcap").capsule
    x = np.arange(8, dtype=np.int32)
    final = run_to_end(capsule, find_device("xla"), initial_state(capsule, {"x": x}))
    for name, value in mixed(x).items():
        np.testing.assert_array_equal(results_of(capsule, final)[name], value)


def test_the_second_version_has_compiled_code_and_a_signature() -> None:
    sealed = read_capsule(SAMPLES / "format-2.xcap")
    assert [(one.routine, one.key.device, one.code) for one in sealed.capsule.codes] == [
        ("mix", "iree-cpu", b"code of mix"),
        ("add", "aarch64", b"code of add"),
    ]
    assert sealed.signer and not sealed.capsule.strict_fp


def test_the_second_version_can_ask_for_every_operation_as_written() -> None:
    capsule = read_capsule(SAMPLES / "format-2-strict.xcap").capsule
    assert capsule.strict_fp and not capsule.codes
    with pytest.raises(DeviceError, match="as it is written"):
        run_to_end(capsule, find_device("xla"), initial_state(capsule, {"x": np.zeros(8, np.int32)}))
