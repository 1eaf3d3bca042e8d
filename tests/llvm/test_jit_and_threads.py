"""Compiling text and calling it; targets; teams of threads and their barrier."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from exalift.base import DeviceError, UsageError
from exalift.llvm import (
    Code,
    Metadata,
    assembly,
    available_threads,
    bound_call,
    can_use_threads,
    compile_text,
    host_target,
    object_code,
    plain_target,
    spin_microseconds,
    team,
    waiting_text,
)

_SCALE = """
define void @scale(ptr noalias %a, ptr noalias %b, i64 %n) {
entry:
BODY
  ret void
}
"""


def _scale() -> str:
    code = Code()
    with code.loop("0", "%n") as i:
        from_, to = (code.value(f"getelementptr double, ptr %{p}, i64 {i}") for p in "ab")
        value = code.value(f"load double, ptr {from_}")
        twice = code.value(f"fmul double {value}, 2.0")
        code.emit(f"store double {twice}, ptr {to}")
    return _SCALE.replace("BODY", code.text())


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
@pytest.mark.parametrize("target", [host_target(), plain_target()], ids=["host", "plain"])
def test_a_loop_written_as_text_runs(count: int, target: object) -> None:
    library = compile_text(_scale(), ["scale"], target)  # type: ignore[arg-type]
    a, b = np.random.default_rng(0).normal(size=count), np.full(count, np.nan)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    function(library.address("scale"))(a.ctypes.data, b.ctypes.data, count)
    assert np.array_equal(b, 2 * a)


def test_what_llvm_refuses_is_a_device_error() -> None:
    with pytest.raises(DeviceError, match="LLVM refuses"):
        compile_text("define void @f() { nonsense }", ["f"], host_target())
    with pytest.raises(DeviceError, match="does not define g"):
        compile_text("define void @f() { ret void }", ["g"], host_target())


@pytest.mark.skipif(not host_target().is_x86, reason="the names are those of x86-64")
def test_features_that_are_switched_off_are_not_used() -> None:
    target = host_target()
    without = target.without("avx512f")
    assert not [name for name in without.features if name.startswith("avx512")]
    assert without.vector_bytes <= 32
    assert "zmm" not in assembly(_scale(), without)
    assert "ymm" not in assembly(_scale(), target.without("avx"))
    assert "ymm" not in assembly(_scale(), plain_target())
    assert plain_target().cpu == "x86-64"
    assert target.key != without.key


def test_the_environment_switches_features_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXALIFT_CPU", "-avx512f, -amx-tile")
    assert not host_target().has("avx512f")
    monkeypatch.setenv("EXALIFT_CPU", "avx512f")
    with pytest.raises(UsageError, match="switch off"):
        host_target()


def test_object_code_is_an_elf_file() -> None:
    assert object_code(_scale(), host_target())[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")


def test_equal_metadata_is_one_node() -> None:
    metadata = Metadata()
    assert metadata.node('!"a"') == metadata.node('!"a"') != metadata.distinct()
    assert metadata.text().splitlines() == ['!0 = !{!"a"}', "!1 = distinct !{!1}"]


def test_the_environment_bounds_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXALIFT_THREADS", "1")
    assert available_threads() == 1
    monkeypatch.setenv("EXALIFT_THREADS", "4096")
    assert available_threads() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("EXALIFT_THREADS", "none")
    with pytest.raises(UsageError, match="positive number"):
        available_threads()


def test_the_environment_says_how_long_to_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXALIFT_SPIN", raising=False)
    assert spin_microseconds() > 0
    monkeypatch.setenv("EXALIFT_SPIN", "0")
    assert spin_microseconds() == 0
    monkeypatch.setenv("EXALIFT_SPIN", "-1")
    with pytest.raises(UsageError, match="microseconds"):
        spin_microseconds()


# Each thread adds to its own cell, meets the others, and reads its neighbour's: a barrier that lets
# somebody through too early shows as a wrong sum.
_ROUNDS = """
define void @rounds(i64 %thread, i64 %threads, ptr %cells, ptr %barrier) {
entry:
  %mine = getelementptr i64, ptr %cells, i64 %thread
  %next = add i64 %thread, 1
  %neighbour = urem i64 %next, %threads
  %theirs = getelementptr i64, ptr %cells, i64 %neighbour
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %more, %loop ]
  %read = load volatile i64, ptr %theirs
  call void @exalift_barrier(ptr %barrier, i64 %threads)
  %sum = add i64 %read, 1
  store volatile i64 %sum, ptr %mine
  call void @exalift_barrier(ptr %barrier, i64 %threads)
  %more = add i64 %i, 1
  %again = icmp slt i64 %more, 2000
  br i1 %again, label %loop, label %done
