"""A daemon as a process of its own, for tests that talk to it and kill it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exalift.base import UsageError
from exalift.runtime.client import Client

PATIENCE = 120.0


@dataclass
class DaemonProcess:
    root: Path
    process: subprocess.Popen[bytes]

    def client(self, token: str | None = None) -> Client:
        return Client(self.root, token)

    def worker(self, device: str) -> int:
        """The process of a device's worker, 0 where there is none."""
        with self.client() as client:
            rows = client.ask("devices").list("devices")
        return next(row["worker"] for row in rows if isinstance(row, dict) and row["name"] == device)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start_daemon(root: Path, *devices: str, options: Sequence[str] = ()) -> DaemonProcess:
    command = [sys.executable, "-m", "exalift", "serve", "--quiet", "--root", str(root), *options]
    for device in devices:
        command += ["--device", device]
    environment = {**os.environ, "EXALIFT_TOKEN": ""}
    daemon = DaemonProcess(root, subprocess.Popen(command, env=environment))

    def answers() -> bool:
        assert daemon.process.poll() is None, "the daemon ended"
        try:
            daemon.client().close()
        except UsageError:
            return False
        return True

    wait_until(answers)
    return daemon


@contextmanager
def running_daemon(root: Path, *devices: str, options: Sequence[str] = ()) -> Iterator[DaemonProcess]:
    daemon = start_daemon(root, *devices, options=options)
    try:
        yield daemon
    finally:
        daemon.process.terminate()
        daemon.process.wait()


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
