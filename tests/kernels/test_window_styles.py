"""Reductions over windows whose width is a size: one reduce_window, no loop, for all sizes."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.dialects import Operation, Update, postorder
from exalift.pipeline import lift

MAXIMUM = """
#include <math.h>
void f(int n, int w, const float x[n + w - 1], float y[n])
{
    for (int i = 0; i < n; i++) {
        float m = -INFINITY;
        for (int k = 0; k < w; k++) m = fmaxf(m, x[i + k]);
        y[i] = m;
    }
}
"""
FIRST = """
void f(int n, int w, const float x[n + w - 1], float y[n])
{
    for (int i = 0; i < n; i++) {
        float m = x[i];
        for (int k = 1; k < w; k++) if (x[i + k] > m) m = x[i + k];
        y[i] = m;
    }
}
"""
SUM = """
void f(int n, int w, const float *x, float *y)
{
    for (int i = 0; i < n; i++) {
        y[i] = 0;
        for (int k = 0; k < w; k++) y[i] += x[i + k];
    }
}
"""


@pytest.mark.parametrize(("text", "reduced"), [(MAXIMUM, np.max), (FIRST, np.max), (SUM, np.sum)])
def test_a_window_of_any_width(text: str, reduced) -> None:
    lifted = lift(text, language="c")
    assert not lifted.residual_loops
    assert lifted.proof == "all-sizes"
    (step,) = lifted.program.body
    assert isinstance(step, Update)
    ops = [node.name for node in postorder(step.value) if isinstance(node, Operation)]
    assert ops.count("stablehlo.reduce_window") == 1

    x = np.random.default_rng(1).integers(-99, 99, 23).astype(np.float32)
    got = lifted(x=x, sizes={"n": 17, "w": 7})
    assert np.array_equal(got, reduced(np.lib.stride_tricks.sliding_window_view(x, 7), axis=1))
