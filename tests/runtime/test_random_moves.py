"""The long jobs, moved among all kinds of device that there are: their state is the unmoved run's.

The jobs have no end in sight, so that nothing here depends on how fast anything is: after the moves a
checkpoint says how many iterations were done, and a run of just so many says what the state must be.
`benchmarks/runtime/migrations.py` makes a hundred moves of each, to the jobs' ends.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from daemon_process import DaemonProcess, running_daemon, wait_until

from exalift.capsule import Capsule, to_bytes
from exalift.devices import Array, find_device, list_devices
from exalift.pipeline import lift, pack
from exalift.runtime import random_state, results_of, run_to_end
from exalift.runtime.checkpoint import checkpoint_from_bytes
from exalift.runtime.record import Status

JOBS = Path(__file__).parents[2] / "benchmarks" / "runtime" / "jobs"
ENDLESS = 1_000_000_000
HOME = "xla-cpu"


def capsule(name: str, length: str, iterations: int, sizes: Mapping[str, int]) -> Capsule:
    given = {length: iterations, **sizes}
    return pack(lift(JOBS / f"{name}.c", name, sizes=given, level="tested"), least_work=0)


def devices() -> list[str]:
    return [device.name for device in list_devices() if device.available]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("daemon")) as found:
        yield found


def check_equal(got: Array, expected: Array) -> None:
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
    else:
        scale = float(np.max(np.abs(expected)))
        assert scale > 0
        tolerance = 1e-12 if expected.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(
    ("name", "length", "sizes"),
    [
        ("stencil", "steps", {"n": 34}),
        ("factor", "rounds", {"n": 16}),
        ("training", "steps", {"m": 9, "d": 5, "h": 7, "o": 3}),
    ],
)
def test_a_job_moves_among_all_kinds_of_device(
    daemon: DaemonProcess, name: str, length: str, sizes: Mapping[str, int]
) -> None:
    generator = random.Random(name)
    targets = [device for device in devices() if device != HOME]
    generator.shuffle(targets)
    assert {"native", "iree-cpu"} <= set(targets)
    with daemon.client() as client:
        job = client.submit(to_bytes(capsule(name, length, ENDLESS, sizes)), seed=1, device=HOME).name
        wait_until(lambda: any(r.name == job and r.steps > 0 for r in client.jobs()))
        for target in (*targets, HOME):
            move = client.migrate(job, target).migrations[-1]
            assert move.destination == target and move.downtime > 0
        found = checkpoint_from_bytes(client.checkpoint(job))
        client.cancel(job)
        assert client.wait(job, 60).status is Status.CANCELLED
    (done,) = found.cursor.counters
    assert done > len(targets)
    whole = capsule(name, length, done, sizes)
    expected = results_of(whole, run_to_end(whole, find_device(HOME), random_state(whole, 1)))
    for result, value in expected.items():
        check_equal(found.state[result], value)
