"""Which host a job goes to, and how hosts, their devices and their jobs are named. Decisions only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exalift.base import UsageError


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A host: its devices, and its unfinished jobs of all tenants."""

    name: str
    devices: int
    unfinished: int


def in_order(loads: Iterable[HostLoad]) -> tuple[str, ...]:
    """The hosts to try, the one with the fewest jobs a device first; among equals by name."""
    able = [load for load in loads if load.devices]
    return tuple(load.name for load in sorted(able, key=lambda h: (h.unfinished / h.devices, h.name)))


def split_place(text: str) -> tuple[str, str]:
    """`HOST/DEVICE`, `HOST` or `any`, as a host (or "any") and a device (or "any"). Raises UsageError."""
    host, slash, device = text.partition("/")
    if not host or (slash and not device):
        raise UsageError(f"{text!r} is no place; say HOST, HOST/DEVICE or any")
    return host, device or "any"


def split_job(text: str) -> tuple[str, str]:
    """`HOST/JOB`, as both. Raises UsageError."""
    host, slash, job = text.partition("/")
    if not host or not slash or not job:
        raise UsageError(f"{text!r} is no job of the cluster; they are named HOST/JOB")
    return host, job
