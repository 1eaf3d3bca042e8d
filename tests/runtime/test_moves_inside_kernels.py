"""Jobs moved, checkpointed and taken up again in the middle of a kernel, by the daemon and its commands."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from daemon_process import DaemonProcess, running_daemon, wait_until

from exalift.base import DType, TensorShape, UsageError, read_arrays
from exalift.capsule import (
    START,
    Array,
    Call,
    Capsule,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    to_bytes,
)
from exalift.cli import main
from exalift.devices import find_device, list_devices
from exalift.runtime import Execution, compile_routines, random_state, results_of, run_to_end
from exalift.runtime import checkpoint as checkpoints
from exalift.runtime.client import Client
from exalift.runtime.record import Status
from exalift.runtime.state_file import StateFile

ITEMS = 48
SHAPE = TensorShape((ITEMS,), DType.I32)
COPY = "func.func @main(%x: tensor<48xi32>) -> tensor<48xi32> { return %x : tensor<48xi32> }"
KERNELS = ("opencl", "webgpu", "aarch64", "interpreter")

# Work-items have a register and a loop variable at the inner yield, which only the nest's frame holds.
SPIN = """kernels 1
kernel spin {{
  in A: i32[{items}]
  out B: i32[{items}]
  parallel (i = 0 to {items}) {{
    B[i] = A[i]
  }}
  for r = 0 to {rounds} {{
    parallel (i = 0 to {items}) {{
      var x: i32 = B[i]
      for t = 0 to 16 {{
        for k = 0 to 64 {{
          x = x * 3:i32 + index(k + i, i32)
        }}
        yield
      }}
      B[i] = x
    }}
  }}
}}
"""


def spinning(rounds: int, *, with_function: bool = False) -> Capsule:
    """One call, of one kernel: there is no yield point but inside it. The function is no match, and not to
    be run by these tests: it only lets devices take the capsule that run no kernels."""
    from exalift.capsule.stablehlo_artifact import serialize_portable

    function = serialize_portable(COPY) if with_function else None
    routine = Routine(
        Signature("spin", (SHAPE,), (SHAPE,)), function, SPIN.format(items=ITEMS, rounds=rounds)
    )
    state = (StateArray("a", SHAPE, Role.ARGUMENT), StateArray("b", SHAPE, Role.LOCAL))
    return Capsule(
        "spinning", (), state, (routine,), (Call("spin", (Array("a"),), ("b",)),), (Result("b", "b"),)
    )


def spun(a: np.ndarray, rounds: int) -> np.ndarray:
    """What `spinning` gives. A round is x -> factor * x + offset modulo 2^32; many of them by squaring."""
    items = np.arange(ITEMS, dtype=np.uint32)
    factor, offset = np.ones(ITEMS, np.uint32), np.zeros(ITEMS, np.uint32)
    for k in range(64):
        factor, offset = factor * np.uint32(3), offset * np.uint32(3) + np.uint32(k) + items
    x = a.astype(np.uint32)
    left = 16 * rounds
    while left:
        if left & 1:
            x = factor * x + offset
        factor, offset, left = factor * factor, factor * offset + offset, left >> 1
    return x.astype(np.int32)


LONG = 30_000
SHORT = 5


def kernel_devices() -> tuple[str, ...]:
    return tuple(d.name for d in list_devices() if d.available and d.name in KERNELS)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    root = tmp_path_factory.mktemp("daemon")
    with running_daemon(root, *kernel_devices()) as found, found.client() as client:
        # Workers take seconds to start and to compile, in which a long job may be over.
        for device in kernel_devices():
            job = client.submit(to_bytes(spinning(LONG)), device=device).name
            wait_until(lambda job=job: inside(found, job))
            client.cancel(job)
        yield found


def command(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--root", str(daemon.root)]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.strip()


def inside(daemon: DaemonProcess, job: str) -> bool:
    """Whether what is kept of the job is a place in the middle of the kernel."""
    file = StateFile(daemon.root / "jobs" / job / "state", spinning(LONG), shared=True)
    _, cursor = file.place()
    file.close()
    return bool(cursor.kernel)


def running(client: Client, job: str) -> bool:
    return any(r.name == job and r.status is Status.RUNNING for r in client.jobs())


def test_the_expected_numbers_are_the_kernel_s() -> None:
    state = random_state(spinning(SHORT), 1)
    for name in kernel_devices():
        got = results_of(spinning(SHORT), run_to_end(spinning(SHORT), find_device(name), dict(state)))
        np.testing.assert_array_equal(got["b"], spun(state["a"], SHORT))


def test_a_job_goes_through_all_devices_inside_one_kernel(
    daemon: DaemonProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a user would: submit, migrate, checkpoint, submit, logs and result."""
    capsule, devices = spinning(LONG), kernel_devices()
    assert len(devices) >= 2
    (tmp_path / "job.xcap").write_bytes(to_bytes(capsule))
    job = command(daemon, capsys, "submit", str(tmp_path / "job.xcap"), "--seed", "1", "--device", devices[0])
    wait_until(lambda: inside(daemon, job))
    for device in (*devices[1:], devices[0]):
        assert f"to {device}" in command(daemon, capsys, "migrate", job, device)
    logs = command(daemon, capsys, "logs", job)
    assert logs.count("inside a kernel") == len(devices)
    command(daemon, capsys, "checkpoint", job, "-o", str(tmp_path / "job.xckpt"))
    assert checkpoints.read_checkpoint(tmp_path / "job.xckpt").cursor.kernel
    command(daemon, capsys, "cancel", job)
    again = command(daemon, capsys, "submit", str(tmp_path / "job.xckpt"), "--device", devices[0])
    wait_until(lambda: inside(daemon, again))
    command(daemon, capsys, "migrate", again, devices[1])
    command(daemon, capsys, "result", again, "--wait", "500", "-o", str(tmp_path / "out.npz"))
    expected = spun(random_state(capsule, 1)["a"], LONG)
    np.testing.assert_array_equal(read_arrays(tmp_path / "out.npz")["b"], expected)


