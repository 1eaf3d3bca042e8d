"""The 30 PolyBench-like kernels on the native device, beside gcc, clang and Polly.

    python benchmarks/native/polybench.py [--quick] [--only NAME,...] [--json OUT] [--compilers gcc,clang]

Every round runs each side once, one after the other, so that a machine that slows down slows all of them;
what is compared are medians of the rounds. What a run writes is restored before the next, outside the clock.
`--cpu` measures the CPU time of one thread instead, which says something on a busy machine too.

Each kernel is measured in a process of its own: one that fails or takes too long costs its own row only. With
`--json` every row is written when it is there, and a run that was cut off goes on where it stopped (`--again`
measures all anew). Sizes are LARGE, which takes 20 to 30 minutes; `--quick` takes about a half of each size
and a tenth of the steps, and 4 to 6 minutes; `--minutes` stops before a kernel that begins later.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np

from exalift.base import ExaliftError
from exalift.native import NativeDevice
from exalift.pipeline.lifting import Options, lift_program
from exalift.pipeline.source import read_source
from exalift.pipeline.suite import Kernel, Setting, read_suite
from exalift.reference import compile_c, random_inputs
from exalift.reference.buffers import Layout, aligned_block, fill, size_values, written_parameters
from exalift.reference.native import on_large_stack, stack_bytes

FOLDER = Path(__file__).parents[1] / "kernels"
ROW = "row: "
"""How the line begins on which a kernel's own process prints its row."""

Clock = Callable[[], float]
Row = dict[str, object]


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
    for name in filter(None, arguments.compilers.split(",")):
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
    on_large_stack(lambda: rounds(sides, arguments), stack_bytes(program, values))
    return {side.name: median(side.seconds) for side in sides}


def rounds(sides: Sequence[Side], arguments: argparse.Namespace) -> None:
    """Turns until the rounds or the seconds are over. The first turn, which finds memory and caches cold,
    counts only where it takes so long that this does not matter, or where there is no time for another."""
    begun = time.perf_counter()
    for side in sides:
        side()
    longest = time.perf_counter() - begun
    if longest < min(2.0, arguments.seconds / 3):
        for side in sides:
            side.seconds.clear()
    while len(sides[0].seconds) < arguments.rounds:
        if sides[0].seconds and time.perf_counter() - begun + longest > arguments.seconds:
            break
        for side in sides:
            side()


