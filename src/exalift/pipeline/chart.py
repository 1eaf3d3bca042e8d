"""The chart of a suite: how fast the lifted programs are, and how long it took to find them."""

# Matplotlib's stubs leave some parameters untyped.
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from exalift.base import write_atomically

# Colours of Okabe and Ito's palette, which people with any kind of colour vision tell apart.
_COLOURS = {"lifted": "#0072B2", "partial": "#E69F00"}
_SEARCH = "#999999"
_WORDS = {"lifted": "lifted whole", "partial": "partial (a loop stays)"}
_TEXT = "#222222"


@dataclass(frozen=True, slots=True)
class Bar:
    """One kernel. `ratio`: seconds of C over seconds of the lifted program; None where not measured.

    `status`: "lifted", "partial", or what went wrong, which is then written instead of a bar.
    """

    name: str
    status: str
    ratio: float | None
    search_seconds: float | None


def draw_chart(bars: Sequence[Bar], path: str | Path, title: str, baseline: str) -> None:
    """Draw a PNG: bars of speed against `baseline` on a logarithmic axis, then seconds of search.

    Raises OSError where `path` cannot be written.
    """
    ordered = sorted(bars, key=lambda bar: (bar.ratio is not None, bar.ratio or 0.0, bar.name))
    height = 1.9 + 0.27 * max(3, len(ordered))
    figure = Figure(figsize=(10.5, height), dpi=150, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    speed, search = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1.4))
    _draw_speed(speed, ordered, baseline)
    _draw_search(search, ordered)
    figure.suptitle(title, fontsize=12, color=_TEXT, x=0.01, ha="left")
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    write_atomically(path, buffer.getvalue())


def _clean(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(colors=_TEXT, labelsize=8.5)
    axes.xaxis.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _logarithmic(axes: Axes, values: Sequence[float], low: float, high: float) -> None:
    """A logarithmic axis that holds all values and at least [low, high], with room for labels."""
    axes.set_xscale("log")
    axes.set_xlim(min([*values, low]) / 1.6, max([*values, high]) * 2.6)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())


def _factor(value: float) -> str:
    return f"{value:.0f}x" if value >= 10 else f"{value:.2g}x"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.1 else f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def _draw_speed(axes: Axes, bars: Sequence[Bar], baseline: str) -> None:
    _clean(axes)
    measured = [bar.ratio for bar in bars if bar.ratio]
    _logarithmic(axes, measured, 0.5, 10.0)
    for position, bar in enumerate(bars):
        if bar.ratio:
            colour = _COLOURS.get(bar.status, _SEARCH)
            # Bars start at 1, so that what is slower than C points to the left.
            axes.barh(position, bar.ratio - 1.0, left=1.0, height=0.68, color=colour)
            end = max(bar.ratio, 1.0)
            axes.text(end * 1.06, position, _factor(bar.ratio), va="center", fontsize=7.5, color=_TEXT)
        else:
            said = "not measured" if bar.status in _COLOURS else bar.status
            axes.text(1.06, position, said, va="center", fontsize=7.5, color="#777777", style="italic")
    axes.axvline(1.0, color=_TEXT, linewidth=0.9)
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.set_ylim(-0.7, len(bars) - 0.3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_xlabel(f"speed against {baseline} (right of 1x is faster)", fontsize=9, color=_TEXT)
    present = [status for status in _COLOURS if any(bar.status == status for bar in bars)]
    patches = [Patch(color=_COLOURS[status], label=_WORDS[status]) for status in present]
    if patches:
        axes.legend(handles=patches, fontsize=8, loc="lower right", frameon=True, framealpha=0.9)


def _draw_search(axes: Axes, bars: Sequence[Bar]) -> None:
    _clean(axes)
    known = [bar.search_seconds for bar in bars if bar.search_seconds]
    _logarithmic(axes, known, 0.05, 1.0)
    for position, bar in enumerate(bars):
        if bar.search_seconds:
            axes.plot([bar.search_seconds], [position], "o", markersize=4.5, color=_SEARCH)
            axes.text(
                bar.search_seconds * 1.25,
                position,
                _seconds(bar.search_seconds),
                va="center",
                fontsize=7.5,
                color=_TEXT,
            )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("seconds to lift and prove", fontsize=9, color=_TEXT)
