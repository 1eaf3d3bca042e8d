"""Several hosts' daemons as one: placement, and two of Ray's nodes on loopback."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exalift.base import UsageError
from exalift.cli import main
from exalift.runtime.cluster import HostLoad, in_order, split_job, split_place

TESTS = Path(__file__).parents[2]
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install ray")


def test_the_host_with_the_fewest_jobs_a_device_is_first() -> None:
    loads = [HostLoad("c", 1, 1), HostLoad("b", 4, 3), HostLoad("a", 2, 2), HostLoad("none", 0, 0)]
    assert in_order(loads) == ("b", "a", "c")
    assert in_order([]) == ()


def test_places_and_jobs_are_named() -> None:
    assert split_place("any") == ("any", "any")
    assert split_place("a") == ("a", "any")
    assert split_place("a/xla-cpu") == ("a", "xla-cpu")
    assert split_job("a/12") == ("a", "12")
    for text in ("", "/", "a/", "/x"):
        with pytest.raises(UsageError):
            split_place(text)
    for text in ("", "a", "a/", "/12"):
        with pytest.raises(UsageError):
            split_job(text)


@needs_ray
def test_where_no_ray_is_there_is_a_word_and_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "exalift", "cluster", "ps", "--address", "127.0.0.1:9"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2 and "no Ray cluster at 127.0.0.1:9" in done.stderr
    assert main(["cluster", "--help"]) == 0
    assert main(["cluster"]) == 2


@needs_ray
def test_two_hosts_share_and_move_jobs(tmp_path: Path) -> None:
    paths = [TESTS, TESTS / "runtime", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "EXALIFT_TOKEN": ""}
    script = Path(__file__).with_name("cluster_session.py")
    # Ray's sockets lie in its folder, and their names may not be long.
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert "all is well" in done.stdout
