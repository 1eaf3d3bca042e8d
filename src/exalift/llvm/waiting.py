"""How threads wait for each other in compiled code, as LLVM IR.

Whoever waits spins for a while and then sleeps (a futex, Linux). On a core that others want, spinning only
uses up what the scheduler grants, and the one that is waited for may not even run: 1500 barriers took seconds
instead of tenths of one. So who spins at a barrier in vain, or is interrupted while it spins, keeps all
threads of the barrier from spinning for `_REST` times as long.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

# A place where threads meet: arrived (i32 at 0), generation (i32 at 64), sleepers (i32 at 128), for how many
# nanoseconds a thread spins before it sleeps (i64 at 136), the time before which none spins (i64 at 144), and
# the block of the team that it belongs to, if any (ptr at 152).
BARRIER_BYTES = 192
SPIN_OFFSET, _UNTIL_OFFSET, TEAM_OFFSET = 136, 144, 152
# Where a team keeps its work: start (a generation, i32 at 0), sleepers (i32 at 64), entry (ptr at 128),
# arguments (ptr at 136), threads (i64 at 144), the core that the workers were kept off last (i32 at 152), how
# many of them can be kept off (i64 at 160), the barrier (at 192), their numbers in the system (i32 each).
THREADS_OFFSET, CORE_OFFSET, MOVABLE_OFFSET, BARRIER_OFFSET = 144, 152, 160, 192
NUMBERS_OFFSET = BARRIER_OFFSET + BARRIER_BYTES


_REST = 16
_INTERRUPTED_NS = 100_000
"""Looks at the clock are about a microsecond apart. Where it is so much, another program ran in between."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """Linux's numbers of the system calls."""

    futex: int
    set_affinity: int
    get_affinity: int
    thread: int


_CALLS = {"x86_64": _Calls(202, 203, 204, 186), "aarch64": _Calls(98, 122, 123, 178)}


def _calls(triple: str) -> _Calls | None:
    return _CALLS.get(triple.split("-")[0]) if sys.platform == "linux" else None


def can_sleep(triple: str) -> bool:
    """Whether threads that wait can sleep there."""
    return _calls(triple) is not None


def waiting_text(triple: str) -> str:
    """IR of `@exalift_await(ptr word, i32 seen, ptr sleepers, ptr barrier, i1 blames)`, which returns once
    `word` is not `seen` (`blames`: to spin in vain tells that threads are kept from running), of
    `@exalift_wake(ptr word, ptr sleepers)`, and of `@exalift_barrier(ptr barrier, i64 threads)`."""
    calls = _calls(triple)
    number = calls.futex if calls is not None else -1
    pause = "call void @llvm.x86.sse2.pause()" if triple.startswith("x86_64") else ""
    declare = "declare void @llvm.x86.sse2.pause()" if pause else ""
    return f"""{declare}
declare i64 @syscall(i64, ...)
declare i32 @clock_gettime(i32, ptr)

define internal i64 @exalift_now() noinline {{
  %time = alloca [2 x i64]
  %ignored = call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time
  %place = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %place
  %scaled = mul i64 %seconds, 1000000000
  %now = add i64 %scaled, %rest
  ret i64 %now
}}
{_placing_text(calls)}

define internal void @exalift_await(ptr %word, i32 %seen, ptr %sleepers, ptr %barrier, i1 %blames) noinline {{
entry:
  %spin = getelementptr i8, ptr %barrier, i64 {SPIN_OFFSET}
  %until = getelementptr i8, ptr %barrier, i64 {_UNTIL_OFFSET}
  %nanoseconds = load i64, ptr %spin
  br label %look
look:
  %count = phi i32 [ 0, %entry ], [ %more, %again ], [ 0, %early ]
  %since = phi i64 [ -1, %entry ], [ %since, %again ], [ %began, %early ]
  %before = phi i64 [ -1, %entry ], [ %before, %again ], [ %now, %early ]
  %value = load atomic i32, ptr %word acquire, align 4
  %changed = icmp ne i32 %value, %seen
  br i1 %changed, label %done, label %again
again:
  {pause}
  %more = add i32 %count, 1
  %many = icmp eq i32 %more, 32
  br i1 %many, label %clock, label %look
clock:
  %now = call i64 @exalift_now()
  %first = icmp eq i64 %since, -1
  %began = select i1 %first, i64 %now, i64 %since
  %last = select i1 %first, i64 %now, i64 %before
  %passed = sub i64 %now, %began
  %gap = sub i64 %now, %last
  %interrupted = icmp sge i64 %gap, {_INTERRUPTED_NS}
  %tired = icmp sge i64 %passed, %nanoseconds
  %vain = and i1 %tired, %blames
  %lost = or i1 %interrupted, %vain
  br i1 %lost, label %blame, label %sure
blame:
  %longer = mul i64 %passed, {_REST}
  %then = add i64 %now, %longer
  store atomic i64 %then, ptr %until monotonic, align 8
  br label %rest
sure:
  %quiet = load atomic i64, ptr %until monotonic, align 8
  %not.yet = icmp slt i64 %now, %quiet
  %stop = or i1 %tired, %not.yet
  br i1 %stop, label %rest, label %early
early:
  br label %look
rest:
  %others = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %ignored = call i64 (i64, ...) @syscall(i64 {number}, ptr %word, i64 128, i32 %seen, ptr null)
  %behind = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  call void @exalift_awake(ptr %barrier)
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
  call void @exalift_await(ptr %word, i32 %seen, ptr %sleepers, ptr %barrier, i1 true)
  ret void
}}
"""


