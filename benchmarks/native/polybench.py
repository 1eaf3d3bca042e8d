"""The 30 PolyBench-like kernels on the native device, beside gcc, clang and Polly.

    python benchmarks/native/polybench.py [--quick] [--only NAME,...] [--json OUT] [--compilers gcc,clang]

Every round runs each side once, one after the other, so that a machine that slows down slows all of them;
what is compared are medians of the rounds. What a run writes is restored before the next, outside the clock.
`--cpu` measures the CPU time of one thread instead, which says something on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np

from exalift.native import NativeDevice
from exalift.pipeline.lifting import Options, lift_program
from exalift.pipeline.source import read_source
from exalift.pipeline.suite import Kernel, Setting, read_suite
from exalift.reference import compile_c, random_inputs
from exalift.reference.buffers import Layout, aligned_block, fill, size_values, written_parameters
from exalift.reference.native import on_large_stack, stack_bytes

FOLDER = Path(__file__).parents[1] / "kernels"
Clock = Callable[[], float]


def quick(kernel: Kernel) -> Setting:
    """Sizes of about a half, a tenth of the steps."""
    sizes = {n: max(2, v // 10 if n == "steps" else v // 2) for n, v in kernel.large.sizes.items()}
    return Setting(sizes, kernel.large.defines)


class Side:
    """One way to run a kernel: called, it runs once and keeps the seconds."""

    def __init__(self, name: str, run: Callable[[], None], restore: Callable[[], None], clock: Clock) -> None:
        self.name, self.run, self.restore, self.clock = name, run, restore, clock
        self.seconds: list[float] = []

    def __call__(self) -> None:
        self.restore()
        start = self.clock()
        self.run()
        self.seconds.append(self.clock() - start)


def measured(kernel: Kernel, setting: Setting, arguments: argparse.Namespace) -> dict[str, float]:
    """Median seconds by side: the compilers, and "native"."""
    source = read_source(kernel.path, defines=setting.macros)
    program = source.parse_only(kernel.function)
    lifted = lift_program(source, program, Options(sizes=setting.sizes, level="tested"))
    sizes = lifted.sizes.values
    inputs = random_inputs(program, sizes, 0, kernel.inputs)
    values = size_values(program, sizes)
    clock: Clock = time.thread_time if arguments.cpu else time.perf_counter
    sides: list[Side] = []
    kept: list[object] = []
    for name in arguments.compilers.split(","):
        function = compile_c(source.text, source.filename, program, compiler=name, defines=source.defines)
        layout = Layout.of(program, values)
        views = layout.views(aligned_block(layout.total))
        fill(views, program, inputs, values)
        saved = [(views[n], np.array(views[n])) for n in sorted(written_parameters(program))]
        kept += [function, views]
        sides.append(Side(name, function.bind(views), lambda s=saved: restore(s), clock))
    device = NativeDevice(threads=1) if arguments.cpu else NativeDevice()
    executable = device.compile_program(lifted.program, sizes)
    bound = executable.bind([inputs[argument.name] for argument in lifted.program.arguments])
    sides.append(Side("native", bound.run, bound.restore, clock))

    def rounds() -> None:
        for side in sides:
            side()
            side.seconds.clear()
        begun = time.perf_counter()
        while len(sides[0].seconds) < arguments.rounds:
            for side in sides:
                side()
            if time.perf_counter() - begun > arguments.seconds:
                break

    on_large_stack(rounds, stack_bytes(program, values))
    return {side.name: median(side.seconds) for side in sides}


def restore(saved: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for view, original in saved:
        np.copyto(view, original)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, few rounds")
    parser.add_argument("--only", default="", help="names of kernels, with commas")
    parser.add_argument("--compilers", default="gcc,clang,polly")
    parser.add_argument("--rounds", type=int, default=7, help="at most (7)")
    parser.add_argument("--seconds", type=float, default=60.0, help="a kernel, at most (60)")
    parser.add_argument("--cpu", action="store_true", help="CPU time of one thread")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = min(arguments.rounds, 3)
    chosen = set(filter(None, arguments.only.split(",")))
    rows: list[dict[str, object]] = []
    print(f"{len(os.sched_getaffinity(0))} cores; load {os.getloadavg()[0]:.1f}")
    for kernel in read_suite(FOLDER):
        if kernel.group != "polybench" or (chosen and kernel.name not in chosen):
            continue
        setting = quick(kernel) if arguments.quick else replace(kernel.large)
        seconds = measured(kernel, setting, arguments)
        own = seconds.pop("native")
        best = min((s for n, s in seconds.items() if n != "polly"), default=math.nan)
        row = {"kernel": kernel.name, "native": own, **seconds, "ratio": best / own}
        if "polly" in seconds:
            row["polly_ratio"] = seconds["polly"] / own
        rows.append(row)
        times = "  ".join(f"{name} {value:9.5f}" for name, value in (*seconds.items(), ("native", own)))
        print(f"{kernel.name:15s} {times}  {best / own:6.2f}x", flush=True)
    ratios = [float(str(row["ratio"])) for row in rows]
    print(f"geomean {geometric_mean(ratios):.2f}x the better C compiler, worst {min(ratios):.2f}x")
    against = [float(str(row["polly_ratio"])) for row in rows if "polly_ratio" in row]
    if against:
        print(f"geomean {geometric_mean(against):.2f}x Polly")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