done:
  ret void
}
"""


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_team_meets_at_every_barrier(threads: int) -> None:
    target = host_target()
    library = compile_text(waiting_text(target.triple) + _ROUNDS, ["rounds"], target)
    for _ in range(3):
        cells = np.zeros(threads, np.int64)
        team(threads).run(library.address("rounds"), cells.ctypes.data)
        assert cells.tolist() == [2000] * threads


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_bound_call_runs_again_and_again(threads: int) -> None:
    target = host_target()
    library = compile_text(waiting_text(target.triple) + _ROUNDS, ["rounds"], target)
    cells = np.zeros(threads, np.int64)
    call = bound_call(threads, library.address("rounds"), cells.ctypes.data)
    for round_ in (1, 2, 3):
        call()
        assert cells.tolist() == [2000 * round_] * threads


_FORKS = """
import os, numpy as np
from exalift.llvm import bound_call, compile_text, host_target, team
text = (
    "define void @f(i64 %t, i64 %n, ptr %c, ptr %b) { "
    "%p = getelementptr i64, ptr %c, i64 %t store i64 7, ptr %p ret void }"
)
library = compile_text(text, ["f"], host_target())
def run():
    cells = np.zeros(2, np.int64)
    team(2).run(library.address("f"), cells.ctypes.data)
    assert cells.tolist() == [7, 7], cells
kept = np.zeros(2, np.int64)
call = bound_call(2, library.address("f"), kept.ctypes.data)
run()
call()
kept[:] = 0
child = os.fork()
run()
call()
assert kept.tolist() == [7, 7], kept
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both")
else:
    os._exit(0)
"""


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
def test_a_forked_child_makes_its_own_team_and_the_process_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORKS], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "both\n", done.stderr


_BUSY = """
import os, subprocess, sys, time
import numpy as np
from exalift.llvm import compile_text, host_target, team, waiting_text
target = host_target()
library = compile_text(waiting_text(target.triple) + sys.argv[1], ["rounds"], target)
others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())]
try:
    cells = np.zeros(2, np.int64)
    for _ in range(3):
        team(2).run(library.address("rounds"), cells.ctypes.data)
    print(cells.tolist())
finally:
    for other in others:
        other.kill()
        other.wait()
"""


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
def test_a_team_meets_on_cores_that_others_use_too() -> None:
    """12000 barriers, at which spinning is in vain or interrupted."""
    environment = {**os.environ, "EXALIFT_SPIN": "1000"}
    command = [sys.executable, "-c", _BUSY, _ROUNDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.stdout == "[6000, 6000]\n", done.stderr


_CORES = """
import os, sys, threading
if sys.argv[1] == "one":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from exalift.llvm import compile_text, host_target, team
library = compile_text("define void @f(i64 %t, i64 %n, ptr %c, ptr %b) { ret void }", ["f"], host_target())
for _ in range(100):
    team(2).run(library.address("f"), 0)
worker, = (thread.native_id for thread in threading.enumerate() if thread.name == "exalift-1")
print(len(os.sched_getaffinity(0) - os.sched_getaffinity(worker)), len(os.sched_getaffinity(worker)))
"""


@pytest.mark.skipif(not can_use_threads(), reason="teams need Linux's futexes")
@pytest.mark.parametrize("cores", ["one", "all"])
@pytest.mark.parametrize("spin", ["0", "1000"])
def test_workers_stay_off_the_core_of_their_caller(cores: str, spin: str) -> None:
    """With one core for two threads, both stay on it."""
    command = [sys.executable, "-c", _CORES, cores]
    environment = {**os.environ, "EXALIFT_SPIN": spin}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    every = len(os.sched_getaffinity(0))
    expected = (0, 1) if cores == "one" or every == 1 else (1, every - 1)
    assert tuple(map(int, done.stdout.split())) == expected, done.stderr
