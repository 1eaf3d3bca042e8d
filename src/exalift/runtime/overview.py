"""What a tenant may see of the daemon, at one moment: `exalift top` and the web page show it.

docs/runtime.md has the fields of `as_fields`; scripts get them from `exalift top --json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from exalift.base import Fields, UsageError, as_text

from .policy import WEIGHTS, Quota, Room
from .progress import Level, Progress
from .record import Record, Status, record_of
from .tenants import Tenant

SCHEMA = 1
ENDED_JOBS = 100
"""Of the jobs that ended, so many of the latest are shown."""

MIGRATIONS = 64
"""Of a job's migrations, so many of the latest are shown."""

_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device; jobs, bytes of state and weight of all tenants together. up: whether its worker runs."""

    name: str
    kind: str
    up: bool
    jobs: int
    bytes: int
    weight: int

    def as_fields(self) -> dict[str, object]:
        return {
            "name": self.name,
            "kind": self.kind,
            "up": self.up,
            "jobs": self.jobs,
            "bytes": self.bytes,
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True)
class TenantView:
    """What a tenant uses, and may use."""

    name: str
    jobs: int
    bytes: int
    quota: Quota

    def as_fields(self) -> dict[str, object]:
        return {
            "name": self.name,
            "jobs": self.jobs,
            "bytes": self.bytes,
            "most_jobs": self.quota.jobs,
            "most_bytes": self.quota.bytes,
            "highest": self.quota.highest,
        }


@dataclass(frozen=True, slots=True)
class JobView:
    """A job. places: the devices that can run it. moving_to: where it is about to go, or empty.

    queue: its place among the jobs of all tenants that wait, from 1; 0 where it does not wait.
    moves: how many there were, of which the record has the latest.
    """

    record: Record
    places: tuple[str, ...] = ()
    moving_to: str = ""
    progress: Progress | None = None
    queue: int = 0
    moves: int = 0

    def as_fields(self) -> dict[str, object]:
        fields = self.record.as_fields()
        progress = self.progress
        fields |= {
            "places": list(self.places),
            "moving_to": self.moving_to,
            "queue": self.queue,
            "moves": self.moves,
            "progress": _progress_fields(progress) if progress else None,
        }
        return fields


@dataclass(frozen=True, slots=True)
class Overview:
    """The daemon as a tenant sees it, or (tenant "") anybody. time: Unix's seconds. unfinished and waiting
    count the jobs of all tenants."""

    time: float
    tenant: str
    oversees: bool
    room: Room
    unfinished: int
    waiting: int
    devices: tuple[DeviceView, ...]
    tenants: tuple[TenantView, ...]
    jobs: tuple[JobView, ...]

    def as_fields(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "schema": SCHEMA,
            "time_ms": round(self.time * 1e3),
            "tenant": self.tenant,
            "oversees": self.oversees,
            "room": {
                "jobs": self.room.jobs,
                "bytes": self.room.bytes,
                "unfinished": self.unfinished,
                "waiting": self.waiting,
            },
            "devices": [device.as_fields() for device in self.devices],
            "tenants": [tenant.as_fields() for tenant in self.tenants],
            "jobs": [job.as_fields() for job in self.jobs],
        }


@dataclass(frozen=True, slots=True)
class DaemonView:
    """All that the daemon knows. devices: name, kind, and whether the worker runs."""

    time: float
    room: Room
    devices: Sequence[tuple[str, str, bool]]
    tenants: Sequence[Tenant]
    jobs: Sequence[JobView]

    def seen_by(self, tenant: Tenant | None) -> Overview:
        """What a tenant may see: its own jobs, or all if it oversees; None sees the devices alone."""
        unfinished = [job.record for job in self.jobs if not job.record.status.is_end]
        waiting = _queue(unfinished)
        shown = [
            job
            for job in self.jobs
            if tenant is not None and (tenant.oversees or job.record.tenant == tenant.name)
        ]
        return Overview(
            self.time,
            tenant.name if tenant else "",
            tenant is not None and tenant.oversees,
            self.room,
            len(unfinished),
            len(waiting),
            tuple(_device_view(*device, unfinished) for device in self.devices),
            tuple(
                _tenant_view(other, unfinished)
                for other in self.tenants
                if tenant is not None and (tenant.oversees or other.name == tenant.name)
            ),
            tuple(_queued(job, waiting) for job in _latest(shown)),
        )


def _queue(unfinished: Iterable[Record]) -> list[str]:
    """The names of those that wait, in the order in which `policy.place` looks at them."""
    waiting = [record for record in unfinished if record.status is Status.WAITING]
    return [r.name for r in sorted(waiting, key=lambda r: (-WEIGHTS[r.priority], r.arrival))]


def _latest(jobs: Iterable[JobView]) -> list[JobView]:
    """All unfinished jobs, and the latest of the others; in order of arrival."""
    ordered = sorted(jobs, key=lambda job: job.record.arrival)
    ended = [job.record.name for job in ordered if job.record.status.is_end]
    dropped = set(ended[:-ENDED_JOBS])
    return [job for job in ordered if job.record.name not in dropped]


def _queued(job: JobView, waiting: Sequence[str]) -> JobView:
    record = job.record
    place = waiting.index(record.name) + 1 if record.name in waiting else 0
    migrations = record.migrations[-MIGRATIONS:]
    # A record changes while the daemon goes on; what is shown does not.
    kept = replace(record, migrations=migrations)
    return replace(job, record=kept, queue=place, moves=len(record.migrations))


def _device_view(name: str, kind: str, up: bool, unfinished: Iterable[Record]) -> DeviceView:
    there = [record for record in unfinished if record.device == name]
    weight = sum(WEIGHTS[record.priority] for record in there)
    return DeviceView(name, kind, up, len(there), sum(record.bytes for record in there), weight)


def _tenant_view(tenant: Tenant, unfinished: Iterable[Record]) -> TenantView:
    own = [record for record in unfinished if record.tenant == tenant.name]
    return TenantView(tenant.name, len(own), sum(record.bytes for record in own), tenant.quota)


def _progress_fields(progress: Progress) -> dict[str, object]:
    return {
        "done": progress.done,
        "total": progress.total,
        "share": progress.share,
        "rate": progress.rate,
        "step": progress.step,
        "steps": progress.steps,
        "levels": [
            {"name": level.name, "value": level.value, "first": level.first, "end": level.end}
            for level in progress.levels
        ],
    }


def overview_of(fields: Fields) -> Overview:
    """An overview from plain data. Raises UsageError, for one of another schema too."""
    if fields.integer("schema") != SCHEMA:
        raise UsageError("the daemon's overview is of another version of exalift")
    room = fields.object("room")
    return Overview(
        fields.integer("time_ms") / 1e3,
        fields.text("tenant"),
        fields.truth("oversees"),
        Room(room.integer("jobs"), room.integer("bytes")),
        room.integer("unfinished"),
        room.integer("waiting"),
        fields.each("devices", _MOST, _read_device),
        fields.each("tenants", _MOST, _read_tenant),
        fields.each("jobs", _MOST, _read_job),
    )


def _read_device(item: Fields) -> DeviceView:
    return DeviceView(
        item.text("name"),
        item.text("kind"),
        item.truth("up"),
        item.integer("jobs"),
        item.integer("bytes"),
        item.integer("weight"),
    )


def _read_tenant(item: Fields) -> TenantView:
    quota = Quota(item.integer("most_jobs"), item.integer("most_bytes"), item.text("highest"))
    return TenantView(item.text("name"), item.integer("jobs"), item.integer("bytes"), quota)


def _read_job(item: Fields) -> JobView:
    progress = _read_progress(item.object("progress")) if item.field("progress") is not None else None
    places = tuple(as_text(place, f"{item.what}: a place") for place in item.list("places"))
    return JobView(
        record_of(item),
        places,
        item.text("moving_to"),
        progress,
        item.integer("queue"),
        item.integer("moves"),
    )


def _read_progress(item: Fields) -> Progress:
    return Progress(
        item.number("done"),
        item.number("total"),
        item.number("rate"),
        item.integer("step"),
        item.integer("steps"),
        item.each("levels", _MOST, _read_level),
    )


def _read_level(item: Fields) -> Level:
    return Level(item.text("name"), item.integer("value"), item.integer("first"), item.integer("end"))