def restore(saved: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for view, original in saved:
        np.copyto(view, original)


def row_of(kernel: Kernel, arguments: argparse.Namespace) -> Row:
    """One kernel's row, measured here."""
    setting = quick(kernel) if arguments.quick else replace(kernel.large)
    seconds = measured(kernel, setting, arguments)
    own = seconds.pop("native")
    best = min((s for n, s in seconds.items() if n != "polly"), default=math.nan)
    row: Row = {"kernel": kernel.name, **mode(arguments), "native": own, **seconds, "ratio": best / own}
    if "polly" in seconds:
        row["polly_ratio"] = seconds["polly"] / own
    return row


def mode(arguments: argparse.Namespace) -> Row:
    """What rows must have in common to belong to one table."""
    return {
        "sizes": "quick" if arguments.quick else "large",
        "clock": "cpu" if arguments.cpu else "wall",
        "threads": 1 if arguments.cpu else len(os.sched_getaffinity(0)),
        "compilers": arguments.compilers,
    }


def row_apart(kernel: Kernel, arguments: argparse.Namespace) -> Row:
    """One kernel's row from a process of its own, or why there is none."""
    command = [sys.executable, __file__, "--one", kernel.name, "--compilers", arguments.compilers]
    command += ["--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds)]
    command += ["--quick"] * arguments.quick + ["--cpu"] * arguments.cpu
    failed: Row = {"kernel": kernel.name, **mode(arguments)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=arguments.limit, check=False)
    except subprocess.TimeoutExpired:
        return {**failed, "error": f"more than {arguments.limit:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith(ROW):
            return json.loads(line.removeprefix(ROW))
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
    return {**failed, "error": f"ended with {done.returncode}: {' '.join(last)}"}


def known_rows(arguments: argparse.Namespace) -> dict[str, Row]:
    """Rows of an earlier run of the same kind, by kernel."""
    if arguments.json is None or arguments.again or not arguments.json.exists():
        return {}
    try:
        rows = json.loads(arguments.json.read_text())
    except ValueError:
        return {}
    same = mode(arguments).items()
    return {str(row["kernel"]): row for row in rows if "error" not in row and same <= row.items()}


def write(rows: Sequence[Row], path: Path | None) -> None:
    """All rows so far; a run that is cut off while it writes leaves the file as it was."""
    if path is not None:
        fresh = path.with_suffix(".part")
        fresh.write_text(json.dumps(rows, indent=2) + "\n")
        fresh.replace(path)


def shown(row: Row, arguments: argparse.Namespace) -> str:
    if "error" in row:
        return f"{row['kernel']!s:15s} {row['error']}"
    sides = (*filter(None, arguments.compilers.split(",")), "native")
    times = "  ".join(f"{name} {row[name]:9.5f}" for name in sides)
    return f"{row['kernel']!s:15s} {times}  {row['ratio']:6.2f}x"


def summary(rows: Sequence[Row]) -> str:
    """Geometric means, the worst, and what is missing."""
    lines: list[str] = []
    for key, peer in (("ratio", "the better C compiler"), ("polly_ratio", "Polly")):
        ratios = {str(row["kernel"]): float(str(row[key])) for row in rows if key in row}
        if ratios:
            worst = min(ratios, key=lambda name: ratios[name])
            mean = geometric_mean(ratios.values())
            lines.append(
                f"geomean {mean:.2f}x {peer} over {len(ratios)}, worst {ratios[worst]:.2f}x ({worst})"
            )
    failed = [str(row["kernel"]) for row in rows if "error" in row]
    return "\n".join([*lines, *([f"failed: {', '.join(failed)}"] if failed else [])])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, few rounds, all 30 kernels")
    parser.add_argument("--only", default="", help="names of kernels, with commas")
    parser.add_argument("--compilers", default="gcc,clang,polly")
    parser.add_argument("--rounds", type=int, default=7, help="at most (7; 3 with --quick)")
    parser.add_argument("--seconds", type=float, default=30.0, help="turns of a kernel (30; 4 with --quick)")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for a kernel, lifting too (600)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no kernel after that")
    parser.add_argument("--again", action="store_true", help="measure what the JSON file has already, too")
    parser.add_argument("--cpu", action="store_true", help="CPU time of one thread")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = min(arguments.rounds, 3), min(arguments.seconds, 4.0)
    return arguments


def main() -> int:
    arguments = parsed()
    kernels = [kernel for kernel in read_suite(FOLDER) if kernel.group == "polybench"]
    if arguments.one:
        try:
            row = row_of(next(kernel for kernel in kernels if kernel.name == arguments.one), arguments)
        except ExaliftError as error:
            print(str(error).splitlines()[0], file=sys.stderr)
            return 1
        print(ROW + json.dumps(row))
        return 0
    chosen = set(filter(None, arguments.only.split(",")))
    kernels = [kernel for kernel in kernels if not chosen or kernel.name in chosen]
    known = known_rows(arguments)
    rows: list[Row] = []
    begun = time.monotonic()
    print(f"{len(os.sched_getaffinity(0))} cores; load {os.getloadavg()[0]:.1f}")
    for number, kernel in enumerate(kernels, 1):
        row = known.get(kernel.name)
        if row is None:
            if time.monotonic() - begun > arguments.minutes * 60:
                print(f"stopped before {kernel.name}; the same command goes on from here")
                break
            print(f"{number:2d}/{len(kernels)} {time.monotonic() - begun:4.0f} s ", end="", flush=True)
            row = row_apart(kernel, arguments)
        else:
            print(f"{number:2d}/{len(kernels)}  known ", end="")
        rows.append(row)
        print(shown(row, arguments), flush=True)
        write(
            [*rows, *(one for name, one in known.items() if name not in {r["kernel"] for r in rows})],
            arguments.json,
        )
    print(summary(rows))
    return int(any("error" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
