"""Every version of the format that was ever written still loads, and still runs to the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
