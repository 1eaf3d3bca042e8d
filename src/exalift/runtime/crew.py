"""The worker processes: started when a device first gets a job, and again after they died."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from exalift.base import Fields, UsageError, as_integer
from exalift.capsule import Cursor, limits

from .messages import ClosedError, pack, receive


@dataclass(frozen=True, slots=True)
class Event:
    """What a worker said: `time` is a monotonic clock's, the same for all processes of the machine; `cursor`
    where the job is, if it said so; `inside` whether it stopped inside a kernel."""

    device: str
    what: str
    job: str = ""
    reason: str = ""
    steps: int = 0
    time: float = 0.0
    cursor: Cursor | None = None
    inside: bool = False


_ALLOCATOR = "GLIBC_TUNABLES"
_LARGE_PAGES = "glibc.malloc.hugetlb=1"


def worker_environment(given: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment: glibc asks for large pages, so that a device's new arrays, which are written
    whole at once, cost a fault each 2 MiB and not each 4 KiB. What is set for glibc already stays."""
    return {**given, _ALLOCATOR: given.get(_ALLOCATOR) or _LARGE_PAGES}


Listener = Callable[[Event], Awaitable[None]]


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    writer: asyncio.StreamWriter | None
    connection: socket.socket
    waiting: list[bytes]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Crew:
    """All workers, by device. They run compiled code of capsules that one of the `trusted` keys signed."""

    trusted: frozenset[bytes] = frozenset()
    workers: dict[str, _Worker] = field(default_factory=dict[str, _Worker])

    def send(self, device: str, message: Mapping[str, object], listener: Listener) -> None:
        """Give a worker a command; what it says goes to the listener, and its death, once, as "crashed"."""
        worker = self.workers.get(device)
        if worker is None:
            worker = self.workers[device] = self._start(device)
            worker.task = asyncio.get_running_loop().create_task(self._listen(device, worker, listener))
        data = pack(message)
        if worker.writer is None:
            worker.waiting.append(data)
        else:
            worker.writer.write(data)

    def pid(self, device: str) -> int:
        """The worker's process, 0 where there is none."""
        worker = self.workers.get(device)
        return worker.process.pid if worker else 0

    def _start(self, device: str) -> _Worker:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "exalift.runtime.worker", device, str(theirs.fileno())]
        command += sorted(key.hex() for key in self.trusted)
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=worker_environment(os.environ)
        )
        theirs.close()
        return _Worker(process, None, ours, [])

    async def _listen(self, device: str, worker: _Worker, listener: Listener) -> None:
        reader, writer = await asyncio.open_connection(sock=worker.connection)
        worker.writer = writer
        for data in worker.waiting:
            writer.write(data)
        worker.waiting.clear()
        reason = "it ended"
        try:
            while True:
                await listener(_event(device, await receive(reader, "an event", 1 << 20)))
        except ClosedError:
            pass
        except UsageError as error:
            reason = str(error)
        writer.close()
        if self.workers.get(device) is worker:
            del self.workers[device]
        worker.process.kill()
        status = await asyncio.to_thread(worker.process.wait)
        await listener(Event(device, "crashed", reason=f"{reason}, status {status}"))

    def close(self) -> None:
        """End all workers: they keep their jobs' states by themselves, and stop when their socket closes."""
        for worker in self.workers.values():
            if worker.task is not None:
                worker.task.cancel()
            worker.connection.close()
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.wait()
        self.workers.clear()


def _event(device: str, fields: Fields) -> Event:
    time = 0.0
    for name in ("time", "last_step"):
        value = fields.field(name) if fields.has(name) else None
        if isinstance(value, float):
            time = value
    return Event(
        device,
        fields.text("event", 32),
        fields.text("job", 64) if fields.has("job") else "",
        fields.text("reason", 1 << 16) if fields.has("reason") else "",
        fields.integer("steps", 0) if fields.has("steps") else 0,
        time,
        _cursor(fields) if fields.has("positions") else None,
        fields.truth("inside") if fields.has("inside") else False,
    )


def _cursor(fields: Fields) -> Cursor:
    """The place in the plan, without what is inside a kernel."""
    positions, counters = (
        tuple(as_integer(value, name) for value in fields.list(name, limits.DEPTH + 1))
        for name in ("positions", "counters")
    )
    if not positions or min(positions) < 0:
        raise UsageError("an event: a cursor has no positions, or one below 0")
    return Cursor(positions, counters)
