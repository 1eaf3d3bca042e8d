"""Loops in order: what is computed row by row inside of them, and what an element waits for."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.dialects.stablehlo import STABLEHLO
from exalift.native import NativeDevice
from exalift.native.building import build
from exalift.native.plans import Planner
from exalift.native.program import Procedure, Sequential
from exalift.native.unused import assignments_of
from exalift.pipeline import Lifted, lift

SEIDEL = """
void seidel(int steps, int n, double a[n][n])
{
    for (int t = 0; t < steps; t++)
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                a[i][j] = (a[i-1][j-1] + a[i-1][j] + a[i-1][j+1] + a[i][j-1] + a[i][j] + a[i][j+1]
                         + a[i+1][j-1] + a[i+1][j] + a[i+1][j+1]) / 9;
}"""
FILTER = """
void filter(int n, const double *x, double *y)
{
    for (int i = 1; i < n; i++) y[i] = x[i] - 3 * (x[i-1] - y[i-1] / 4) - y[i-1];
}"""
SQUARES = """
void squares(int n, double *y)
{
    for (int i = 1; i < n; i++) y[i] = 0.5 - y[i-1] * y[i-1] / 2;
}"""


def procedure_of(program: Lifted, sizes: dict[str, int], strict_fp: bool = False) -> Procedure:
    return build(program.program, sizes, STABLEHLO, Planner(frozenset(), 1), strict_fp)[0]


def seidel(a: np.ndarray, steps: int) -> np.ndarray:
    a = a.copy()
    for _ in range(steps):
        for i in range(1, len(a) - 1):
            for j in range(1, len(a) - 1):
                a[i, j] = a[i - 1 : i + 2, j - 1 : j + 2].sum() / 9
    return a


def test_no_whole_array_is_made_for_rows_that_a_loop_uses() -> None:
    one = lift(SEIDEL)
    procedure = procedure_of(one, {"steps": 3, "n": 37})
    large = [name for name, buffer in procedure.buffers.items() if buffer.elements > 37]
    assert large == ["a"]
    a = np.random.default_rng(0).standard_normal((37, 37))
    (found,) = NativeDevice().compile_program(one.program, {"steps": 3, "n": 37}).run([a])
    np.testing.assert_allclose(found, seidel(a, 3), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("strict_fp", [False, True])
def test_an_element_waits_for_one_product_and_one_sum(strict_fp: bool) -> None:
    one = lift(FILTER)
    body = procedure_of(one, {"n": 101}, strict_fp).body
    loops = [item for item in body if isinstance(item, Sequential)]
    (statement,) = assignments_of(loops[-1].body)
    parts = statement.body.operands  # type: ignore[union-attr]
    before = [p for p in parts if getattr(p, "function", "") == "multiply" and "y" in str(p)]
    assert strict_fp or len(before) == 1
    x, y = np.random.default_rng(0).standard_normal((2, 101))
    expected = y.copy()
    for i in range(1, 101):
        expected[i] = x[i] - 3 * (x[i - 1] - expected[i - 1] / 4) - expected[i - 1]
    device = NativeDevice(strict_fp=strict_fp)
    (found,) = device.compile_program(one.program, {"n": 101}).run([x, y])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_what_is_not_linear_stays_as_it_is() -> None:
    one = lift(SQUARES)
    y = np.random.default_rng(0).standard_normal(51)
    expected = y.copy()
    for i in range(1, 51):
        expected[i] = 0.5 - expected[i - 1] * expected[i - 1] / 2
    (found,) = NativeDevice().compile_program(one.program, {"n": 51}).run([y])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


BELOW = """
void below(int n, const double b[n][n], double a[n][n], double c[n][n])
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) c[i][j] = a[i][j] + b[i][j];
    for (int i = 1; i < n; i++)
        for (int j = 1; j < n; j++) a[i][j] = a[i][j-1] * 0.5 + c[i-1][j] + c[n-1][n-1];
}"""


def test_an_array_that_is_a_result_or_read_elsewhere_stays_whole() -> None:
    one = lift(BELOW)
    n = 23
    b, a, c = np.random.default_rng(0).standard_normal((3, n, n))
    expected_c = a + b
    expected = a.copy()
    for i in range(1, n):
        for j in range(1, n):
            expected[i, j] = expected[i, j - 1] * 0.5 + expected_c[i - 1, j] + expected_c[n - 1, n - 1]
    given = {"a": a, "b": b, "c": c}
    executable = NativeDevice().compile_program(one.program, {"n": n})
    results = executable.run([given[argument.name] for argument in one.program.arguments])
    found = dict(zip((result.name for result in one.program.results), results, strict=True))
    np.testing.assert_allclose(found["a"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["c"], expected_c, rtol=1e-12)
