"""The daemon: takes jobs from tenants over a Unix socket, and gives them to one worker process a device.

It runs nothing itself and keeps nothing in memory alone: every job has a folder with its capsule, its state
at the last yield, and its record, from which a daemon that was killed goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exalift.base import ExaliftError, Fields, UsageError
from exalift.capsule import START, Capsule, read_capsule
from exalift.devices import Device, list_devices

from .crew import Crew, Event
from .intake import Submission, checkpoint_of, read_submission
from .messages import ClosedError, pack, receive
from .overview import DaemonView, JobView
from .policy import WEIGHTS, Demand, Room, admit, place
from .progress import Meter
from .record import Migration, Record, Status, read_record
from .state import state_bytes
from .state_file import StateFile
from .tenants import Tenant, find_tenant, read_tenants

SOCKET = "socket"
_MOST_CRASHES = 3
"""So many workers may die in a row while they run a job, without a yield kept between ..."""

_MOST_CRASHES_IN_ALL = 100
# ... and so many at all: workers are there for others too.


@dataclass(slots=True)
class _Move:
    """A migration on its way."""

    destination: str
    begun: float
    prepared: float = 0.0
    last_step: float = 0.0
    inside: bool = False
    done: asyncio.Future[Migration] | None = None


@dataclass(slots=True)
class Daemon:
    """See the module. `devices` are those that are used, by name."""

    root: Path
    devices: Mapping[str, Device]
    tenants: tuple[Tenant, ...]
    room: Room
    records: dict[str, Record] = field(default_factory=dict[str, Record])
    capsules: dict[str, Capsule] = field(default_factory=dict[str, Capsule])
    moves: dict[str, _Move] = field(default_factory=dict[str, _Move])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    crew: Crew = field(default_factory=Crew)
    meters: dict[str, Meter] = field(default_factory=dict[str, Meter])
    stuck: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    unable: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    shunned: dict[str, str] = field(default_factory=dict[str, str])
    inside: set[str] = field(default_factory=set[str])
    kept: dict[str, asyncio.Future[None]] = field(default_factory=dict[str, "asyncio.Future[None]"])

    def folder(self, name: str) -> Path:
        return self.root / "jobs" / name

    def recover(self) -> None:
        """Take up what a daemon before left. Folders without a record were never answered for."""
        for folder in sorted((self.root / "jobs").iterdir()):
            try:
                record = read_record(folder)
                if not record.status.is_end:
                    self.capsules[record.name] = read_capsule(folder / "job.xcap").capsule
                    record.status, record.device = Status.WAITING, ""
                    self._look_up(record)
                self.records[record.name] = record
            except (ExaliftError, OSError):
                continue

    # Jobs and devices

    def _look_up(self, record: Record) -> int:
        """Note whether a job that runs nowhere stands inside a kernel; the number of yields kept so far."""
        file = StateFile(self.folder(record.name) / "state", self.capsules[record.name], shared=True)
        sequence, cursor = file.place()
        file.close()
        self._note_inside(record.name, bool(cursor.kernel))
        return sequence

    def _is_given_up(self, record: Record) -> bool:
        """Whether a job whose worker has just died, once more, is not to be given to another one."""
        try:
            sequence = self._look_up(record)
        except (ExaliftError, OSError):
            return True
        before, count = self.stuck.get(record.name, (0, 0))
        count = count + 1 if sequence == before else 1
        self.stuck[record.name] = (sequence, count)
        return count >= _MOST_CRASHES or record.crashes >= _MOST_CRASHES_IN_ALL

    def _note_inside(self, job: str, inside: bool) -> None:
        self.inside.discard(job)
        if inside:
            self.inside.add(job)

    def _able(self, capsule: Capsule, wanted: str, *, inside: bool = False) -> tuple[str, ...]:
        """The devices that can run a capsule, of those that are wanted.

        inside: from inside a kernel, where no device can that takes functions instead.
        """
        return tuple(
            name
            for name, device in self.devices.items()
            if wanted in ("any", name, device.kind)
            and not (inside and device.runs_functions)
            and all(
                (r.function is not None and device.runs_functions)
                or (r.kernel is not None and device.runs_kernels)
                for r in capsule.routines
            )
        )

    def _demand(self, record: Record) -> Demand:
        inside = record.name in self.inside
        able = self._able(self.capsules[record.name], record.wanted, inside=inside)
        able = tuple(name for name in able if name not in self.unable.get(record.name, ()))
        # Not where it has just crashed, if it can be elsewhere.
        able = tuple(name for name in able if name != self.shunned.get(record.name)) or able
        return Demand(record.name, record.tenant, record.priority, record.bytes, record.arrival, able)

    def _unfinished(self) -> list[Demand]:
        return [self._demand(record) for record in self.records.values() if not record.status.is_end]

    def schedule(self) -> None:
        """Put waiting jobs on devices, as the policy says."""
        demands = self._unfinished()
        running: dict[str, list[Demand]] = {name: [] for name in self.devices}
        for demand in demands:
            if device := self.records[demand.name].device:
                running[device].append(demand)
        waiting = [d for d in demands if self.records[d.name].status is Status.WAITING]
        for placement in place(waiting, running, self.room):
            record = self.records[placement.name]
            record.status, record.device = Status.RUNNING, placement.device
            record.keep(self.folder(record.name))
            self._tell(record, "start", placement.device)

    def _tell(self, record: Record, do: str, device: str) -> None:
        message = {
            "do": do,
            "job": record.name,
            "folder": str(self.folder(record.name)),
            "weight": WEIGHTS[record.priority],
            "inside": (move := self.moves.get(record.name)) is not None
            and not self.devices[move.destination].runs_functions,
        }
        self.crew.send(device, message, self._on_event)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    # What workers say

    async def _on_event(self, event: Event) -> None:
        """A worker's word about a job, or its end."""
        if event.what == "crashed":
            self._on_crash(event.device, event.reason)
        elif (record := self.records.get(event.job)) is not None and not record.status.is_end:
            self._on_job_event(record, event)
        self.schedule()
        await self._notify()

    def _on_job_event(self, record: Record, event: Event) -> None:
        move = self.moves.get(record.name)
        record.steps = max(record.steps, event.steps)
        if event.cursor is not None:
            self._meter(record).note(event.cursor, time.monotonic())
        match event.what:
            case "done":
                self._end(record, Status.DONE, "")
            case "failed" | "unable" if move and event.device == move.destination != record.device:
                self._end_move(record, UsageError(f"{event.device}: {event.reason}"))
            case "unable" if event.device == record.device:
                self._place_elsewhere(record, event.reason)
            case "failed":
                self._end(record, Status.FAILED, event.reason)
            case "prepared" if move is not None and event.device == move.destination:
                move.prepared = time.monotonic()
                self._tell(record, "yield", record.device)
            case "yielded" if move is not None and event.device == record.device:
                move.last_step, move.inside = event.time, event.inside
                source, record.device = record.device, move.destination
                self._tell(record, "start", record.device)
                record.keep(self.folder(record.name))
                record.reason = f"moving from {source}"
            case "first_step" if move is not None and event.device == record.device == move.destination:
                source = record.reason.removeprefix("moving from ")
                record.reason = ""
                downtime = event.time - move.last_step if move.last_step else 0.0
                prepared = move.prepared - move.begun
                done = Migration(source, move.destination, downtime, prepared, time.time(), move.inside)
                record.migrations.append(done)
                record.keep(self.folder(record.name))
                self._end_move(record, done)
            case "kept" if record.name in self.kept:
                self.kept.pop(record.name).set_result(None)
            case _:
                pass

    def _place_elsewhere(self, record: Record, reason: str) -> None:
        """A device cannot compile the job after all: it waits for another one that it may run on."""
        self.unable.setdefault(record.name, set()).add(record.device)
        record.status, record.device = Status.WAITING, ""
        if not self._demand(record).devices:
            self._end(record, Status.FAILED, reason)
        else:
            record.keep(self.folder(record.name))

    def _end(self, record: Record, status: Status, reason: str) -> None:
        record.status, record.device, record.reason = status, "", reason[: 1 << 12]
        record.ended = time.time()
        record.keep(self.folder(record.name))
        self._end_move(record, UsageError(f"the job is {status.value} before it could move"))
        if kept := self.kept.pop(record.name, None):
            kept.set_exception(UsageError(f"the job is {status.value}"))
        if status is not Status.DONE:
            (self.folder(record.name) / "state").unlink(missing_ok=True)

    def _end_move(self, record: Record, outcome: Migration | UsageError) -> None:
        move = self.moves.pop(record.name, None)
        if move is None or move.done is None or move.done.done():
            return
        if isinstance(outcome, UsageError):
            move.done.set_exception(outcome)
        else:
            move.done.set_result(outcome)

    def _on_crash(self, device: str, reason: str) -> None:
        """Jobs of a worker that died wait for a place again, elsewhere if there is one."""
        for record in self.records.values():
            move = self.moves.get(record.name)
            if move is not None and device in (move.destination, record.device):
                self._end_move(record, UsageError(f"the worker of {device} died ({reason})"))
            if record.device != device or record.status.is_end:
                continue
            record.crashes += 1
            if self._is_given_up(record):
                self._end(record, Status.FAILED, f"{record.crashes} workers died while they ran it: {reason}")
                continue
            record.status, record.device = Status.WAITING, ""
            able = self._able(self.capsules[record.name], "any", inside=record.name in self.inside)
            others = [name for name in able if name != device]
            if record.wanted != "any" and others:
                record.wanted = "any"
            self.shunned[record.name] = device
            record.keep(self.folder(record.name))

    # What tenants ask

    async def submit(self, tenant: Tenant, submission: Submission) -> Record:
        """A new job. Raises UsageError where there is no room for it."""
        capsule = submission.capsule
        size = state_bytes(capsule)
        arrival = 1 + max((record.arrival for record in self.records.values()), default=0)
        record = Record(
            secrets.token_hex(8),
            tenant.name,
            capsule.name,
            submission.priority,
            submission.device,
            size,
            arrival,
            submitted=time.time(),
        )
        inside = submission.cursor is not None and bool(submission.cursor.kernel)
        able = self._able(capsule, record.wanted, inside=inside)
        demand = Demand(record.name, record.tenant, record.priority, size, arrival, able)
        admit(demand, self._unfinished(), tenant.quota, self.room)
        folder = self.folder(record.name)
        folder.mkdir(mode=0o700)
        (folder / "job.xcap").write_bytes(submission.sealed)
        file = StateFile(folder / "state", capsule, create=True)
        file.write(submission.cursor or START, submission.state, 0)
        file.close()
        record.keep(folder)
        self.records[record.name], self.capsules[record.name] = record, capsule
        self._note_inside(record.name, inside)
        self.schedule()
        return record

    def job(self, tenant: Tenant, name: str) -> Record:
        """A tenant's own job; UsageError for another's, in the same words as for one that there is not."""
        record = self.records.get(name)
        if record is None or record.tenant != tenant.name:
            raise UsageError(f"there is no job {name[:40]}")
        return record

    async def cancel(self, record: Record) -> None:
        """End a job, whatever it does now."""
        if record.status.is_end:
            raise UsageError(f"the job is {record.status.value} already")
        if record.device:
            self._tell(record, "drop", record.device)
        if (move := self.moves.get(record.name)) is not None and move.destination != record.device:
            self._tell(record, "drop", move.destination)
        self._end(record, Status.CANCELLED, "")
        self.schedule()

    async def migrate(self, record: Record, destination: str) -> Migration:
        """Move a running job; ends when its first step there is done. Raises UsageError where it cannot."""
        able = self._able(self.capsules[record.name], "any") if not record.status.is_end else ()
        chosen = [name for name in able if destination in (name, self.devices[name].kind)]
        if record.status is not Status.RUNNING:
            raise UsageError(f"the job is {record.status.value}, and only a running one can move")
        if not chosen:
            raise UsageError(f"{destination} cannot run this job; it can go to {', '.join(able)}")
        if chosen[0] == record.device or record.name in self.moves:
            raise UsageError(f"the job is on {record.device} already, or on its way")
        future: asyncio.Future[Migration] = asyncio.get_running_loop().create_future()
        self.moves[record.name] = _Move(chosen[0], time.monotonic(), done=future)
        self._tell(record, "prepare", chosen[0])
        return await future

    async def checkpoint(self, record: Record) -> bytes:
        """The job as it stands at a yield point from now on, as a checkpoint file's bytes."""
        if record.device and not record.status.is_end and record.name not in self.moves:
            kept = self.kept.setdefault(record.name, asyncio.get_running_loop().create_future())
            self._tell(record, "keep", record.device)
            await kept
        return await asyncio.to_thread(checkpoint_of, self.folder(record.name))

    def _meter(self, record: Record) -> Meter:
        if record.name not in self.meters:
            self.meters[record.name] = Meter.of(self.capsules[record.name])
        return self.meters[record.name]

    def view(self) -> DaemonView:
        """All that is known now."""
        jobs: list[JobView] = []
        for record in self.records.values():
            if record.name not in self.capsules:
                jobs.append(JobView(record))
                continue
            move = self.moves.get(record.name)
            meter = self._meter(record)
            running = record.status is Status.RUNNING
            progress = meter.at_end() if record.status is Status.DONE else meter.progress(moving=running)
            places = self._able(self.capsules[record.name], "any") if not record.status.is_end else ()
            jobs.append(JobView(record, places, move.destination if move else "", progress))
        devices = [(name, d.kind, self.crew.pid(name) != 0) for name, d in self.devices.items()]
        return DaemonView(time.time(), self.room, devices, self.tenants, jobs)

    async def wait(self, record: Record, seconds: float) -> None:
        """Until the job ends, or for so long."""
        async with self.changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait_for(lambda: record.status.is_end), seconds)


