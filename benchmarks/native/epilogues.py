"""What it gains to finish sums in their kernels: each source fused beside not fused, taking turns.

    python benchmarks/native/epilogues.py [--threads 1] [--seconds 0.5] [--only NAME,...] [--json OUT]

The sources of `epilogues/` are lifted at two shapes each, one with short sums and one with long ones, and
compiled twice. Both run on random data, one after the other in every round; what is compared are medians.
One thread is timed by its own clock, so that other programs disturb little. It takes about a minute, most of
which is lifting.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import geometric_mean, median

import exalift
from exalift.base import write_atomically
from exalift.native import NativeDevice
from exalift.reference import random_inputs

FOLDER = Path(__file__).with_name("epilogues")
SQUARE = ({"m": 1024, "n": 1024, "k": 64}, {"m": 1024, "n": 1024, "k": 1024})
SHAPES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "dense-requantised": SQUARE,
    "dense-shifted": SQUARE,
    "conv-bias-relu": ({"h": 56, "w": 56, "c": 16, "f": 64}, {"h": 28, "w": 28, "c": 128, "f": 128}),
    "dense-residual": SQUARE,
    "batched-scaled": (
        {"batches": 16, "m": 256, "n": 256, "k": 32},
        {"batches": 16, "m": 256, "n": 256, "k": 256},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each shape")
    parser.add_argument("--only", default=",".join(SHAPES))
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    gains: list[float] = []
    for name in options.only.split(","):
        lifted = exalift.lift(FOLDER / f"{name}.c", sizes=SHAPES[name][0])
        for sizes in SHAPES[name]:
            fused, apart = measured(lifted, sizes, options.threads, options.seconds)
            shape = " ".join(f"{size}={value}" for size, value in sizes.items())
            gains.append(apart / fused)
            rows.append({"name": name, "sizes": sizes, "fused_s": fused, "apart_s": apart})
            print(
                f"{name:18} {shape:28} fused {1e3 * fused:7.3f} ms, apart {1e3 * apart:7.3f} ms: "
                f"{apart / fused:.2f}x",
                flush=True,
            )
    print(f"geometric mean {geometric_mean(gains):.2f}x")
    if options.json:
        write_atomically(options.json, json.dumps(rows, indent=1) + "\n")


def measured(
    lifted: exalift.Lifted, sizes: dict[str, int], threads: int, seconds: float
) -> tuple[float, float]:
    """Median seconds of a run, fused and not."""
    values = lifted.resolve(sizes)
    inputs = random_inputs(lifted.original, values, 0)
    arguments = [inputs[argument.name] for argument in lifted.program.arguments]
    runs = []
    for fuse in (True, False):
        executable = NativeDevice(threads=threads, fuse=fuse).compile_program(lifted.program, values)
        runs.append(executable.bind(arguments).run)
        runs[-1]()
    clock = time.thread_time if threads == 1 else time.perf_counter
    times: tuple[list[float], list[float]] = ([], [])
    ends = time.perf_counter() + seconds
    while len(times[0]) < 5 or time.perf_counter() < ends:
        for run, found in zip(runs, times, strict=True):
            start = clock()
            run()
            found.append(clock() - start)
    return median(times[0]), median(times[1])


if __name__ == "__main__":
    main()
