"""Talking to a daemon."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import TracebackType

from exalift.base import Fields, UsageError

from .daemon import SOCKET
from .messages import ClosedError, Line
from .overview import Overview, overview_of
from .record import Record, record_of


def default_root() -> Path:
    """EXALIFT_ROOT, else `exalift` in the user's runtime folder, else `.exalift` at home."""
    told = os.environ.get("EXALIFT_ROOT")
    if told:
        return Path(told)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "exalift" if runtime else Path.home() / ".exalift"


class Client:
    """A connection to the daemon of a folder. Methods raise UsageError with the daemon's own words."""

    def __init__(self, root: Path, token: str | None = None) -> None:
        """The token is that of EXALIFT_TOKEN or of the folder, where None. Raises UsageError."""
        token = token or os.environ.get("EXALIFT_TOKEN")
        connection = socket.socket(socket.AF_UNIX)
        try:
            self._token = token or (root / "token").read_text().strip()
            connection.connect(str(root / SOCKET))
        except OSError as error:
            connection.close()
            raise UsageError(f"no daemon at {root} ({error}); start one: exalift serve") from error
        self._line = Line(connection)

    def ask(self, do: str, **fields: object) -> Fields:
        """Send a request; the answer's fields."""
        try:
            self._line.send({"do": do, "token": self._token, **fields})
            reply = self._line.receive("the answer")
        except ClosedError as error:
            raise UsageError("the daemon is gone") from error
        if not reply.truth("ok"):
            raise UsageError(reply.text("error", 1 << 16))
        return reply

    def submit(
        self,
        job: bytes,
        *,
        inputs: bytes = b"",
        seed: int = 0,
        device: str = "any",
        priority: str = "normal",
    ) -> Record:
        """Hand in a capsule or a checkpoint."""
        return record_of(
            self.ask("submit", job=job, inputs=inputs, seed=seed, device=device, priority=priority)
        )

    def jobs(self) -> tuple[Record, ...]:
        """The tenant's jobs, in the order in which they came."""
        return self.ask("ps").each("jobs", 1 << 20, record_of)

    def overview(self) -> Overview:
        """What the tenant may see of devices, jobs and quotas."""
        return overview_of(self.ask("overview"))

    def wait(self, job: str, seconds: int = 3600) -> Record:
        """The record when the job has ended, or after so long."""
        return record_of(self.ask("wait", job=job, seconds=seconds))

    def cancel(self, job: str) -> Record:
        return record_of(self.ask("cancel", job=job))

    def migrate(self, job: str, device: str) -> Record:
        """Move a running job; its record when it has made its first step there."""
        return record_of(self.ask("migrate", job=job, device=device))

    def result(self, job: str) -> bytes:
        """The results as an .npz file's bytes."""
        return self.ask("result", job=job).data("npz", 1 << 30)

    def checkpoint(self, job: str) -> bytes:
        return self.ask("checkpoint", job=job).data("checkpoint", 1 << 30)

    def close(self) -> None:
        self._line.connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
