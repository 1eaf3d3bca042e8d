"""The roofline is a picture with and without points."""

from __future__ import annotations

from pathlib import Path

from exalift.pipeline.roofline import Point, draw_roofline
from exalift.tensorize.peaks import Peak


def test_a_roofline_is_drawn(tmp_path: Path) -> None:
    peaks = [Peak("fma", 1, 1e11), Peak("dot", 1, 4e11), Peak("DRAM read", 1, 1e10, is_memory=True)]
    for number, points in enumerate(([], [Point("f32 8x8x8", 20.0, 8e10, "fma")])):
        path = tmp_path / f"{number}.png"
        draw_roofline(peaks, points, path, "title")
        assert path.read_bytes().startswith(b"\x89PNG")
