"""Run by the tests in a process of its own: two of Ray's nodes on loopback, with a daemon each.

Usage: python cluster_session.py FOLDER. Ray's libraries start threads and warn at will, which no test of ours
should have to live with.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np
from daemon_process import running_daemon
from ray.cluster_utils import Cluster

from exalift.base import UsageError, read_arrays
from exalift.capsule import to_bytes, write_capsule
from exalift.cli import main
from exalift.devices import find_device
from exalift.runtime import random_state, results_of, run_to_end
from exalift.runtime.cluster.hosts import Hosts
from sample_capsules import mixing

LONG = mixing(rows=8, trips=1_000_000, n=64)
MEMORY = 100 << 20


def expect_error(words: str, action: object) -> None:
    try:
        action()  # type: ignore[operator]
    except UsageError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no error with {words!r}")


def check(address: str, folder: Path) -> None:
    assert main(["cluster", "join", "a", "--address", address, "--root", str(folder / "a")]) == 0
    with Hosts(address) as hosts:
        hosts.join("b", folder / "b")
        assert hosts.names() == ("a", "b")
        expect_error("already", lambda: hosts.join("b", folder / "b"))
        expect_error("letters", lambda: hosts.join("b/c", folder))
        expect_error("no host c", lambda: hosts.submit(("c", "any"), b"", priority="low"))
        expect_error("not a capsule", lambda: hosts.submit(("any", "any"), b"nonsense", priority="low"))
        # Jobs spread: the second goes to where the first is not.
        first = hosts.submit(("any", "any"), to_bytes(LONG), seed=1, priority="normal")
        second = hosts.submit(("any", "any"), to_bytes(LONG), seed=1, priority="normal")
        assert {first.split("/")[0], second.split("/")[0]} == {"a", "b"}
        host, job = first.split("/")
        expect_error("exalift migrate", lambda: hosts.move(host, job, (host, "any")))
        expect_error(
            "there is no job", lambda: hosts.move(host, "nothing", ("b" if host == "a" else "a", "any"))
        )
        await_start(hosts, host, job)
        move = hosts.move(host, job, ("b" if host == "a" else "a", "any"))
        assert hosts.wait(host, job, 0).status.value == "cancelled"
        print(f"moved in {move.seconds:.3f} s", flush=True)
        moved = move.name
    assert main(["cluster", "hosts", "--address", address]) == 0
    assert main(["cluster", "ps", "--address", address]) == 0
    out = folder / "out.npz"
    words = ["cluster", "result", moved, "--address", address, "--wait", "300", "-o", str(out)]
    assert main(words) == 0
    alone = results_of(LONG, run_to_end(LONG, find_device("xla"), random_state(LONG, 1)))
    got = read_arrays(out)
    assert got.keys() == alone.keys()
    for name, value in alone.items():
        np.testing.assert_array_equal(got[name], value)
    with Hosts(address) as hosts:
        hosts.leave("a")
        expect_error("no host a", lambda: hosts.wait("a", "x", 1))


def await_start(hosts: Hosts, host: str, job: str) -> None:
    for _ in range(1200):
        seen = hosts.overviews()[host]
        assert not isinstance(seen, str), seen
        if any(j.record.name == job and j.record.steps for j in seen.jobs):
            return
        time.sleep(0.1)
    raise AssertionError("the job did not start")


def session(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
    write_capsule(LONG, folder / "long.xcap")
    arguments = {"num_cpus": 1, "object_store_memory": MEMORY}
    head = {**arguments, "resources": {"exalift:a": 1}, "include_dashboard": False}
    with running_daemon(folder / "a", "xla-cpu"), running_daemon(folder / "b", "xla-cpu"):
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(**arguments, resources={"exalift:b": 1})
            check(cluster.address, folder)
        finally:
            cluster.shutdown()
    print("all is well", flush=True)


if __name__ == "__main__":
    session(Path(sys.argv[1]))
