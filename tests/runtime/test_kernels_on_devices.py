"""The same bytes on unlike devices: kernels packed once, run everywhere, with equal results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exalift.base import DeviceError
from exalift.capsule import from_bytes, to_bytes
from exalift.devices import Array, find_device, list_devices
from exalift.pipeline import lift, pack
from exalift.runtime import random_state, results_of, run_to_end

KERNELS = Path(__file__).parents[2] / "benchmarks" / "kernels"

# Each as its source has it, at the sizes that a lift assumes.
MANY = (
    *(
        "2mm",
        "3mm",
        "alpha-blend",
        "atax",
        "avgpool",
        "bicg",
        "box-blur",
        "conv2d",
        "covariance",
        "dense-relu",
    ),
    *(
        "doitgen",
        "fdtd-2d",
        "floyd-warshall",
        "gemm",
        "gemver",
        "gesummv",
        "gradient",
        "jacobi-1d",
        "jacobi-2d",
    ),
    *(
        "lu",
        "maxpool",
        "mvt",
        "residual-add",
        "sgd-momentum",
        "sobel",
        "syr2k",
        "syrk",
        "threshold",
        "trisolv",
    ),
)


def agree(got: Array, expected: Array) -> bool:
    """Bit for bit for integers, else as far as another order of additions may differ."""
    if not np.issubdtype(expected.dtype, np.floating):
        return np.array_equal(got, expected)
    tolerance = 1e-12 if expected.dtype == np.float64 else 1e-6
    scale = float(np.max(np.abs(expected), initial=1e-30))
    return np.allclose(got, expected, rtol=tolerance, atol=tolerance * scale)


def kinds_that_agree(kernel: str) -> tuple[str, ...]:
    """The kinds of devices that run the kernel's one capsule; a wrong result fails the test."""
    capsule = from_bytes(to_bytes(pack(lift(KERNELS / f"{kernel}.c", budget_s=30), least_work=0))).capsule
    state = random_state(capsule, 1)
    expected = results_of(capsule, run_to_end(capsule, find_device("xla"), state))
    kinds = ["xla"]
    for device in list_devices():
        if not device.available or not device.runs_functions or device.kind in kinds:
            continue
        try:
            got = results_of(capsule, run_to_end(capsule, device, state))
        except DeviceError as error:
            print(f"{kernel} not on {device.name}: {error}")
            continue
        for name, value in expected.items():
            assert agree(got[name], value), f"{kernel}: {name} differs on {device.name}"
        kinds.append(device.kind)
    return tuple(kinds)


@pytest.mark.parametrize("kernel", ["gemm", "jacobi-1d", "threshold"])
def test_a_kernel_gives_the_same_on_every_device(kernel: str) -> None:
    assert "iree-cpu" in kinds_that_agree(kernel)


@pytest.mark.slow
def test_twenty_kernels_give_the_same_on_every_device() -> None:
    found = {kernel: kinds_that_agree(kernel) for kernel in MANY}
    for kernel, kinds in found.items():
        print(kernel, *kinds)
    assert sum(len(kinds) >= 3 for kinds in found.values()) >= 20
