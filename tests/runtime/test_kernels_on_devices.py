"""The same bytes on unlike devices: kernels packed once, run everywhere, with equal results."""

from __future__ import annotations

import time
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
    """Bit for bit for integers, else as far as another order of additions may differ. What is NaN or infinite
    must be so in both, and does not count as the largest number."""
    if not np.issubdtype(expected.dtype, np.floating):
        return np.array_equal(got, expected)
    tolerance = 1e-12 if expected.dtype == np.float64 else 1e-6
    finite = expected[np.isfinite(expected)]
    scale = float(np.max(np.abs(finite), initial=1e-30))
    return np.allclose(got, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def kinds_that_agree(kernel: str) -> tuple[str, ...]:
    """The kinds of devices that run the kernel's one capsule; a wrong result fails the test."""
    capsule = from_bytes(to_bytes(pack(lift(KERNELS / f"{kernel}.c", budget_s=30), least_work=0))).capsule
    state = random_state(capsule, 1)
    expected = results_of(capsule, run_to_end(capsule, find_device("xla"), state))
    kinds = ["xla"]
    for device in list_devices():
        # The interpreter is what kernels mean, and takes minutes for some.
        if not device.available or device.kind in (*kinds, "interpreter"):
            continue
        begun = time.perf_counter()
        try:
            got = results_of(capsule, run_to_end(capsule, device, state))
        except DeviceError as error:
            print(f"{kernel} not on {device.name}: {error}")
            continue
        for name, value in expected.items():
            assert agree(got[name], value), f"{kernel}: {name} differs on {device.name}"
        print(f"{kernel} on {device.name}: {time.perf_counter() - begun:.1f} s", flush=True)
        kinds.append(device.kind)
    return tuple(kinds)


@pytest.mark.parametrize("kernel", ["gemm", "jacobi-1d", "threshold"])
def test_a_kernel_gives_the_same_on_every_device(kernel: str) -> None:
    kinds = kinds_that_agree(kernel)
    assert {"native", "iree-cpu"} <= set(kinds) and len(kinds) >= 5


def test_numbers_that_are_none_are_compared_too() -> None:
    """Of a random matrix, which is not positive definite, Cholesky's factor is NaN from some row on."""
    nan, one = np.array([1.0, np.nan]), np.array([1.0, 1.0])
    assert agree(nan, nan) and not agree(one, nan) and not agree(nan, one)
    assert not agree(np.array([1.1, np.nan]), nan)
    assert {"native", "iree-cpu"} <= set(kinds_that_agree("cholesky"))


@pytest.mark.slow
@pytest.mark.parametrize("kernel", MANY)
def test_many_kernels_give_the_same_on_every_device(kernel: str) -> None:
    """Each on five kinds at least; there are more than twenty."""
    kinds = kinds_that_agree(kernel)
    print(kernel, *kinds)
    assert len(MANY) >= 20 and "native" in kinds and len(kinds) >= 5
