"""Filters as people write them: each becomes one convolution with no loop left, and is right."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.dialects import Operation, Update, postorder
from exalift.pipeline import lift

HEAD = "void f(int n, int taps, const T x[{extent}], const T h[taps], R y[{result}]) {{ {body} }}"
FORWARD = "for (int i = 0; i < n; i++) {{ R s = 0; for (int k = 0; k < taps; k++) {each} y[i] = s; }}"
STYLES = {
    "correlation": ("n + taps - 1", "n", FORWARD.format(each="s += x[i + k] * h[k];")),
    "reversed-kernel": ("n + taps - 1", "n", FORWARD.format(each="s += x[i + k] * h[taps - 1 - k];")),
    "past-samples-if": ("n", "n", FORWARD.format(each="if (i - k >= 0) s += x[i - k] * h[k];")),
    "past-samples-choice": ("n", "n", FORWARD.format(each="s += k <= i ? x[i - k] * h[k] : 0;")),
    "dilated-past": ("n", "n", FORWARD.format(each="{ int p = i - 2 * k; s += p >= 0 ? x[p] * h[k] : 0; }")),
    "strided": ("2 * n + taps", "n", FORWARD.format(each="s += x[2 * i + k] * h[k];")),
    "scattered": (
        "n",
        "n + taps - 1",
        "for (int i = 0; i < n + taps - 1; i++) y[i] = 0;"
        "for (int i = 0; i < n; i++) for (int k = 0; k < taps; k++) y[i + k] += x[i] * h[k];",
    ),
}


def expected(style: str, x: np.ndarray, h: np.ndarray, n: int) -> np.ndarray:
    """The same filter in NumPy's own words."""
    wide, taps = x.astype(np.float64), h.astype(np.float64)
    match style:
        case "correlation":
            return np.correlate(wide, taps, "valid")
        case "reversed-kernel":
            return np.convolve(wide, taps, "valid")
        case "dilated-past":
            spread = np.zeros(2 * len(taps) - 1)
            spread[::2] = taps
            return np.convolve(wide, spread)[:n]
        case "strided":
            return np.correlate(wide, taps, "valid")[::2][:n]
        case "scattered":
            return np.convolve(wide, taps)
        case _:
            return np.convolve(wide, taps)[:n]


@pytest.mark.parametrize(("element", "sum_"), [("float", "float"), ("short", "int")])
@pytest.mark.parametrize("style", STYLES)
def test_a_filter_is_one_convolution(style: str, element: str, sum_: str) -> None:
    extent, result, body = STYLES[style]
    text = f"#define T {element}\n#define R {sum_}\n" + HEAD.format(extent=extent, result=result, body=body)
    lifted = lift(text, language="c")
    assert not lifted.residual_loops
    assert lifted.proof == "all-sizes"
    ops = [
        node.name
        for item in lifted.program.body
        if isinstance(item, Update)
        for node in postorder(item.value)
        if isinstance(node, Operation)
    ]
    assert ops.count("stablehlo.convolution") == 1

    n, taps = 23, 5
    generator = np.random.default_rng(1)
    size = {"n + taps - 1": n + taps - 1, "n": n, "2 * n + taps": 2 * n + taps}[extent]
    dtype = np.float32 if element == "float" else np.int16
    x, h = (generator.integers(-9, 9, count).astype(dtype) for count in (size, taps))
    got = lifted(x=x, h=h, sizes={"n": n, "taps": taps})
    assert np.array_equal(got, expected(style, x, h, n))


def test_a_quantised_layer_with_a_zero_point_is_one_convolution() -> None:
    text = """
    void layer(int h, int w, int c, int o, int zero, const unsigned char x[h + 2][w + 2][c],
               const signed char k[3][3][c][o], int y[h][w][o])
    {
        for (int i = 0; i < h; i++) for (int j = 0; j < w; j++) for (int f = 0; f < o; f++) {
            int sum = 0;
            for (int a = 0; a < 3; a++) for (int b = 0; b < 3; b++) for (int d = 0; d < c; d++)
                sum += (x[i + a][j + b][d] - zero) * k[a][b][d][f];
            y[i][j][f] = sum;
        }
    }
    """
    lifted = lift(text, language="c")
    assert not lifted.residual_loops
    assert lifted.proof == "all-sizes"