async def answer(daemon: Daemon, request: Fields) -> dict[str, object]:
    """Do what a client asks. Raises UsageError for what cannot be done."""
    tenant = find_tenant(daemon.tenants, request.text("token", 256))
    do = request.text("do", 32)
    match do:
        case "submit":
            submission = await asyncio.to_thread(read_submission, request)
            return (await daemon.submit(tenant, submission)).as_fields()
        case "ps":
            own = [record for record in daemon.records.values() if record.tenant == tenant.name]
            return {"jobs": [record.as_fields() for record in sorted(own, key=lambda r: r.arrival)]}
        case "overview":
            return daemon.view().seen_by(tenant).as_fields()
        case "devices":
            rows = {name: daemon.crew.pid(name) for name in daemon.devices}
            return {"devices": [{"name": name, "worker": pid} for name, pid in rows.items()]}
        case _:
            pass
    record = daemon.job(tenant, request.text("job", 64))
    match do:
        case "cancel":
            await daemon.cancel(record)
            return record.as_fields()
        case "migrate":
            await daemon.migrate(record, request.text("device", 64))
            return record.as_fields()
        case "wait":
            await daemon.wait(record, request.integer("seconds", 0, 86400))
            return record.as_fields()
        case "result":
            if record.status is not Status.DONE:
                raise UsageError(f"the job is {record.status.value} {record.reason}".strip())
            return {"npz": await asyncio.to_thread((daemon.folder(record.name) / "result.npz").read_bytes)}
        case "checkpoint":
            return {"checkpoint": await daemon.checkpoint(record)}
        case _:
            raise UsageError(f"there is no request {do!r}")


