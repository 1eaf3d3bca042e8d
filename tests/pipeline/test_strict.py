"""Lifting with `strict_fp`: what comes out keeps the order of operations, or nothing does."""

import numpy as np
import pytest

from exalift import lift
from exalift.affine import split_into_regions
from exalift.affine.algebra import Machine
from exalift.base import RefusedError
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import STABLEHLO
from exalift.pipeline import lifting
from exalift.proof import Level, Status

DOT = """
double dot(int n, const double *a, const double *b)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}
"""
MEAN = """
void mean(int n, const double *a, const double *b, const double *c, double *y)
{
    for (int i = 0; i < n; i++)
        y[i] = a[i] + (b[i] + c[i]) / 3 + (a[i] - b[i]);
}
"""


def test_a_sum_stays_a_loop_under_strict_fp_only():
    assert not lift(DOT).residual_loops
    kept = lift(DOT, strict_fp=True)
    assert len(kept.residual_loops) == 1
    assert (kept.verdict.status, kept.verdict.level) == (Status.PROVED, Level.ALL_SIZES)


def test_element_wise_sums_keep_their_order():
    kept = lift(MEAN, strict_fp=True)
    assert kept.verdict.status is Status.PROVED and not kept.residual_loops
    generator = np.random.default_rng(0)
    a, b, c = (generator.standard_normal(50) * 10.0**k for k in (0, 8, -8))
    expected = a + (b + c) / 3 + (a - b)
    # A compiler may still fuse operations, and XLA does; the module itself says what C says.
    given = {"a": a, "b": b, "c": c}
    found = evaluate_program(kept.program, given, {"n": 50}, Machine(), STABLEHLO)["y"]
    assert (found == expected).all()


def test_what_cannot_be_kept_in_order_is_refused(monkeypatch):
    """A search that only ever finds another order gets nothing out."""
    monkeypatch.setattr(lifting, "split_into_regions", lambda program, ordered: split_into_regions(program))
    monkeypatch.setattr(lifting, "one_operation_regions", lambda regions: regions)
    monkeypatch.setattr(lifting, "split_in_source_order", split_into_regions)
    with pytest.raises(RefusedError, match="order of floating-point operations"):
        lift(DOT, strict_fp=True)
