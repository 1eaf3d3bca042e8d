"""A team of threads that run one compiled function together, and the barrier at which they meet.

The workers wait inside compiled code, so that a start costs about a microsecond while they are awake
and no interpreter lock is taken. Whoever waits spins for a while and then sleeps (a futex, Linux).
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exalift.base import UsageError

from .jit import Library, compile_text
from .target import host_target

_FUTEX = {"x86_64": 202, "aarch64": 98}

# A place where threads meet: arrived (i32 at 0), generation (i32 at 64), sleepers (i32 at 128).
BARRIER_BYTES = 192
# Where a team keeps its work: start (a generation, i32 at 0), sleepers (i32 at 64), entry (ptr at 128),
# arguments (ptr at 136), threads (i64 at 144), the barrier at 192.
_BLOCK_BYTES = 192 + BARRIER_BYTES

_SPINS = 4000


def _system_call(triple: str) -> int | None:
    return _FUTEX.get(triple.split("-")[0]) if sys.platform == "linux" else None


def waiting_text(triple: str) -> str:
    """IR of `@exalift_await(ptr word, i32 seen, ptr sleepers)`, which returns once `word` is not `seen`,
    `@exalift_wake(ptr word, ptr sleepers)`, and `@exalift_barrier(ptr barrier, i64 threads)`."""
    number = _system_call(triple)
    pause = "call void @llvm.x86.sse2.pause()" if triple.startswith("x86_64") else ""
    declare = "declare void @llvm.x86.sse2.pause()" if pause else ""
    return f"""{declare}
declare i64 @syscall(i64, ...)

define internal void @exalift_await(ptr %word, i32 %seen, ptr %sleepers) noinline {{
entry:
  br label %spin
spin:
  %count = phi i32 [ 0, %entry ], [ %more, %again ]
  %now = load atomic i32, ptr %word acquire, align 4
  %changed = icmp ne i32 %now, %seen
  br i1 %changed, label %done, label %again
again:
  {pause}
  %more = add i32 %count, 1
  %tired = icmp sgt i32 %more, {_SPINS}
  br i1 %tired, label %rest, label %spin
rest:
  %before = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %ignored = call i64 (i64, ...) @syscall(i64 {number}, ptr %word, i64 128, i32 %seen, ptr null)
  %behind = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  %later = load atomic i32, ptr %word acquire, align 4
  %moved = icmp ne i32 %later, %seen
  br i1 %moved, label %done, label %rest
done:
  ret void
}}

define internal void @exalift_wake(ptr %word, ptr %sleepers) noinline {{
entry:
  %old = atomicrmw add ptr %word, i32 1 seq_cst
  %count = load atomic i32, ptr %sleepers seq_cst, align 4
  %any = icmp sgt i32 %count, 0
  br i1 %any, label %wake, label %done
wake:
  %ignored = call i64 (i64, ...) @syscall(i64 {number}, ptr %word, i64 129, i64 2147483647)
  br label %done
done:
  ret void
}}

define internal void @exalift_barrier(ptr %barrier, i64 %threads) noinline {{
entry:
  %word = getelementptr i8, ptr %barrier, i64 64
  %sleepers = getelementptr i8, ptr %barrier, i64 128
  %seen = load atomic i32, ptr %word acquire, align 4
  %arrived = atomicrmw add ptr %barrier, i32 1 acq_rel
  %wide = sext i32 %arrived to i64
  %last = sub i64 %threads, 1
  %all = icmp eq i64 %wide, %last
  br i1 %all, label %open, label %wait
open:
  store atomic i32 0, ptr %barrier monotonic, align 4
  call void @exalift_wake(ptr %word, ptr %sleepers)
  ret void
wait:
  call void @exalift_await(ptr %word, i32 %seen, ptr %sleepers)
  ret void
}}
"""


_TEAM = """
define void @exalift_launch(ptr %block, ptr %entry, ptr %arguments) {
  %place = getelementptr i8, ptr %block, i64 128
  store ptr %entry, ptr %place
  %given = getelementptr i8, ptr %block, i64 136
  store ptr %arguments, ptr %given
  %count = getelementptr i8, ptr %block, i64 144
  %threads = load i64, ptr %count
  %sleepers = getelementptr i8, ptr %block, i64 64
  call void @exalift_wake(ptr %block, ptr %sleepers)
  %barrier = getelementptr i8, ptr %block, i64 192
  call void %entry(i64 0, i64 %threads, ptr %arguments, ptr %barrier)
  call void @exalift_barrier(ptr %barrier, i64 %threads)
  ret void
}

