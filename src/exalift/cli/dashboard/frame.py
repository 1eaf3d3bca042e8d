"""What is shown of an overview, as rich's renderables: one frame for scripts, or the parts of the screen."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exalift.runtime.overview import JobView, Overview
from exalift.runtime.record import Migration, Status

from .figures import bar, count, duration, percent, plain, size

BAR_CELLS = 12
MOVES_SHOWN = 12

_STYLES = {
    Status.WAITING: "yellow",
    Status.RUNNING: "bold green",
    Status.DONE: "dim",
    Status.FAILED: "bold red",
    Status.CANCELLED: "dim red",
}

JOB_COLUMNS = ("job", "program", "status", "device", "progress", "at", "rate", "left", "moves")
"""The columns of jobs; the tenant comes after the program for who oversees."""

RIGHT = frozenset({"rate", "left", "moves"})


def headline(seen: Overview) -> Text:
    """One line: who looks, and how full the daemon is."""
    line = Text("exalift", style="bold cyan", end="")
    parts = [f"tenant {plain(seen.tenant)}" + (" (sees all)" if seen.oversees else "")]
    own = next((tenant for tenant in seen.tenants if tenant.name == seen.tenant), None)
    if own is not None:
        parts.append(f"{own.jobs} of {own.quota.jobs} jobs")
        parts.append(f"{size(own.bytes)} of {size(own.quota.bytes)}")
        parts.append(f"priority up to {own.quota.highest}")
    parts.append(f"all tenants: {seen.unfinished} of {seen.room.jobs} jobs, {seen.waiting} waiting")
    parts.append(time.strftime("%H:%M:%S", time.localtime(seen.time)))
    line.append("  " + " · ".join(parts), style="not bold default")
    return line


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return table


def devices_table(seen: Overview) -> Table:
    """Every device, with what all tenants together have on it."""
    table = _table("device", "worker", "jobs", "weight", "state", "room", right=("jobs", "weight", "state"))
    for device in seen.devices:
        share = device.bytes / seen.room.bytes if seen.room.bytes else 0.0
        table.add_row(
            Text(plain(device.name), "bold" if device.jobs else ""),
            Text("up", "green") if device.up else Text("not started", "dim"),
            str(device.jobs),
            str(device.weight),
            size(device.bytes),
            Text(bar(share, 8), "cyan on grey23"),
        )
    return table


def tenants_table(seen: Overview) -> Table:
    """Tenants, what they use, and what they may."""
    table = _table("tenant", "jobs", "state", "priority", right=("jobs", "state"))
    for tenant in seen.tenants:
        table.add_row(
            Text(plain(tenant.name), "bold" if tenant.name == seen.tenant else ""),
            f"{tenant.jobs} of {tenant.quota.jobs}",
            f"{size(tenant.bytes)} of {size(tenant.quota.bytes)}",
            tenant.quota.highest,
        )
    return table


def moves_table(seen: Overview) -> Table:
    """The latest migrations of all jobs that are seen, newest first."""
    moves = [(move, job) for job in seen.jobs for move in job.record.migrations]
    moves.sort(key=lambda pair: -pair[0].at)
    table = _table("migration", "from", "to", "down", "prepared", "ago", right=("down", "prepared", "ago"))
    for move, job in moves[:MOVES_SHOWN]:
        table.add_row(
            plain(job.record.name),
            plain(move.source),
            plain(move.destination),
            duration(move.downtime),
            _preparation(move),
            duration(max(0.0, seen.time - move.at)) if move.at else "",
        )
    if not moves:
        table.add_row(Text("none yet", "dim"))
    return table


def _preparation(move: Migration) -> Text:
    kind = Text("warm ", "green") if move.warm else Text("cold ", "yellow")
    return kind.append(duration(move.preparation), "default")


def job_columns(seen: Overview) -> tuple[str, ...]:
    """The columns of `jobs_rows`."""
    return (*JOB_COLUMNS[:2], "tenant", *JOB_COLUMNS[2:]) if seen.oversees else JOB_COLUMNS


def jobs_rows(seen: Overview) -> tuple[tuple[str, tuple[Text, ...]], ...]:
    """Each job's name, and its cells: those that run first, then those that wait, then those that ended."""
    return tuple((job.record.name, _cells(job, seen)) for job in sorted(seen.jobs, key=_order))