def test_a_worker_that_dies_inside_a_kernel_loses_a_slice(daemon: DaemonProcess) -> None:
    device, fastest = kernel_devices()[:2]
    with daemon.client() as client:
        job = client.submit(to_bytes(spinning(LONG)), seed=2, device=device).name
        wait_until(lambda: inside(daemon, job))
        os.kill(daemon.worker(device), signal.SIGKILL)
        wait_until(lambda: any(r.name == job and r.crashes == 1 and r.device for r in client.jobs()))
        (record,) = [r for r in client.jobs() if r.name == job]
        assert record.device != device
        if record.device != fastest:
            wait_until(lambda: running(client, job))
            client.migrate(job, fastest)
        assert client.wait(job, 500).status is Status.DONE
        data = client.result(job)
    with (daemon.root / "out.npz").open("wb") as stream:
        stream.write(data)
    expected = spun(random_state(spinning(LONG), 2)["a"], LONG)
    np.testing.assert_array_equal(read_arrays(daemon.root / "out.npz")["b"], expected)


def test_a_checkpoint_inside_a_kernel_needs_a_device_that_runs_kernels(tmp_path: Path) -> None:
    capsule = spinning(SHORT, with_function=True)
    device = find_device("interpreter")
    session = device.open()
    execution = Execution.begin(
        capsule, session, compile_routines(capsule, device, session), random_state(capsule, 1)
    )
    next(execution.pieces())
    assert execution.cursor.kernel
    data = checkpoints.to_bytes(to_bytes(capsule), execution.cursor, execution.state())
    with running_daemon(tmp_path, "xla-cpu", "interpreter") as daemon, daemon.client() as client:
        with pytest.raises(UsageError, match="no device here can run"):
            client.submit(data, device="xla-cpu")
        record = client.wait(client.submit(data).name, 200)
        assert record.status is Status.DONE
        (tmp_path / "out.npz").write_bytes(client.result(record.name))
    expected = spun(random_state(capsule, 1)["a"], SHORT)
    np.testing.assert_array_equal(read_arrays(tmp_path / "out.npz")["b"], expected)


def test_scratch_that_is_missing_or_wrong_is_refused() -> None:
    capsule = spinning(SHORT)
    device = find_device("interpreter")
    session = device.open()
    execution = Execution.begin(
        capsule, session, compile_routines(capsule, device, session), random_state(capsule, 1)
    )
    next(execution.pieces())
    state = execution.state()
    scratch = [name for name in state if name.startswith("scratch:")]
    assert scratch
    for name in scratch:
        wrong = {**state, name: np.zeros(3, np.int32)}
        with pytest.raises(UsageError, match="bytes, not"):
            checkpoints.checkpoint_from_bytes(
                checkpoints.to_bytes(to_bytes(capsule), execution.cursor, wrong)
            )
        missing = {other: value for other, value in state.items() if other != name}
        with pytest.raises(UsageError, match="lacks"):
            checkpoints.checkpoint_from_bytes(
                checkpoints.to_bytes(to_bytes(capsule), execution.cursor, missing)
            )
    _, point, *_ = (
        scratch  # a frame: yields passed, the yield at which it stands, then what is in sight there
    )
    (loop,) = [name for name in scratch if np.array_equal(state[name], np.zeros(ITEMS, np.int32))]
    for name, value in ((loop, 16), (loop, -1), (point, 2), (point, -2)):
        wrong = {**state, name: np.where(np.arange(ITEMS) == 5, np.int32(value), state[name])}
        with pytest.raises(UsageError, match="work-item"):
            checkpoints.checkpoint_from_bytes(
                checkpoints.to_bytes(to_bytes(capsule), execution.cursor, wrong)
            )
    with pytest.raises(UsageError, match="not wanted at its cursor"):
        checkpoints.checkpoint_from_bytes(checkpoints.to_bytes(to_bytes(capsule), START, state))
