"""Programs that were packed with every floating-point operation as written: the bits of the loop itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import exalift
from exalift.devices import find_device, list_devices
from exalift.pipeline import pack
from exalift.runtime import initial_state, results_of, run_to_end

SOURCE = """
void dot(int n, float a[n], float b[n], float out[1]) {
  out[0] = 0.0f;
  for (int i = 0; i < n; i++) out[0] += a[i] * b[i];
}
"""


def test_a_sum_has_the_bits_of_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "dot.c"
    path.write_text(SOURCE)
    capsule = pack(exalift.lift(path, sizes={"n": 999}, strict_fp=True))
    assert capsule.strict_fp
    generator = np.random.default_rng(1)
    given = {a.name: generator.normal(size=a.type.extents).astype(np.float32) for a in capsule.arguments}
    wanted = np.float32(0)
    for x, y in zip(given["a"], given["b"], strict=True):
        wanted = np.float32(wanted + np.float32(x * y))
    here = {device.name for device in list_devices() if device.available}
    for name in ("native", "interpreter", "aarch64"):
        if name not in here:
            continue
        final = run_to_end(capsule, find_device(name), initial_state(capsule, given))
        assert results_of(capsule, final)["out"].ravel()[0] == wanted, name


def test_a_program_that_may_be_reassociated_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dot.c"
    path.write_text(SOURCE)
    assert not pack(exalift.lift(path, sizes={"n": 999})).strict_fp
