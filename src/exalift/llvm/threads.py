"""A team of threads that run one compiled function together.

The workers wait inside compiled code, so that a start costs about a microsecond while they are awake
and no interpreter lock is taken. Whoever waits spins for a while and then sleeps (`waiting`).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exalift.base import UsageError

from .jit import Library, compile_text
from .target import host_target
from .waiting import (
    BARRIER_BYTES,
    BARRIER_OFFSET,
    CORE_OFFSET,
    MOVABLE_OFFSET,
    NUMBERS_OFFSET,
    SPIN_OFFSET,
    TEAM_OFFSET,
    THREADS_OFFSET,
    can_sleep,
    team_text,
    waiting_text,
)

_SPIN_US = 300
"""For how long a thread that waits spins, in microseconds. Waking one that sleeps takes 30 to 100."""


@cache
def _runtime() -> Library:
    target = host_target()
    names = ("exalift_launch", "exalift_work")
    return compile_text(waiting_text(target.triple) + team_text(), names, target)


def _cores() -> int:
    """How many cores the affinity mask has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_threads() -> int:
    """How many threads may be used: EXALIFT_THREADS, at most as many as the affinity mask has cores.

    UsageError where the variable is no positive number.
    """
    cores = _cores()
    asked = os.environ.get("EXALIFT_THREADS", "")
    if not asked:
        return cores
    if not asked.isdecimal() or int(asked) < 1:
        raise UsageError(f"EXALIFT_THREADS must be a positive number, not {asked!r}")
    return min(cores, int(asked))


def can_use_threads() -> bool:
    """Whether waiting threads can sleep here: a team needs futexes."""
    return can_sleep(host_target().triple)


def spin_microseconds() -> int:
    """For how long a thread that waits spins before it sleeps: EXALIFT_SPIN, in microseconds.

    UsageError where the variable is no whole number.
    """
    asked = os.environ.get("EXALIFT_SPIN", "")
    if not asked:
        return _SPIN_US
    if not asked.isdecimal():
        raise UsageError(f"EXALIFT_SPIN must be a number of microseconds, not {asked!r}")
    return int(asked)


def _aligned(size: int) -> NDArray[np.uint8]:
    """Zeros that begin at a cache line."""
    store = np.zeros(size + 64, np.uint8)
    shift = -store.ctypes.data % 64
    return store[shift : shift + size]


@dataclass(slots=True)
class Team:
    """`threads` threads, of which the caller of `run` is one; the others live until the process ends.

    A compiled function for a team is `void f(i64 thread, i64 threads, ptr arguments, ptr barrier)`;
    all threads must call the barrier equally often. Threads that wait spin (`spin_microseconds`) and then
    sleep; where there are more of them than cores, they sleep at once. Where every thread can have a core,
    the workers are kept off the one that the caller runs on.
    """

    threads: int
    _block: NDArray[np.uint8] = field(init=False)
    _place: ctypes.c_void_p = field(init=False)
    _launch: ctypes._NamedFuncPointer = field(init=False)  # pyright: ignore[reportPrivateUsage]
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        enough = self.threads <= _cores()
        size = NUMBERS_OFFSET + 4 * self.threads
        self._block = _aligned(size)
        self._place = ctypes.c_void_p(self._block.ctypes.data)
        self._set(THREADS_OFFSET, np.int64, self.threads)
        self._set(CORE_OFFSET, np.int32, -1)
        self._set(BARRIER_OFFSET + SPIN_OFFSET, np.int64, 1000 * spin_microseconds() if enough else 0)
        self._set(BARRIER_OFFSET + TEAM_OFFSET, np.int64, self._block.ctypes.data)
        runtime = _runtime()
        pointer = ctypes.c_void_p
        launch = ctypes.CFUNCTYPE(None, pointer, pointer, pointer)
        self._launch = launch(runtime.address("exalift_launch"))  # pyright: ignore[reportAttributeAccessIssue]
        work = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int64)(runtime.address("exalift_work"))
        for number in range(1, self.threads):
            # A daemon, since it waits in compiled code for work that need never come.
            name = f"exalift-{number}"
            worker = threading.Thread(
                target=work, args=(self._block.ctypes.data, number), name=name, daemon=True
            )
            worker.start()
            self._set(NUMBERS_OFFSET + 4 * (number - 1), np.int32, worker.native_id or 0)
        self._set(MOVABLE_OFFSET, np.int64, self.threads - 1 if enough else 0)

    def _set(self, offset: int, dtype: type[np.signedinteger], value: int) -> None:
        """Write a number into the block."""
        self._block[offset : offset + np.dtype(dtype).itemsize].view(dtype)[0] = value

    def run(self, entry: int | ctypes.c_void_p, arguments: int | ctypes.c_void_p) -> None:
        """Run the function at address `entry` in all threads, and wait for all. One run at a time."""
        with self._lock:
            self._launch(self._place, entry, arguments)


@cache
def team(threads: int) -> Team:
    """The process's team of that many threads."""
    return Team(threads)


def bound_call(threads: int, entry: int, arguments: int) -> Callable[[], None]:
    """A function without arguments that runs the function at address `entry` in a team of `threads`: for
    innermost loops, since little is done in Python. `entry` and `arguments` live as long as it is used."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    if threads > 1:
        places = pointer(entry), pointer(arguments)
        # Looked up in every call: a child of this process has a team of its own.
        return lambda: team(threads).run(*places)
    function = ctypes.CFUNCTYPE(None, number, number, pointer, pointer)(entry)
    barrier = _aligned(BARRIER_BYTES)
    given = (number(0), number(1), pointer(arguments), pointer(barrier.ctypes.data))

    def alone(_: object = barrier) -> None:
        function(*given)

    return alone


# After a fork only the forking thread lives on, so a child makes its own teams.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.cache_clear)
