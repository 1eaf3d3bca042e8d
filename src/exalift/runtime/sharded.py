"""A capsule run by several processes as one, each of them on its own part of the arrays.

The work is done in a child (`sharded_worker`), since JAX ends a process whose peers fall silent: here that
becomes an error like any other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from exalift.base import DeviceError, UsageError, read_arrays, write_arrays
from exalift.capsule import Capsule
from exalift.devices import Array

from .state import State

SILENCE_SECONDS = 10
"""A process that is not heard of for so long counts as dead, and the others end with an error."""

JOIN_SECONDS = 60
"""How long processes wait for each other at the start."""

_LOG_LINES = 3
_MOST_PROCESSES = 1024


@dataclass(frozen=True, slots=True)
class Sharding:
    """Who works together, and how arrays of the state are split.

    axes: by an array's name, the axis along which it is split; the others are whole everywhere. None: each
    array along the first of its axes that falls into equal parts. coordinator: HOST:PORT, where process 0
    listens. Raises UsageError for numbers that make no sense.
    """

    coordinator: str
    processes: int
    process: int
    axes: Mapping[str, int] | None = None
    join_seconds: int = JOIN_SECONDS

    def __post_init__(self) -> None:
        host, colon, port = self.coordinator.rpartition(":")
        if not host or not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise UsageError(f"the coordinator must be HOST:PORT, got {self.coordinator!r}")
        if not 1 <= self.processes <= _MOST_PROCESSES:
            raise UsageError(f"there can be 1 to {_MOST_PROCESSES} processes, got {self.processes}")
        if not 0 <= self.process < self.processes:
            last = self.processes - 1
            raise UsageError(f"processes are numbered from 0 to {last}, and this one is to be {self.process}")
        if not 1 <= self.join_seconds <= 86400:
            raise UsageError(f"processes can wait for each other 1 to 86400 s, not {self.join_seconds}")


def check_axes(capsule: Capsule, axes: Mapping[str, int] | None) -> None:
    """Raise UsageError for arrays and axes that there are not."""
    known = {array.name: array.type for array in capsule.state}
    for name, axis in (axes or {}).items():
        if name not in known:
            raise UsageError(f"{capsule.name} has no array {name!r}; its arrays are {', '.join(known)}")
        rank = len(known[name].extents)
        if not 0 <= axis < rank:
            raise UsageError(f"{name} is {known[name]} and has no axis {axis}; axes count from 0")


def run_sharded(
    capsule: Capsule, sealed: bytes, state: State, sharding: Sharding, say: Callable[[str], None]
) -> Mapping[str, Array]:
    """Run the capsule together with the other processes; the results, whole, in each of them.

    sealed: the capsule's file. say: is told how it goes. Raises UsageError for arrays and axes that there are
    not or that do not divide; DeviceError where the others do not come, came with another job, or die.
    """
    check_axes(capsule, sharding.axes)
    with tempfile.TemporaryDirectory(prefix="exalift-") as name:
        folder = Path(name)
        (folder / "job.xcap").write_bytes(sealed)
        write_arrays(folder / "in.npz", state)
        (folder / "job.json").write_text(json.dumps(asdict(sharding)))
        status = _run_child(folder, say)
        if (folder / "error").exists():
            kind, _, message = (folder / "error").read_text().partition("\n")
            raise (UsageError if kind == "usage" else DeviceError)(message)
        if not (folder / "out.npz").exists():
            raise DeviceError(_reason(sharding, status, (folder / "log").read_text(errors="replace")))
        return read_arrays(folder / "out.npz")


def _run_child(folder: Path, say: Callable[[str], None]) -> int:
    """The child's status when it has ended. It ends with us, since its input ends then."""
    command = [sys.executable, "-m", "exalift.runtime.sharded_worker", str(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as child,
    ):
        try:
            assert child.stdout is not None
            for line in child.stdout:
                say(line.rstrip("\n"))
            return child.wait()
        finally:
            child.kill()


def _reason(sharding: Sharding, status: int, log: str) -> str:
    """Why a child ended without a word: JAX's own, where it left one."""
    if "Deadline" in log or "DEADLINE_EXCEEDED" in log:
        return (
            f"not all {sharding.processes} processes came to {sharding.coordinator} "
            f"within {sharding.join_seconds} s"
        )
    if "stopped sending heartbeats" in log or "JAX distributed service detected fatal errors" in log:
        return f"another process is dead, or was silent for {SILENCE_SECONDS} s"
    lines = [line for line in log.splitlines() if line.strip() and not line.lstrip().startswith("@")]
    return f"the process ended with status {status}: {' / '.join(lines[-_LOG_LINES:])[:1000]}"
