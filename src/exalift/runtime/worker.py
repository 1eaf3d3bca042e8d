"""A worker: the one process that uses one device, and the jobs on it as coroutines.

Jobs share the device by time: of those that can run, the one that has had least for its weight gets the next
piece (stride scheduling, Waldspurger and Weihl 1995). Compiling happens in a thread beside, so that a job
that arrives does not hold up those that run. Started as `python -m exalift.runtime.worker DEVICE FD`.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from exalift.base import ExaliftError, Fields, write_arrays
from exalift.capsule import Capsule, Cursor, Sealed, read_capsule
from exalift.devices import Device, Session, find_device, machine_codes
from exalift.devices.process import compute_in_the_calling_thread

from .codes import JobCodes
from .execution import Compiled, Execution, compile_routines, warm_up
from .messages import ClosedError, Line
from .state import results_of
from .state_file import StateFile

KEEP_SECONDS = 0.1
"""A slice, as far as crashes go: the state is kept at the first yield after this long at the latest ..."""

_KEEP_SHARE = 100
# ... or after this many times what keeping it took, where the state is large.
_PROGRESS_SECONDS = 0.2
_MOST_COMPILED = 8
"""Capsules whose compiled code is kept after their jobs have gone, since jobs come back."""


@dataclass(slots=True)
class _Job:
    """A job on this device, from being compiled to its end here."""

    name: str
    folder: Path
    weight: int
    sealed: Sealed
    compiled: Compiled | None = None
    wanted: bool = False
    leaving: bool = False
    execution: Execution | None = None
    pieces: Generator[Cursor] | None = None
    file: StateFile | None = None
    share: float = 0.0
    steps_before: int = 0
    kept: float = 0.0
    keep_cost: float = 0.0
    told: float = 0.0
    first_told: bool = False

    @property
    def capsule(self) -> Capsule:
        return self.sealed.capsule

    @property
    def sha256(self) -> str:
        return self.sealed.sha256

    @property
    def steps(self) -> int:
        return self.steps_before + (self.execution.steps if self.execution else 0)


@dataclass(slots=True)
class Worker:
    """See the module. `line` leads to the daemon; when it closes, the worker ends."""

    device: Device
    session: Session
    line: Line
    trusted: frozenset[bytes] = frozenset()
    jobs: dict[str, _Job] = field(default_factory=dict[str, _Job])
    _kept: dict[str, Compiled] = field(default_factory=dict[str, Compiled])
    _compiling: SimpleQueue[_Job] = field(default_factory=lambda: SimpleQueue[_Job]())
    _compiled: SimpleQueue[tuple[_Job, Compiled | str]] = field(
        default_factory=lambda: SimpleQueue[tuple[_Job, Compiled | str]]()
    )
    _wake: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)

    def run(self) -> None:
        """Serve until the daemon is gone."""
        threading.Thread(target=self._compile_jobs, daemon=True).start()
        with contextlib.suppress(ClosedError):
            self.line.send({"event": "ready"})
            while True:
                self._listen()
                self._take_compiled()
                job = self._next()
                if job is not None:
                    self._guarded(job, self._piece)

    def _next(self) -> _Job | None:
        running = [job for job in self.jobs.values() if job.pieces is not None]
        return min(running, key=lambda job: job.share, default=None)

    def _listen(self) -> None:
        """Take commands: all that wait, and if nothing runs, wait for one."""
        while True:
            timeout = 0.0 if self._next() is not None or not self._compiled.empty() else None
            ready, _, _ = select.select([self.line.connection, self._wake[0]], [], [], timeout)
            if self._wake[0] in ready:
                self._wake[0].recv(4096)
            if self.line.connection in ready:
                self._command(self.line.receive("a command"))
            else:
                return

    def _command(self, command: Fields) -> None:
        name, do = command.text("job"), command.text("do")
        if do in ("prepare", "start"):
            job = self.jobs.get(name)
            if job is None:
                folder = Path(command.text("folder"))
                try:
                    sealed = read_capsule(folder / "job.xcap")
                except (ExaliftError, OSError) as error:
                    self.line.send({"event": "failed", "job": name, "reason": str(error)})
                    return
                weight = command.integer("weight", 1, 1 << 16)
                job = self.jobs[name] = _Job(name, folder, weight, sealed)
                self._compiling.put(job)
            if do == "start":
                job.wanted = True
                if job.compiled is not None:
                    self._guarded(job, self._begin)
        elif name in self.jobs:
            job = self.jobs[name]
            if do == "keep":
                self._guarded(job, self._keep)
                self.line.send({"event": "kept", "job": name})
            elif do == "drop":
                self._drop(job)
            elif job.execution is not None and job.execution.cursor.kernel and not command.truth("inside"):
                # Where it goes, there are no kernels: it runs to the end of this one first.
                job.leaving = True
            else:
                self._guarded(job, self._leave)

    def _leave(self, job: _Job) -> None:
        """Keep the state for the next device, and let go."""
        last, inside = 0.0, False
        if job.execution is not None:
            last, inside = job.execution.last_step, bool(job.execution.cursor.kernel)
            self._keep(job)
        if job.compiled is not None and job.file is not None:
            # The next one waits for it, and not for the memory that goes back.
            job.file.unlock()
        self.line.send({"event": "yielded", "job": job.name, "last_step": last, "inside": inside})
        self._drop(job)

    def _drop(self, job: _Job) -> None:
        # The device's arrays first, since they may be the file's own memory.
        job.execution = job.pieces = None
        # While it is being compiled, the other thread has the file, and it is closed when that is done.
        if job.compiled is not None:
            self._drop_file(job)
        self.jobs.pop(job.name, None)

    def _compile_jobs(self) -> None:
        while True:
            job = self._compiling.get()
            outcome: Compiled | str
            try:
                job.file = StateFile(job.folder / "state", job.capsule, shared=True)
                job.file.fault_in()
                outcome = self._kept.get(job.sha256) or compile_routines(
                    job.capsule,
                    self.device,
                    self.session,
                    JobCodes.of(job.sealed, self.trusted, machine_codes()),
                )
            except (ExaliftError, OSError) as error:
                outcome = str(error)
            self._compiled.put((job, outcome))
            self._wake[1].send(b"x")

    def _take_compiled(self) -> None:
        while not self._compiled.empty():
            job, outcome = self._compiled.get()
            if self.jobs.get(job.name) is not job:
                self._drop_file(job)
            elif isinstance(outcome, str):
                self._drop_file(job)
                self._drop(job)
                self.line.send({"event": "unable", "job": job.name, "reason": outcome})
            else:
                job.compiled = outcome
                self._guarded(job, self._prepared)

    def _drop_file(self, job: _Job) -> None:
        if job.file is not None:
            job.file.close()

    def _prepared(self, job: _Job) -> None:
        """Everything is there that the job needs; it begins at once if it may."""
        assert job.compiled is not None
        if job.sha256 not in self._kept:
            warm_up(job.capsule, self.session, job.compiled)
        self._kept.pop(job.sha256, None)
        self._kept[job.sha256] = job.compiled
        for oldest in list(self._kept)[:-_MOST_COMPILED]:
            del self._kept[oldest]
        self.line.send({"event": "prepared", "job": job.name})
        if job.wanted:
            self._begin(job)

    def _fail(self, job: _Job, reason: str) -> None:
        self._drop(job)
        self.line.send({"event": "failed", "job": job.name, "reason": reason})

    def _guarded(self, job: _Job, action: Callable[[_Job], None]) -> None:
        try:
            action(job)
        except (ExaliftError, OSError) as error:
            self._fail(job, str(error))

    def _begin(self, job: _Job) -> None:
        assert job.compiled is not None and job.file is not None
        job.file.lock()
        saved = job.file.read(views=True)
        if saved is None:
            raise ExaliftError("the job has no state to begin with")
        # What is read stays as it is until the second `write`. By then an array has other contents and memory
        # of its own, or the same contents, which are written over themselves.
        job.execution = Execution.begin(
            job.capsule, self.session, job.compiled, saved.state, saved.cursor, shared=True
        )
        job.pieces = job.execution.pieces()
        job.steps_before = saved.steps
        job.kept = time.monotonic()
        # It begins where the others are: what it did not use while it was not here is not owed to it.
        others = [other.share for other in self.jobs.values() if other.pieces and other is not job]
        job.share = min(others, default=0.0)

    def _piece(self, job: _Job) -> None:
        execution = job.execution
        assert execution is not None and job.pieces is not None
        begun = time.monotonic()
        finished = next(job.pieces, None) is None
        now = time.monotonic()
        job.share += (now - begun) / job.weight
        if execution.first_step and not job.first_told:
            job.first_told = True
            self.line.send({"event": "first_step", "job": job.name, "time": execution.first_step})
        if finished:
            self._finish(job)
            return
        if job.leaving and not execution.cursor.kernel:
            self._leave(job)
            return
        if now - job.kept >= max(KEEP_SECONDS, _KEEP_SHARE * job.keep_cost):
            self._keep(job)
        if now - job.told >= _PROGRESS_SECONDS:
            job.told = now
            self._tell_progress(job, execution.cursor)

    def _tell_progress(self, job: _Job, cursor: Cursor) -> None:
        place = {"positions": cursor.positions, "counters": cursor.counters}
        self.line.send({"event": "progress", "job": job.name, "steps": job.steps, **place})

    def _keep(self, job: _Job) -> None:
        if job.execution is None or job.file is None:
            return
        # Time on the processor: what others had meanwhile would put the next one off a hundredfold.
        begun = time.thread_time()
        job.file.write(job.execution.cursor, job.execution.state(shared=True), job.steps)
        job.keep_cost = time.thread_time() - begun
        job.kept = time.monotonic()

    def _finish(self, job: _Job) -> None:
        assert job.execution is not None
        self._keep(job)
        write_arrays(job.folder / "result.npz", results_of(job.capsule, job.execution.state()))
        steps = job.steps
        self._drop(job)
        self.line.send({"event": "done", "job": job.name, "steps": steps})


def main() -> None:
    """Run the worker of a device: its name, the number of the socket that leads to the daemon, and the public
    keys, in hexadecimal, whose compiled code may be run."""
    compute_in_the_calling_thread()
    line = Line(socket.socket(fileno=int(sys.argv[2])))
    device = find_device(sys.argv[1])
    trusted = frozenset(bytes.fromhex(key) for key in sys.argv[3:])
    Worker(device, device.open(), line, trusted).run()
    # A compiler may be at work in the other thread, and must not see the interpreter go.
    os._exit(0)


if __name__ == "__main__":
    main()
