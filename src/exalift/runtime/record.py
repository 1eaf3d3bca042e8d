"""What is known of a job, kept in its folder so that it outlives the daemon."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from exalift.base import Fields, UsageError, write_atomically

WARM_SECONDS = 0.05
"""A move that was prepared within this was a warm one."""


class Status(Enum):
    """Where a job is. The last three are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        return self in (Status.DONE, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Migration:
    """A move. Seconds from the last step completed at the source to the first completed at the destination,
    and of preparing the destination before, while the job went on; `at` is when it ended, in Unix's seconds,
    0 where nobody noted it. inside: whether the job was in the middle of a kernel."""

    source: str
    destination: str
    downtime: float
    preparation: float
    at: float = 0.0
    inside: bool = False

    @property
    def warm(self) -> bool:
        """Whether nothing had to be started or compiled for it, as far as the time it took can tell."""
        return self.preparation < WARM_SECONDS


@dataclass(slots=True)
class Record:
    """A job's record. `device` is where it is, empty while it waits; `wanted` a device's name, or "any".
    submitted and ended: Unix's seconds, 0 where that is not known or not so yet."""

    name: str
    tenant: str
    program: str
    priority: str
    wanted: str
    bytes: int
    arrival: int
    status: Status = Status.WAITING
    device: str = ""
    steps: int = 0
    crashes: int = 0
    reason: str = ""
    submitted: float = 0.0
    ended: float = 0.0
    migrations: list[Migration] = field(default_factory=list[Migration])

    def as_fields(self) -> dict[str, object]:
        """The record as plain data, as files hold it and clients get it."""
        return {
            "name": self.name,
            "tenant": self.tenant,
            "program": self.program,
            "priority": self.priority,
            "wanted": self.wanted,
            "bytes": self.bytes,
            "arrival": self.arrival,
            "status": self.status.value,
            "device": self.device,
            "steps": self.steps,
            "crashes": self.crashes,
            "reason": self.reason,
            "submitted_ms": round(self.submitted * 1e3),
            "ended_ms": round(self.ended * 1e3),
            "migrations": [
                {
                    "source": move.source,
                    "destination": move.destination,
                    "downtime_us": round(move.downtime * 1e6),
                    "preparation_us": round(move.preparation * 1e6),
                    "at_ms": round(move.at * 1e3),
                    "warm": move.warm,
                    "inside": move.inside,
                }
                for move in self.migrations
            ],
        }

    def keep(self, folder: Path) -> None:
        """Write it. Raises OSError."""
        write_atomically(folder / "record.json", json.dumps(self.as_fields(), indent=1) + "\n")


def read_record(folder: Path) -> Record:
    """Raises UsageError for a file that is no record, OSError."""
    try:
        content: object = json.loads((folder / "record.json").read_bytes())
    except ValueError as error:
        raise UsageError(f"{folder} has no record: {error}") from error
    return record_of(Fields(content, str(folder)))


def record_of(fields: Fields) -> Record:
    """A record from plain data. Raises UsageError."""
    status = fields.text("status")
    if status not in {known.value for known in Status}:
        raise UsageError(f"{fields.what}: there is no status {status!r}")
    record = Record(
        fields.text("name"),
        fields.text("tenant"),
        fields.text("program"),
        fields.text("priority"),
        fields.text("wanted"),
        fields.integer("bytes"),
        fields.integer("arrival"),
        Status(status),
        fields.text("device"),
        fields.integer("steps"),
        fields.integer("crashes"),
        fields.text("reason", 1 << 16),
        _seconds(fields, "submitted_ms"),
        _seconds(fields, "ended_ms"),
        list(fields.each("migrations", 1 << 20, _migration)),
    )
    return record


def _migration(item: Fields) -> Migration:
    return Migration(
        item.text("source"),
        item.text("destination"),
        item.integer("downtime_us") / 1e6,
        item.integer("preparation_us") / 1e6,
        _seconds(item, "at_ms"),
        item.truth("inside") if item.has("inside") else False,
    )


def _seconds(fields: Fields, name: str) -> float:
    """A time in milliseconds, in seconds; 0 in records from before there were times."""
    return fields.integer(name) / 1e3 if fields.has(name) else 0.0
