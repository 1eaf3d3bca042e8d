"""Timing peers side by side: runs are interleaved, and the medians of their times compared."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Run = Callable[[], object]

TURN = 0.02
"""Seconds of a turn, with several threads."""


def pin(threads: int) -> None:
    """Keep this process, and what it starts from now on, to as many cores; before libraries load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < threads:
        raise SystemExit(f"{threads} threads need {threads} cores; this process may use {len(cores)}")
    os.sched_setaffinity(0, set(cores[:threads]))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def settle(longest: float = 1.0) -> None:
    """Wait until every other thread of this process sleeps, at most so many seconds (Linux).

    Threads spin for a while after a call: OpenBLAS's for 100 ms, OpenMP's for 15, this team's for one. A peer
    that starts meanwhile shares its second core with them.
    """
    own, ends, quiet = threading.get_native_id(), time.perf_counter() + longest, 0
    while quiet < 2 and time.perf_counter() < ends:
        time.sleep(0.001)
        quiet = (
            0
            if any(_runs(int(task)) for task in os.listdir("/proc/self/task") if int(task) != own)
            else quiet + 1
        )


def _runs(task: int) -> bool:
    try:
        text = Path(f"/proc/self/task/{task}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] == "R"


def medians(runs: Mapping[str, Run], seconds: float, clock: str, threads: int = 1) -> dict[str, float]:
    """The median time of each run, in seconds, over interleaved rounds that take about `seconds` in all.

    clock: "wall", or "cpu" for the time that the process used (one thread only), which other programs
    on the machine disturb less. With several threads, each turn waits until the threads of the peer before
    sleep (`settle`), begins with a run that is not counted, and has as many runs as fit into `TURN` seconds.
    """
    now = time.perf_counter if clock == "wall" else time.process_time
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    ends = time.perf_counter() + seconds
    rounds = 0
    while rounds < 5 or (time.perf_counter() < ends and rounds < 2000):
        for name, run in runs.items():
            until = 0.0
            if threads > 1:
                settle()
                run()
                until = time.perf_counter() + TURN
            while True:
                start = now()
                run()
                times[name].append(now() - start)
                if time.perf_counter() >= until:
                    break
        rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


def in_child(script: str, arguments: list[str], threads: int) -> list[dict[str, object]]:
    """Run this script again for one number of threads, in a process of its own that is pinned."""
    command = [sys.executable, script, *arguments, "--threads", str(threads), "--child"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def without(words: list[str], *names: str) -> list[str]:
    """Arguments without some options and their values."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif word.split("=")[0] not in names:
            kept.append(word)
    return kept


def row(
    op: str,
    dtype: str,
    shape: str,
    threads: int,
    operations: int,
    ours: float,
    peer: str,
    theirs: float,
    peak: float,
) -> dict[str, object]:
    """A row of the report; speeds in GOP/s. `peak` is that of the CPU for all threads, 0 where unknown."""
    return {
        "op": op,
        "dtype": dtype,
        "shape": shape,
        "threads": threads,
        "gops": round(operations / ours / 1e9, 1),
        "peer": peer,
        "peer_gops": round(operations / theirs / 1e9, 1),
        "ratio": round(theirs / ours, 3),
        "peak_fraction": round(operations / ours / 1e9 / peak, 3) if peak else None,
    }


def show(one: Mapping[str, object]) -> None:
    fraction = one["peak_fraction"]
    share = f"{fraction:6.1%}" if isinstance(fraction, float) else "      "
    what = f"{one['op']:6} {one['dtype']:6} {one['shape']:28} {one['threads']} thread(s)"
    print(
        f"{what}  {one['gops']:8} GOP/s {share}  "
        f"{one['peer']:7} {one['peer_gops']:8} GOP/s  ratio {one['ratio']:.2f}",
        file=sys.stderr,
        flush=True,
    )


def write(rows: list[dict[str, object]], path: str | None) -> None:
    if path:
        temporary = Path(path + ".part")
        temporary.write_text(json.dumps(rows, indent=1) + "\n")
        temporary.replace(path)
