"""Contractions with unusual orders of axes, or axes that share a dimension: one product, proved."""

from __future__ import annotations

import numpy as np

from exalift.dialects import Operation, Update, postorder
from exalift.pipeline import Lifted, lift

ORDERS = """
void product(int a, int b, int c, int d, const float x[a][d], const float w[d][c][b], float o[a][b][c])
{
    for (int i = 0; i < a; i++) for (int j = 0; j < b; j++) for (int k = 0; k < c; k++) {
        float s = 0;
        for (int t = 0; t < d; t++) s += x[i][t] * w[t][k][j];
        o[i][j][k] = s;
    }
}
"""
GATES = """
void gates(int n, int d, int h, const float *x, const float *w, float *out)
{
    for (int i = 0; i < n; i++) for (int j = 0; j < h; j++) for (int k = 0; k < 4; k++) {
        float s = 0;
        for (int t = 0; t < d; t++) s += x[i * d + t] * w[t * 4 * h + k * h + j];
        out[(i * h + j) * 4 + k] = s;
    }
}
"""


def products(lifted: Lifted) -> list[str]:
    """The ops of the lifted program that sum products."""
    assert not lifted.residual_loops
    assert lifted.proof == "all-sizes"
    found = (postorder(item.value) for item in lifted.program.body if isinstance(item, Update))
    names = [node.name for graph in found for node in graph if isinstance(node, Operation)]
    return [name for name in names if name in ("stablehlo.dot_general", "stablehlo.convolution")]


def test_axes_that_a_factor_has_in_another_order_than_the_result() -> None:
    lifted = lift(ORDERS, language="c")
    assert products(lifted) == ["stablehlo.dot_general"]
    generator = np.random.default_rng(1)
    x, w = (generator.integers(-9, 9, shape).astype(np.float32) for shape in ((3, 4), (4, 6, 5)))
    assert np.array_equal(lifted(x=x, w=w), np.einsum("it,tkj->ijk", x, w))


def test_a_dimension_of_which_one_part_is_summed_is_no_window() -> None:
    assert products(lift(GATES, language="c")) == ["stablehlo.dot_general"]