def _order(job: JobView) -> tuple[int, int]:
    record = job.record
    if record.status.is_end:
        return 2, -record.arrival
    return (1, job.queue) if record.status is Status.WAITING else (0, record.arrival)


def _cells(job: JobView, seen: Overview) -> tuple[Text, ...]:
    record, progress = job.record, job.progress
    where = plain(record.device) or "-"
    if job.moving_to:
        where += f" → {plain(job.moving_to)}"
    cells = [Text(record.name), Text(plain(record.program, 24))]
    if seen.oversees:
        cells.append(Text(plain(record.tenant, 24)))
    cells += [_status(job), Text(where, "magenta" if job.moving_to else "")]
    if progress is None:
        cells += [Text("-", "dim"), Text(), Text(), Text()]
    else:
        shown = Text().append(bar(progress.share, BAR_CELLS), "green on grey23")
        shown.append(f" {percent(progress.share):>6}")
        left = (progress.total - progress.done) / progress.rate if progress.rate else 0.0
        cells += [
            shown,
            Text(_place(job), "dim"),
            Text(f"{count(progress.rate)}/s" if progress.rate else ""),
            Text(duration(left) if progress.rate and progress.share < 1 else ""),
        ]
    cells.append(Text(str(job.moves) if job.moves else "", "cyan"))
    return tuple(cells)


def _status(job: JobView) -> Text:
    record = job.record
    word = record.status.value
    if record.status is Status.WAITING:
        word += f" #{job.queue}"
    return Text(word, _STYLES[record.status])


def _place(job: JobView) -> str:
    """Where the cursor is: the step, and the loops around."""
    progress = job.progress
    if progress is None or job.record.status.is_end:
        return ""
    parts = [f"step {min(progress.step + 1, progress.steps)} of {progress.steps}"]
    parts += [f"{plain(level.name, 16)} {count(level.value)}/{count(level.end)}" for level in progress.levels]
    return " ".join(parts)


def details(job: JobView, seen: Overview) -> Group:
    """All that is known of one job."""
    record, progress = job.record, job.progress
    lines = [
        f"{record.name}  {plain(record.program)}",
        f"tenant {plain(record.tenant)} · priority {record.priority} · state {size(record.bytes)}",
        f"{record.status.value} on {plain(record.device) or '-'}, asked for {plain(record.wanted)}",
        f"can run on {', '.join(map(plain, job.places)) or '-'}",
        f"{record.steps} pieces, {record.crashes} workers died while they ran it",
    ]
    if record.submitted:
        lines.append(f"submitted {duration(max(0.0, seen.time - record.submitted))} ago")
    if record.reason:
        lines.append(f"reason: {plain(record.reason, 2000)}")
    if progress is not None:
        lines.append(
            f"{count(progress.done)} of {count(progress.total)} iterations, {percent(progress.share)}"
        )
        lines.append(_place(job))
        lines += [
            f"  {plain(level.name)} = {level.value:,} of {level.first:,} to {level.end:,}"
            for level in progress.levels
        ]
    lines.append("")
    return Group(Text("\n".join(lines)), moves_table(replace(seen, jobs=(job,))))


def frame(seen: Overview) -> RenderableType:
    """Everything, once."""
    jobs = _table(*job_columns(seen), right=RIGHT)
    for _, cells in jobs_rows(seen):
        jobs.add_row(*cells)
    parts: list[RenderableType] = [headline(seen), Text(), devices_table(seen), Text(), jobs]
    if not seen.jobs:
        parts.append(Text("no jobs; give one: exalift submit job.xcap", "dim"))
    parts += [Text(), moves_table(seen), Text(), tenants_table(seen)]
    return Group(*parts)
