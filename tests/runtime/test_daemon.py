"""The daemon as tenants meet it: jobs, moves while they run, crashes of workers and of itself."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from daemon_process import DaemonProcess, running_daemon, start_daemon, wait_until

from exalift.base import UsageError
from exalift.capsule import to_bytes
from exalift.devices import Array, find_device
from exalift.runtime import random_state, results_of, run_to_end
from exalift.runtime.client import Client
from exalift.runtime.record import Status
from exalift.runtime.state_file import StateFile
from sample_capsules import mixed, mixing, sorting

SHORT, LONG = mixing(), mixing(rows=3, trips=3_000_000, n=512)
FOREVER = to_bytes(mixing(rows=1 << 20, trips=1 << 40, n=64))
TENANTS = {"ada": "token of ada", "bob": "token of bob"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    root = tmp_path_factory.mktemp("daemon")
    rows = [
        {"name": n, "token_sha256": sha256(t.encode()).hexdigest(), "jobs": 3} for n, t in TENANTS.items()
    ]
    (root / "tenants.json").write_text(json.dumps({"tenants": rows}))
    (root / "token").write_text(TENANTS["ada"])
    with running_daemon(root, "xla-cpu", "iree-cpu") as found:
        with found.client() as client:
            # Workers take seconds to start, in which a long job may be over.
            for device in ("xla", "iree-cpu"):
                client.wait(client.submit(to_bytes(SHORT), device=device).name)
        yield found


@pytest.fixture(scope="module")
def long_results() -> dict[str, Array]:
    return results_of(LONG, run_to_end(LONG, find_device("xla"), random_state(LONG, 1)))


def arrays(data: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: np.asarray(archive[name]) for name in archive.files}


def check_results(client: Client, job: str, expected: dict[str, Array]) -> None:
    record = client.wait(job, 200)
    assert record.status is Status.DONE, record
    got = arrays(client.result(job))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def running(client: Client, job: str) -> bool:
    return any(r.name == job and r.status is Status.RUNNING and r.steps > 0 for r in client.jobs())


def test_a_job_gives_its_results(daemon: DaemonProcess, tmp_path: Path) -> None:
    x = np.arange(8, dtype=np.int32)
    np.savez(tmp_path / "in.npz", x=x)
    with daemon.client() as client:
        record = client.submit(to_bytes(SHORT), inputs=(tmp_path / "in.npz").read_bytes())
        check_results(client, record.name, mixed(x))


def test_a_running_job_moves_and_gives_the_same(
    daemon: DaemonProcess, long_results: dict[str, Array]
) -> None:
    with daemon.client() as client:
        endless = client.submit(FOREVER, seed=1, device="xla").name
        wait_until(lambda: running(client, endless))
        moves = [client.migrate(endless, device).migrations[-1] for device in ("iree-cpu", "xla")]
        assert [m.destination for m in moves] == ["iree-cpu", "xla-cpu"]
        assert all(move.downtime > 0 for move in moves)
        with pytest.raises(UsageError, match="already"):
            client.migrate(endless, "xla")
        with pytest.raises(UsageError, match="cannot run this job"):
            client.migrate(endless, "abacus")
        client.cancel(endless)
        move_and_end(client, client.submit(to_bytes(LONG), seed=1, device="xla").name, long_results)


def move_and_end(client: Client, job: str, expected: dict[str, Array]) -> None:
    """Move a job that has an end there and back, and look at its results. On a fast machine it may be over
    before a move, and then has to be right all the same."""
    wait_until(lambda: running(client, job) or client.wait(job, 0).status.is_end)
    for device in ("iree-cpu", "xla"):
        try:
            client.migrate(job, device)
        except UsageError as error:
            assert client.wait(job, 0).status is Status.DONE, error
    check_results(client, job, expected)


def test_a_checkpoint_goes_on_elsewhere(daemon: DaemonProcess, long_results: dict[str, Array]) -> None:
    with daemon.client() as client:
        # IREE takes minutes for so many short iterations, so that there is time for what follows.
        job = client.submit(to_bytes(LONG), seed=1, device="iree-cpu").name
        wait_until(lambda: running(client, job))
        data = client.checkpoint(job)
        client.cancel(job)
        with pytest.raises(UsageError, match="cancelled already"):
            client.cancel(job)
        with pytest.raises(UsageError, match="cancelled"):
            client.result(job)
        again = client.submit(data, device="xla").name
        check_results(client, again, long_results)
        broken = bytearray(data)
        broken[len(data) // 2] ^= 1
        with pytest.raises(UsageError, match="not the one that was written"):
            client.submit(bytes(broken))


def test_a_worker_that_dies_takes_no_job_with_it(
    daemon: DaemonProcess, long_results: dict[str, Array]
) -> None:
    with daemon.client() as client:
        job = client.submit(to_bytes(LONG), seed=1, device="xla").name
        wait_until(lambda: running(client, job))
        os.kill(daemon.worker("xla-cpu"), signal.SIGKILL)
        wait_until(lambda: any(r.name == job and r.device == "iree-cpu" for r in client.jobs()))
        # IREE takes minutes for so many short iterations.
        client.migrate(job, "xla")
        check_results(client, job, long_results)
        (record,) = [r for r in client.jobs() if r.name == job]
        assert record.crashes == 1


def test_tenants_know_nothing_of_each_other(daemon: DaemonProcess) -> None:
    with daemon.client(TENANTS["ada"]) as ada, daemon.client(TENANTS["bob"]) as bob:
        job = ada.submit(FOREVER).name
        assert not bob.jobs()
        for do in ("cancel", "result", "checkpoint", "wait"):
            with pytest.raises(UsageError, match="there is no job"):
                bob.ask(do, job=job, seconds=1)
        with pytest.raises(UsageError, match="there is no job"):
            bob.migrate(job, "iree-cpu")
        with daemon.client("a guess") as stranger, pytest.raises(UsageError, match="token"):
            stranger.jobs()
        own = [bob.submit(FOREVER).name for _ in range(3)]
        with pytest.raises(UsageError, match="quota: tenant bob has 3 jobs, of 3"):
            bob.submit(FOREVER)
        for name in own:
            bob.cancel(name)
        ada.cancel(job)
    assert (daemon.root / "socket").stat().st_mode & 0o077 == 0
    assert daemon.root.stat().st_mode & 0o077 == 0


def test_what_strangers_send_ends_nothing(daemon: DaemonProcess) -> None:
    generator = random.Random(5)
    for length in (0, 1, 4, 5, 40, 400):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(daemon.root / "socket"))
            connection.sendall(generator.randbytes(length))
    with daemon.client() as client:
        plain = {"inputs": b"", "seed": 0, "device": "any", "priority": "low"}
        for fields in ({"job": b"nonsense"}, {"job": 5}, {"job": b"", "inputs": b"no npz"}, {}):
            with pytest.raises(UsageError):
                client.ask("submit", **{**plain, **fields})
        with pytest.raises(UsageError, match=r"not an \.npz file"):
            client.submit(to_bytes(SHORT), inputs=b"PK no npz")
        with pytest.raises(UsageError, match="no request"):
            client.ask("dance", job=client.submit(to_bytes(SHORT)).name)
        with pytest.raises(UsageError, match="there is no job"):
            client.ask("cancel", job="../../etc/passwd")


def test_one_folder_has_one_daemon(daemon: DaemonProcess) -> None:
    command = [sys.executable, "-m", "exalift", "serve", "--root", str(daemon.root), "--device", "xla-cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "already" in done.stderr


def kill_often(root: Path, kills: int, expected: dict[str, Array]) -> None:
    """Kill the daemon, or the worker that runs the job, at random moments; nothing that was kept is ever
    lost, and the job ends right."""
    generator = random.Random(kills)
    daemon = start_daemon(root, "xla-cpu")
    with daemon.client() as client:
        job = client.submit(to_bytes(LONG), seed=1).name
    kept = 0
    for number in range(kills):
        wait_until(lambda: generator.random() < 0.02)
        if number % 2:
            with daemon.client() as client:
                # A worker that has kept nothing yet since the last kill would count as one more in a row.
                wait_until(
                    lambda before=kept, client=client: (
                        kept_so_far(root, job) > before or client.wait(job, 0).status.is_end
                    )
                )
            if worker := daemon.worker("xla-cpu"):
                os.kill(worker, signal.SIGKILL)
        else:
            daemon.kill()
            daemon = start_daemon(root, "xla-cpu")
        now = kept_so_far(root, job)
        assert now >= kept
        kept = now
    with daemon.client() as client:
        check_results(client, job, expected)
        (record,) = client.jobs()
        print(f"{kills} kills, {record.crashes} of them of workers that ran the job, {kept} yields kept")
    daemon.kill()


def kept_so_far(root: Path, job: str) -> int:
    """How many yields of the job were kept."""
    file = StateFile(root / "jobs" / job / "state", LONG, shared=True)
    sequence, _ = file.place()
    file.close()
    return sequence


def test_a_device_that_cannot_compile_a_job_is_left_for_another(tmp_path: Path) -> None:
    """The native device takes tensor functions, but none that sort."""
    with running_daemon(tmp_path, "native", "xla-cpu") as daemon, daemon.client() as client:
        busy = client.submit(FOREVER, device="xla").name
        wait_until(lambda: running(client, busy))
        x = np.array([5, 3, 8, 1, 7, 2, 6, 4], dtype=np.int32)
        np.savez(tmp_path / "in.npz", x=x)
        job = client.submit(to_bytes(sorting()), inputs=(tmp_path / "in.npz").read_bytes()).name
        check_results(client, job, {"x": np.sort(x)})
        refused = client.wait(client.submit(to_bytes(sorting()), device="native").name, 200)
        assert refused.status is Status.FAILED and "native cannot run" in refused.reason


def test_a_killed_daemon_goes_on(tmp_path: Path, long_results: dict[str, Array]) -> None:
    kill_often(tmp_path, 2, long_results)


@pytest.mark.slow
def test_daemons_and_workers_killed_dozens_of_times_go_on(
    tmp_path: Path, long_results: dict[str, Array]
) -> None:
    kill_often(tmp_path, 48, long_results)
