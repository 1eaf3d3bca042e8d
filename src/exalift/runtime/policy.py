"""Who may run what, and where: quotas, priorities, and what happens when there is no room.

Decisions only, made of plain values; `daemon` acts on them. docs/runtime.md says the same in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exalift.base import UsageError

WEIGHTS: Mapping[str, int] = {"low": 1, "normal": 4, "high": 16}
"""A job's share of its device's time, against the others on it, by its priority."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What one tenant may have at a time. bytes: of state, all unfinished jobs together."""

    jobs: int = 16
    bytes: int = 4 << 30
    highest: str = "high"


@dataclass(frozen=True, slots=True)
class Room:
    """What the daemon takes. bytes: of state on one device; jobs: unfinished ones of all tenants together,
    those that wait included."""

    jobs: int = 256
    bytes: int = 8 << 30


@dataclass(frozen=True, slots=True)
class Demand:
    """A job, as far as placing it is concerned. `devices` are those that may run it, in order."""

    name: str
    tenant: str
    priority: str
    bytes: int
    arrival: int
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A job that is to be put on a device."""

    name: str
    device: str


def admit(demand: Demand, unfinished: Sequence[Demand], quota: Quota, room: Room) -> None:
    """Raise UsageError, which says what is exceeded, where a job may not even wait."""
    if demand.priority not in WEIGHTS:
        raise UsageError(f"there is no priority {demand.priority!r}; there are {', '.join(WEIGHTS)}")
    if WEIGHTS[demand.priority] > WEIGHTS[quota.highest]:
        raise UsageError(f"tenant {demand.tenant} may ask for priority {quota.highest} at most")
    if not demand.devices:
        raise UsageError("no device here can run this capsule")
    if demand.bytes > room.bytes:
        raise UsageError(f"the state takes {demand.bytes} bytes; a device here takes {room.bytes}")
    if len(unfinished) >= room.jobs:
        raise UsageError(f"full: {len(unfinished)} jobs run or wait, of {room.jobs}; try again later")
    own = [other for other in unfinished if other.tenant == demand.tenant]
    if len(own) >= quota.jobs:
        raise UsageError(f"quota: tenant {demand.tenant} has {len(own)} jobs, of {quota.jobs}")
    held = sum(other.bytes for other in own)
    if held + demand.bytes > quota.bytes:
        raise UsageError(
            f"quota: the jobs of tenant {demand.tenant} would take {held + demand.bytes} bytes of state, "
            f"of {quota.bytes}"
        )


def place(
    waiting: Iterable[Demand], running: Mapping[str, Sequence[Demand]], room: Room
) -> tuple[Placement, ...]:
    """Where waiting jobs go now: the highest priority first, among equals who came first.

    A job goes to the device with the least weight on it of those that can run it and have room for its
    state. A job that finds no room waits, and does not hold up smaller ones behind it.
    """
    load = {device: sum(WEIGHTS[job.priority] for job in jobs) for device, jobs in running.items()}
    held = {device: sum(job.bytes for job in jobs) for device, jobs in running.items()}
    found: list[Placement] = []
    for job in sorted(waiting, key=lambda job: (-WEIGHTS[job.priority], job.arrival)):
        fitting = [d for d in job.devices if held.get(d, 0) + job.bytes <= room.bytes]
        if fitting:
            device = min(fitting, key=lambda d: load.get(d, 0))
            load[device] = load.get(device, 0) + WEIGHTS[job.priority]
            held[device] = held.get(device, 0) + job.bytes
            found.append(Placement(job.name, device))
    return tuple(found)