define void @exalift_work(ptr %block, i64 %thread) {
entry:
  %sleepers = getelementptr i8, ptr %block, i64 64
  %place = getelementptr i8, ptr %block, i64 128
  %given = getelementptr i8, ptr %block, i64 136
  %count = getelementptr i8, ptr %block, i64 144
  %barrier = getelementptr i8, ptr %block, i64 192
  br label %next
next:
  %seen = phi i32 [ 0, %entry ], [ %following, %run ]
  call void @exalift_await(ptr %block, i32 %seen, ptr %sleepers)
  %following = add i32 %seen, 1
  %function = load ptr, ptr %place
  %stop = icmp eq ptr %function, null
  br i1 %stop, label %done, label %run
run:
  %threads = load i64, ptr %count
  %arguments = load ptr, ptr %given
  call void %function(i64 %thread, i64 %threads, ptr %arguments, ptr %barrier)
  call void @exalift_barrier(ptr %barrier, i64 %threads)
  br label %next
done:
  ret void
}
"""


@cache
def _runtime() -> Library:
    target = host_target()
    names = ("exalift_launch", "exalift_work")
    return compile_text(waiting_text(target.triple) + _TEAM, names, target)


def available_threads() -> int:
    """How many threads may be used: EXALIFT_THREADS, at most as many as the affinity mask has cores.

    UsageError where the variable is no positive number.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("EXALIFT_THREADS", "")
    if not asked:
        return cores
    if not asked.isdecimal() or int(asked) < 1:
        raise UsageError(f"EXALIFT_THREADS must be a positive number, not {asked!r}")
    return min(cores, int(asked))


def can_use_threads() -> bool:
    """Whether waiting threads can sleep here: a team needs futexes."""
    return _system_call(host_target().triple) is not None


@dataclass(slots=True)
class Team:
    """`threads` threads, of which the caller of `run` is one; the others live until the process ends.

    A compiled function for a team is `void f(i64 thread, i64 threads, ptr arguments, ptr barrier)`;
    all threads must call the barrier equally often.
    """

    threads: int
    _block: NDArray[np.uint8] = field(init=False)
    _launch: ctypes._NamedFuncPointer = field(init=False)  # pyright: ignore[reportPrivateUsage]
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        store = np.zeros(_BLOCK_BYTES + 64, np.uint8)
        shift = -store.ctypes.data % 64
        self._block = store[shift : shift + _BLOCK_BYTES]
        self._block[144:152].view(np.int64)[0] = self.threads
        runtime = _runtime()
        pointer = ctypes.c_void_p
        launch = ctypes.CFUNCTYPE(None, pointer, pointer, pointer)
        self._launch = launch(runtime.address("exalift_launch"))  # pyright: ignore[reportAttributeAccessIssue]
        work = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int64)(runtime.address("exalift_work"))
        for number in range(1, self.threads):
            # A daemon, since it waits in compiled code for work that need never come.
            name = f"exalift-{number}"
            threading.Thread(
                target=work, args=(self._block.ctypes.data, number), name=name, daemon=True
            ).start()

    def run(self, entry: int, arguments: int) -> None:
        """Run the function at address `entry` in all threads, and wait for all. One run at a time."""
        with self._lock:
            self._launch(self._block.ctypes.data, entry, arguments)


@cache
def team(threads: int) -> Team:
    """The process's team of that many threads."""
    return Team(threads)


# After a fork only the forking thread lives on, so a child makes its own teams.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.cache_clear)