async def _converse(daemon: Daemon, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client: requests and answers in turn. What a client says wrong ends only its own connection."""
    with contextlib.suppress(ClosedError, ConnectionError):
        while True:
            try:
                reply = {"ok": True, **await answer(daemon, await receive(reader, "a request"))}
            except (UsageError, OSError) as error:
                reply = {"ok": False, "error": str(error)}
            writer.write(pack(reply))
            await writer.drain()
    writer.close()


Beside = Callable[[Daemon], contextlib.AbstractAsyncContextManager[None]]
"""What is open as long as a daemon serves, such as its web page."""


async def serve(
    root: Path,
    names: tuple[str, ...] = (),
    room: Room | None = None,
    beside: Beside | None = None,
    trusted: frozenset[bytes] = frozenset(),
) -> None:
    """Serve until cancelled. `root` is the daemon's folder, `names` the devices to use (all, if none),
    `trusted` the public keys by which compiled code in capsules is to be signed, or else it is not used.

    Raises UsageError where another daemon has the folder, or no device is there.
    """
    (root / "jobs").mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    devices = {d.name: d for d in list_devices() if d.available and (not names or d.name in names)}
    if not devices or set(names) - devices.keys():
        raise UsageError(f"devices that are there: {', '.join(devices) or 'none'}")
    daemon = Daemon(root, devices, read_tenants(root), room or Room(), crew=Crew(trusted))
    daemon.recover()
    path = root / SOCKET
    await _refuse_second(path)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(lambda r, w: _converse(daemon, r, w), path)
    finally:
        os.umask(before)
    daemon.schedule()
    try:
        async with server, beside(daemon) if beside else contextlib.nullcontext():
            await server.serve_forever()
    finally:
        daemon.crew.close()


async def _refuse_second(path: Path) -> None:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_unix_connection(path)
        writer.close()
        raise UsageError(f"a daemon serves {path.parent} already")
