"""`exalift.lift` from end to end: results, calls, sizes, contract, errors."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import exalift
from exalift.base import RefusedError, UsageError
from exalift.dialects.stablehlo import verify_module
from exalift.pipeline import Lifted, check, read_suite, report_of

ROOT = Path(__file__).parents[2]

SAXPY = (
    "void saxpy(int n, float a, const float *x, float *y) { for (int i = 0; i < n; i++) y[i] += a * x[i]; }"
)

DOT = """
double dot(int n, const double x[n], const double y[n]) {
  double s = 0;
  for (int i = 0; i < n; i++) s += x[i] * y[i];
  return s;
}
"""

BOTH = """
int both(int n, int m, double lower[n][n], const double x[n][m], double y[n][m], int seen[m]) {
  int count = 0;
  for (int j = 0; j < m; j++) seen[j] = j;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) lower[i][j] = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) y[i][j] = x[i][j] + 1;
  for (int j = 0; j < m; j++) count += seen[j];
  return count;
}
"""

PREFIX = """
void prefix(int n, double x[n]) {
  for (int i = 1; i < n; i++) x[i] = 0.5 * x[i - 1] + x[i];
}
"""


@pytest.fixture(scope="module")
def saxpy() -> Lifted:
    return exalift.lift(SAXPY)


def _vectors(n: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n)
    return generator.uniform(size=n).astype(np.float32), generator.uniform(size=n).astype(np.float32)


def test_a_text_is_lifted_and_prints_a_module(saxpy: Lifted) -> None:
    assert (saxpy.function, saxpy.target, saxpy.status) == ("saxpy", "stablehlo", "lifted")
    verify_module(str(saxpy))
    verify_module(saxpy.text({"n": 37}))
    assert "tensor<37xf32>" in saxpy.text({"n": 37})
    assert [value.name for value in saxpy.arguments] == ["a", "x", "y"]
    assert [value.kind for value in saxpy.arguments] == ["scalar", "array", "array"]


def test_a_size_that_nothing_tells_is_noted(saxpy: Lifted) -> None:
    (note,) = saxpy.notes
    assert "size n not given; printed for n = 8" in note.message
    assert exalift.lift(SAXPY, sizes={"n": 5}).notes == ()


@pytest.mark.parametrize("n", [1, 2, 37])
def test_numpy_in_numpy_out_with_sizes_from_shapes(saxpy: Lifted, n: int) -> None:
    x, y = _vectors(n)
    result = saxpy(2.5, x, y)
    assert isinstance(result, np.ndarray) and result.dtype == np.float32
    np.testing.assert_allclose(result, 2.5 * x + y, rtol=1e-6)
    np.testing.assert_array_equal(saxpy(y=y, a=np.float32(2.5), x=x), result)


def test_jax_in_jax_out_and_under_jit(saxpy: Lifted) -> None:
    x, y = _vectors(11)
    direct = saxpy(2.0, jax.numpy.asarray(x), y)
    assert isinstance(direct, jax.Array)
    np.testing.assert_allclose(direct, 2 * x + y, rtol=1e-6)
    traced = jax.jit(lambda a, b: saxpy(2.0, a, b) * 3)(x, y)
    np.testing.assert_allclose(traced, 3 * (2 * x + y), rtol=1e-6)


def test_a_return_value_is_a_result() -> None:
    lifted = exalift.lift(DOT)
    assert [result.name for result in lifted.results] == ["return"]
    x, y = np.arange(5.0), np.ones(5)
    assert float(lifted(x, y)) == 10.0  # type: ignore[arg-type]


def test_the_contract_of_arguments_and_results() -> None:
    lifted = exalift.lift(BOTH, sizes={"n": 5, "m": 6})
    # `lower` is written in part, `y` and `seen` as a whole; `x` is only read.
    assert [(v.name, v.shape) for v in lifted.arguments] == [("lower", (5, 5)), ("x", (5, 6))]
    names = ["return", "lower", "y", "seen"]
    assert [v.name for v in lifted.results] == names
    report = report_of(lifted)
    assert [r["name"] for r in report["results"]] == names
    assert report["results"][0] == {"name": "return", "dtype": "int32", "shape": []}
    lower, x = np.ones((5, 5)), np.zeros((5, 6))
    results = lifted(lower, x)
    assert isinstance(results, tuple)
    assert int(results[0]) == 15
    np.testing.assert_array_equal(results[1], np.triu(lower))
    np.testing.assert_array_equal(results[2], x + 1)
    np.testing.assert_array_equal(results[3], np.arange(6))


def test_a_recurrence_is_lifted_in_part_and_says_why() -> None:
    lifted = exalift.lift(PREFIX, sizes={"n": 9})
    assert lifted.status == "partial"
    (loop,) = lifted.residual_loops
    assert loop.iv and "x" in loop.reason
    report = report_of(lifted)
    assert (report["status"], report["residual_loops"]) == ("partial", 1)
    assert all(region["residual_loops"] == 1 for region in report["regions"])
    assert check(lifted).agrees


def test_wrong_calls_are_typed(saxpy: Lifted) -> None:
    x, y = _vectors(4)
    with pytest.raises(UsageError, match="lacks y"):
        saxpy(1.0, x)
    with pytest.raises(UsageError, match="no argument 'q'"):
        saxpy(1.0, x, q=y)
    with pytest.raises(UsageError, match="twice"):
        saxpy(1.0, x, y, x=x)
    with pytest.raises(UsageError, match="takes 3 arguments"):
        saxpy(1.0, x, y, y)
    with pytest.raises(UsageError, match="shape"):
        saxpy(1.0, x, y[:3])
    with pytest.raises(UsageError, match="float64, not float32"):
        saxpy(1.0, x.astype(np.float64), y)
    with pytest.raises(UsageError, match="no size 'm'"):
        saxpy.text({"m": 3})
    with pytest.raises(UsageError, match="at least"):
        saxpy.text({"n": -3})


def test_wrong_lifts_are_typed() -> None:
    with pytest.raises(UsageError, match="no dialect"):
        exalift.lift(SAXPY, target="vhdl")
    with pytest.raises(UsageError, match="say which function"):
        exalift.lift(SAXPY + PREFIX)
    with pytest.raises(UsageError, match="cannot read"):
        exalift.lift("absent.c")
    with pytest.raises(UsageError, match="-D N=3"):
        exalift.lift(SAXPY, sizes={"N": 3})
    with pytest.raises(RefusedError) as refusal:
        exalift.lift("void f(int n, int *a) {\n  for (int i = 0; i < n; i++) a[a[i]] = i;\n}\n")
    assert refusal.value.diagnostics[0].span.line == 2


def test_a_seed_fixes_the_outcome() -> None:
    first, again = (exalift.lift(DOT, sizes={"n": 7}, seed=3) for _ in range(2))
    assert str(first) == str(again)
    assert [r.counters for r in first.regions] == [r.counters for r in again.regions]


def test_the_same_function_from_mlir() -> None:
    text = """
func.func @scale(%n: i32, %x: memref<?xf64>) {
  %c = arith.constant 3.0 : f64
  %m = arith.index_cast %n : i32 to index
  affine.for %i = 0 to %m {
    %0 = affine.load %x[%i] : memref<?xf64>
    %1 = arith.mulf %0, %c : f64
    affine.store %1, %x[%i] : memref<?xf64>
  }
  return
}
"""
    lifted = exalift.lift(text)
    np.testing.assert_allclose(lifted(np.ones(6)), 3 * np.ones(6))
    assert check(lifted).agrees


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.c")), ids=lambda path: path.stem)
def test_every_example_lifts_with_right_values(path: Path) -> None:
    (kernel,) = (k for k in read_suite(path.parent) if k.path == path)
    lifted = exalift.lift(path, kernel.function, sizes=kernel.mini.sizes)
    assert lifted.status == ("partial" if path.stem in ("diffuse", "smooth") else "lifted")
    assert check(lifted).agrees
