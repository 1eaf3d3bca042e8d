"""The chart is a readable PNG, whatever there is to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.pipeline.chart import Bar, draw_chart

BARS = [
    Bar("gemm", "lifted", 21.3, 0.2),
    Bar("trisolv", "partial", 0.02, 1.4),
    Bar("odd", "refused", None, None),
    Bar("unmeasured", "lifted", None, 0.01),
]


@pytest.mark.parametrize("bars", [BARS, BARS[2:3], [], BARS * 20])
def test_a_chart_is_a_png(tmp_path: Path, bars: list[Bar]) -> None:
    path = tmp_path / "chart.png"
    draw_chart(bars, path, "Examples", "gcc")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["chart.png"]
