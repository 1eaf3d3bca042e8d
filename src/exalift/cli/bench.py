"""Run a suite: a folder with suite.toml, or with *.c files.

For every kernel: whether it lifts and which loops stay, the ops, the level of proof, what the search
counted and how long it took, whether values at odd sizes are right, and the speed on XLA's CPU against
C compilers. XLA uses all cores, the compiled C one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from exalift.base import UsageError, write_atomically
from exalift.pipeline import Bench, BenchOptions, Options, Row, bench

from .console import Columns, message_console, output_console, say
from .options import positive_seconds

_HEADER = (
    *("kernel", "lifted", "loops", "ops", "proof", "enumerated", "filtered", "evaluated", "pruned"),
    *("seconds", "right", "XLA", "C", "speed", "native", "speed"),
)
_RIGHT = frozenset({2, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15})
_OPS_WIDTH = 44


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="the suite")
    parser.add_argument(
        "--compilers",
        default="gcc",
        metavar="NAMES",
        help="of gcc, clang, polly; with commas; 'none' for no measurement (gcc)",
    )
    parser.add_argument(
        "--devices",
        default="xla",
        metavar="NAMES",
        help="of xla (always measured) and native; with commas (xla)",
    )
    parser.add_argument("--only", metavar="PATTERN", default="*", help="the kernels of these names (*)")
    parser.add_argument(
        "--single", action="store_true", help="check single precision too, where there is one"
    )
    parser.add_argument("--json", metavar="OUT.json", type=Path, help="write all figures as JSON")
    parser.add_argument("--chart", metavar="OUT.png", type=Path, help="draw a chart")
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=positive_seconds,
        default=60.0,
        help="of search and proof, a kernel (60)",
    )
    parser.add_argument(
        "--proof", choices=("bounded", "tested"), default="bounded", help="to try for (bounded)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the table only at the end")


def run(arguments: argparse.Namespace) -> int:
    names = [name for name in arguments.compilers.split(",") if name and name != "none"]
    options = BenchOptions(
        tuple(names),
        arguments.only,
        arguments.single,
        "native" in _devices(arguments.devices),
        Options(budget_s=arguments.budget, level=arguments.proof),
    )
    for path in (arguments.json, arguments.chart):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path.parent} is not a folder")
    messages = message_console(arguments.quiet)
    found = bench(arguments.folder, options, lambda row: say(messages, _line(row)))
    say(output_console(), _table(found))
    if arguments.json is not None:
        write_atomically(arguments.json, json.dumps(found.to_dict(), indent=2) + "\n")
        say(messages, f"wrote {arguments.json}")
    if arguments.chart is not None:
        found.draw(arguments.chart)
        say(messages, f"wrote {arguments.chart}")
    wrong = [row for row in found.rows if row.right is False or row.right_single is False]
    return 1 if wrong or found.count("failed") else 0


def _devices(names: str) -> tuple[str, ...]:
    """UsageError for a device that is neither xla nor native."""
    found = tuple(name for name in names.split(",") if name)
    for name in found:
        if name not in ("xla", "native"):
            raise UsageError(f"--devices takes xla and native, not {name!r}")
    return found


def _line(row: Row) -> str:
    """One kernel as soon as it is done."""
    if row.status in ("refused", "failed"):
        return f"{row.kernel}: {row.status}: {row.message}"
    seconds = f"{row.search_seconds:.2f} s" if row.search_seconds is not None else ""
    return f"{row.kernel}: {row.status}, {seconds}{f', {row.message}' if row.message else ''}"


def _table(found: Bench) -> str:
    rows = [_HEADER, *(_cells(row) for row in found.rows)]
    lines = [*Columns(tuple(rows), _RIGHT).lines(), ""]
    total = len(found.rows)
    lines.append(
        f"{found.count('lifted')} of {total} lifted whole, {found.count('partial')} in part, "
        f"{found.count('refused')} refused, {found.count('failed')} failed; "
        f"{sum(row.right is True for row in found.rows)} with right values"
    )
    if found.median_search is not None:
        lines.append(f"median seconds to lift and prove: {found.median_search:.3g}")
    if found.median_ratio is not None:
        lines.append(f"median speed against {found.versus}: {found.median_ratio:.3g} times ({found.machine})")
    for row in found.rows:
        lines += [f"{row.kernel}: a loop stays: {reason}" for reason in dict.fromkeys(row.reasons)]
        if row.message:
            lines.append(f"{row.kernel}: {row.message}")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    if row.status in ("refused", "failed"):
        return (row.kernel, row.status, *("" for _ in _HEADER[2:]))
    ops = " ".join(row.ops)
    counted = row.counters
    right = {True: "yes", False: "NO", None: "-"}[row.right]
    if row.right_single is not None:
        right += " / yes" if row.right_single else " / NO"
    return (
        row.kernel,
        "whole" if row.status == "lifted" else "part",
        str(row.residual_loops),
        ops if len(ops) <= _OPS_WIDTH else ops[: _OPS_WIDTH - 3] + "...",
        row.proof,
        f"{counted.enumerated:,}",
        f"{counted.static:,}",
        f"{counted.evaluated:,}",
        f"{counted.equivalent:,}",
        f"{row.search_seconds:.2f}" if row.search_seconds is not None else "-",
        right,
        _seconds(row.lifted_seconds),
        _seconds(row.best_native),
        f"{row.ratio:.2f}x" if row.ratio is not None else "-",
        _seconds(row.device_seconds),
        f"{row.device_ratio:.2f}x" if row.device_ratio is not None else "-",
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return (
        f"{value * 1e6:.0f} us"
        if value < 1e-3
        else f"{value * 1e3:.3g} ms"
        if value < 1
        else f"{value:.3g} s"
    )
