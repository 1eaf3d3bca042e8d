"""Capsules on devices that run kernels: the same bytes as on XLA, the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exalift import lift
from exalift.capsule import Capsule, from_bytes, to_bytes
from exalift.devices import Array, find_device, list_devices
from exalift.pipeline import pack
from exalift.pipeline.suite import read_suite
from exalift.reference import random_inputs
from exalift.runtime import Execution, compile_routines, initial_state, results_of, run_to_end

SUITE = {k.name: k for k in read_suite(Path(__file__).parents[2] / "benchmarks" / "kernels")}
KINDS = ("opencl", "webgpu", "aarch64")


def packed(name: str, least_work: int = 0) -> tuple[Capsule, dict[str, Array]]:
    """A capsule that has been bytes, in single precision where the source can be had so, and its inputs."""
    kernel = SUITE[name]
    defines = (*kernel.mini.macros, *(("REAL=float",) if kernel.real else ()))
    one = lift(kernel.path, kernel.function, sizes=dict(kernel.mini.sizes), defines=defines, level="tested")
    capsule = from_bytes(to_bytes(pack(one, least_work=least_work))).capsule
    inputs = random_inputs(one.original, one.sizes.values, 1, kernel.inputs)
    return capsule, initial_state(capsule, {a.name: inputs[a.name] for a in capsule.arguments})


def agree(got: Array, wanted: Array) -> bool:
    """Integers bit for bit; floating point relative to the largest number of the result."""
    if wanted.dtype.kind != "f":
        return np.array_equal(got, wanted)
    tolerance = 1e-6 if wanted.dtype.itemsize == 4 else 1e-12
    scale = float(np.max(np.abs(wanted), initial=0.0)) or 1.0
    return float(np.max(np.abs(got - wanted), initial=0.0)) <= tolerance * scale


def agreeing(name: str) -> list[str]:
    """The kinds of devices on which the kernel's capsule gives what XLA gives."""
    capsule, state = packed(name)
    wanted = results_of(capsule, run_to_end(capsule, find_device("xla"), dict(state)))
    found: list[str] = []
    for device in list_devices():
        if device.name in KINDS and device.available:
            got = results_of(capsule, run_to_end(capsule, device, dict(state)))
            if all(agree(got[result], value) for result, value in wanted.items()):
                found.append(device.kind)
    return found


@pytest.mark.parametrize("name", ["gemm", "lu", "threshold"])
@pytest.mark.parametrize("kind", KINDS)
def test_capsules_give_on_kernels_what_they_give_on_functions(name: str, kind: str) -> None:
    if not find_device_of(kind):
        pytest.skip(next(device.reason for device in list_devices() if device.kind == kind))
    assert kind in agreeing(name)


def find_device_of(kind: str) -> bool:
    return any(device.kind == kind and device.available for device in list_devices())


@pytest.mark.slow
def test_twenty_kernels_give_the_same_on_kernel_devices() -> None:
    found = {name: agreeing(name) for name in SUITE}
    for name, kinds in found.items():
        print(name, *kinds)
    assert sum(set(kinds) >= set(KINDS) for kinds in found.values()) >= 20


def test_a_job_moves_between_functions_and_kernels() -> None:
    """Pieces of a sweep in turn as XLA's function, as a kernel in NumPy, and wherever kernels run."""
    capsule, state = packed("floyd-warshall")
    wanted = results_of(capsule, run_to_end(capsule, find_device("xla"), dict(state)))
    devices = [d for d in list_devices() if d.available and d.name in ("xla-cpu", "interpreter", *KINDS)]
    sessions = {device.name: device.open() for device in devices}
    compiled = {d.name: compile_routines(capsule, d, sessions[d.name]) for d in devices}
    assert any(compiled[d.name].kernels for d in devices)
    names = list(sessions)
    execution = Execution.begin(capsule, sessions[names[0]], compiled[names[0]], state, slice_seconds=0)
    moves = 0
    while not execution.finished:
        for _, _ in zip(range(2), execution.pieces(), strict=False):
            pass
        moves += 1
        name = names[moves % len(names)]
        execution = Execution.begin(
            capsule, sessions[name], compiled[name], execution.state(), execution.cursor, 0
        )
    got = results_of(capsule, execution.state())
    for session in sessions.values():
        session.close()
    assert moves > len(names)
    assert all(np.array_equal(got[name], value) for name, value in wanted.items())
