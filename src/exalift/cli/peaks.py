"""Measure what this machine can do at best, and draw a roofline of tuned matrix products.

Every tensorized instruction that the CPU has runs on registers with random operands; memory is read from
each level. With --chart, products of some sizes are tuned and measured, and drawn under these roofs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from exalift.base import UsageError
from exalift.pipeline.tuning import measured_points
from exalift.tensorize.peaks import Peak, measure_peaks

from .console import Columns, message_console, output_console, say


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=1, help="how many threads (1)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--chart", metavar="OUT.png", type=Path, help="draw the roofline here")
    parser.add_argument("--size", type=int, default=512, help="of the products for --chart (512)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.threads < 1 or arguments.size < 1:
        raise UsageError("--threads and --size are positive numbers")
    peaks = measure_peaks(arguments.threads)
    if arguments.json:
        rows = [{"name": p.name, "threads": p.threads, "rate": p.rate, "unit": _unit(p)} for p in peaks]
        print(json.dumps(rows, indent=2))
    else:
        table = [("what", "threads", "rate", "")]
        table += [(p.name, str(p.threads), f"{p.rate / 1e9:.1f}", f"G{_unit(p)}") for p in peaks]
        say(output_console(), "\n".join(Columns(tuple(table)).lines()))
    if arguments.chart is not None:
        from exalift.pipeline.roofline import draw_roofline  # matplotlib takes a second to load

        points = measured_points(arguments.size, arguments.threads)
        title = f"Products of {arguments.size} x {arguments.size}, {arguments.threads} thread(s)"
        draw_roofline(peaks, points, arguments.chart, title)
        say(message_console(False), f"wrote {arguments.chart}")
    return 0


def _unit(peak: Peak) -> str:
    return "B/s" if peak.is_memory else "OP/s"
