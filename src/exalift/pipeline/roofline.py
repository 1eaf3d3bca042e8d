"""The roofline (Williams et al., CACM 52(4), 2009): what was reached, under what the machine allows."""

# Matplotlib's stubs leave some parameters untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from exalift.base import write_atomically
from exalift.tensorize.peaks import Peak

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


@dataclass(frozen=True, slots=True)
class Point:
    """A kernel that was measured: operations a byte of its operands and result, operations a second, and the
    instruction that it uses."""

    name: str
    intensity: float
    rate: float
    instruction: str


def draw_roofline(peaks: Sequence[Peak], points: Sequence[Point], path: str | Path, title: str) -> None:
    """Draw a PNG: roofs of the instructions that the points use (all of them where there are no points), the
    slopes of memory, and the points. Raises OSError where `path` cannot be written."""
    used = {point.instruction for point in points}
    memory = [peak for peak in peaks if peak.is_memory]
    roofs = [peak for peak in peaks if not peak.is_memory and (not used or peak.name in used)]
    figure = Figure(figsize=(8.5, 5.5), dpi=150, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    intensity = np.logspace(-1, 4, 200)
    slowest = min((peak.rate for peak in memory), default=0.0)
    for level, peak in enumerate(memory):
        top = max(roof.rate for roof in roofs)
        slope = np.minimum(peak.rate * intensity, top) / 1e9
        axes.plot(intensity, slope, color="#999999", linewidth=1.0, linestyle=("-", "--", ":")[level % 3])
        at = top / peak.rate / 30
        label = f"{peak.name} {peak.rate / 1e9:.0f} GB/s"
        axes.text(at, peak.rate * at / 1e9, label, fontsize=7, rotation=38, color="#555555", va="bottom")
    for number, roof in enumerate(roofs):
        colour = _COLOURS[number % len(_COLOURS)]
        begins = roof.rate / slowest if slowest else intensity[0]
        axes.plot([begins, intensity[-1]], [roof.rate / 1e9] * 2, color=colour, linewidth=1.4)
        label = f"{roof.name} {roof.rate / 1e9:.0f} GOP/s"
        axes.text(intensity[-1], roof.rate / 1e9 * 1.05, label, fontsize=7, color=colour, ha="right")
        mine = [point for point in points if point.instruction == roof.name]
        places = [point.intensity for point in mine], [point.rate / 1e9 for point in mine]
        axes.plot(*places, "o", color=colour, markersize=5)
        for point in mine:
            place = point.intensity * 1.08, point.rate / 1e9
            axes.text(*place, point.name, fontsize=6.5, color=colour, va="top")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations a byte (of operands and result)", fontsize=9)
    axes.set_ylabel("GOP/s", fontsize=9)
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(True, color="#dddddd", linewidth=0.5)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    write_atomically(path, buffer.getvalue())