def _placing_text(calls: _Calls | None) -> str:
    """IR of `@exalift_place(ptr block)`, for the thread that launches, and of `@exalift_awake(ptr barrier)`.

    Where no core is idle at that moment, Linux puts a thread that is woken on the core of the one that wakes,
    and moves it away only if it runs for long: both would share one core call after call. So whoever launches
    keeps the workers off the core that it runs on itself, whenever that has changed: when it launches, and
    when it has slept at a barrier, since a worker that woke it drew it to its own core then.
    """
    missing = _Calls(-1, -1, -1, -1)
    numbers = calls or missing
    getting, setting, thread = numbers.get_affinity, numbers.set_affinity, numbers.thread
    return f"""
declare i32 @sched_getcpu()
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal void @exalift_place(ptr %block) noinline {{
entry:
  %mask = alloca [128 x i8], align 8
  %many = getelementptr i8, ptr %block, i64 {MOVABLE_OFFSET}
  %movable = load i64, ptr %many
  %any = icmp sgt i64 %movable, 0
  br i1 %any, label %look, label %done
look:
  %core = call i32 @sched_getcpu()
  %place = getelementptr i8, ptr %block, i64 {CORE_OFFSET}
  %before = load i32, ptr %place
  %same = icmp eq i32 %core, %before
  br i1 %same, label %done, label %ask
ask:
  store i32 %core, ptr %place
  call void @llvm.memset.p0.i64(ptr %mask, i8 0, i64 128, i1 false)
  %size = call i64 (i64, ...) @syscall(i64 {getting}, i64 0, i64 128, ptr %mask)
  %known = icmp sgt i64 %size, 0
  %sensible = icmp ult i32 %core, 1024
  %go = and i1 %known, %sensible
  br i1 %go, label %exclude, label %done
exclude:
  %index = lshr i32 %core, 3
  %wide = zext i32 %index to i64
  %at = getelementptr i8, ptr %mask, i64 %wide
  %bit = and i32 %core, 7
  %one = shl i32 1, %bit
  %own = trunc i32 %one to i8
  %others = xor i8 %own, -1
  %old = load i8, ptr %at
  %new = and i8 %old, %others
  store i8 %new, ptr %at
  br label %move
move:
  %i = phi i64 [ 0, %exclude ], [ %next, %move ]
  %offset = shl i64 %i, 2
  %first = getelementptr i8, ptr %block, i64 {NUMBERS_OFFSET}
  %where = getelementptr i8, ptr %first, i64 %offset
  %number = load i32, ptr %where
  ; An empty set of cores is refused, which leaves the thread as it is.
  %ignored = call i64 (i64, ...) @syscall(i64 {setting}, i32 %number, i64 %size, ptr %mask)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %movable
  br i1 %more, label %move, label %done
done:
  ret void
}}

define internal void @exalift_awake(ptr %barrier) noinline {{
entry:
  %owner = getelementptr i8, ptr %barrier, i64 {TEAM_OFFSET}
  %block = load ptr, ptr %owner
  %alone = icmp eq ptr %block, null
  br i1 %alone, label %done, label %ask
ask:
  %many = getelementptr i8, ptr %block, i64 {MOVABLE_OFFSET}
  %movable = load i64, ptr %many
  %wide = call i64 (i64, ...) @syscall(i64 {thread})
  %own = trunc i64 %wide to i32
  br label %look
look:
  %i = phi i64 [ 0, %ask ], [ %next, %again ]
  %left = icmp slt i64 %i, %movable
  br i1 %left, label %again, label %place
again:
  %offset = shl i64 %i, 2
  %first = getelementptr i8, ptr %block, i64 {NUMBERS_OFFSET}
  %where = getelementptr i8, ptr %first, i64 %offset
  %number = load i32, ptr %where
  %next = add i64 %i, 1
  %worker = icmp eq i32 %number, %own
  br i1 %worker, label %done, label %look
place:
  call void @exalift_place(ptr %block)
  ret void
done:
  ret void
}}
"""


def team_text() -> str:
    """IR of `@exalift_launch(ptr block, ptr entry, ptr arguments)`, which a team's caller calls, and
    `@exalift_work(ptr block, i64 thread)`, in which the workers live. It goes with `waiting_text`."""

    return f"""
define void @exalift_launch(ptr %block, ptr %entry, ptr %arguments) {{
  %place = getelementptr i8, ptr %block, i64 128
  store ptr %entry, ptr %place
  %given = getelementptr i8, ptr %block, i64 136
  store ptr %arguments, ptr %given
  %count = getelementptr i8, ptr %block, i64 {THREADS_OFFSET}
  %threads = load i64, ptr %count
  call void @exalift_place(ptr %block)
  %sleepers = getelementptr i8, ptr %block, i64 64
  call void @exalift_wake(ptr %block, ptr %sleepers)
  %barrier = getelementptr i8, ptr %block, i64 {BARRIER_OFFSET}
  call void %entry(i64 0, i64 %threads, ptr %arguments, ptr %barrier)
  call void @exalift_barrier(ptr %barrier, i64 %threads)
  ret void
}}

define void @exalift_work(ptr %block, i64 %thread) {{
entry:
  %sleepers = getelementptr i8, ptr %block, i64 64
  %place = getelementptr i8, ptr %block, i64 128
  %given = getelementptr i8, ptr %block, i64 136
  %count = getelementptr i8, ptr %block, i64 {THREADS_OFFSET}
  %barrier = getelementptr i8, ptr %block, i64 {BARRIER_OFFSET}
  br label %next
next:
  %seen = phi i32 [ 0, %entry ], [ %following, %run ]
  call void @exalift_await(ptr %block, i32 %seen, ptr %sleepers, ptr %barrier, i1 false)
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
}}
"""
