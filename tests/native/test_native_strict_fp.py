"""With `strict_fp`, results are those of the source compiled without contraction, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.llvm import plain_target
from exalift.native import NativeDevice
from exalift.native.program import Product
from exalift.pipeline import Lifted, lift
from exalift.reference import compile_c, random_inputs

SOURCES = {
    "dot": """
double dot(int n, const double *a, const double *b)
{
    double s = 0;
    for (int i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}""",
    "norm": """
void norm(int m, int n, const float a[m][n], const float x[n], float y[m])
{
    for (int i = 0; i < m; i++) {
        y[i] = 0;
        for (int j = 0; j < n; j++) y[i] += a[i][j] * x[j] / 3;
    }
}""",
    "blend": """
void blend(int n, double t, const double *a, const double *b, double *restrict c)
{
    for (int i = 0; i < n; i++) c[i] = a[i] * t + b[i] * (1 - t) + c[i];
}""",
    "solve": """
void solve(int n, const double u[n][n], double x[n])
{
    for (int j = 0; j < n; j++)
        for (int k = 0; k < j; k++) x[j] -= x[k] * u[k][j];
}""",
}
SIZES = {"m": 37, "n": 301}


def drawn(kept: Lifted, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Inputs whose sums and products are all rounded: every bit is random."""
    generator = np.random.default_rng(3)
    like = random_inputs(kept.original, sizes, 3)
    return {n: np.asarray(generator.standard_normal(v.shape) / 7).astype(v.dtype) for n, v in like.items()}


def runs(kept: Lifted, device: NativeDevice) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Results of the source, compiled with every operation apart, and of the device."""
    sizes = {name: SIZES[name] for name in kept.sizes.values}
    flags = ("-O2", "-march=native", "-ffp-contract=off")
    source = compile_c(kept.source.text, kept.source.filename, kept.original, flags=flags)
    inputs = drawn(kept, sizes)
    expected = source(inputs, sizes)
    given = [inputs[argument.name] for argument in kept.program.arguments]
    found = device.compile_program(kept.program, sizes).run(given)
    return [np.asarray(expected[result.name]) for result in kept.program.results], list(found)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_strict_programs_give_the_sources_bits(name: str, plain: bool, threads: int) -> None:
    kept = lift(SOURCES[name], strict_fp=True)
    assert kept.strict_fp
    target = plain_target() if plain else None
    expected, found = runs(kept, NativeDevice(target, threads, kept.strict_fp))
    for right, value in zip(expected, found, strict=True):
        np.testing.assert_array_equal(value, right)


def test_calls_of_a_strict_program_are_strict() -> None:
    """What `lift` was told is what a call does."""
    kept = lift(SOURCES["blend"], strict_fp=True)
    inputs = drawn(kept, {"n": 301})
    given = [inputs[argument.name] for argument in kept.program.arguments]
    expected, _ = runs(kept, NativeDevice(strict_fp=True))
    np.testing.assert_array_equal(kept(*given, device="native"), expected[0])


def test_without_it_products_are_contracted_or_reordered() -> None:
    """The bits above are not there by chance."""
    free = lift(SOURCES["dot"])
    expected, found = runs(free, NativeDevice(threads=1))
    assert found[0] != expected[0]
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)


def test_sums_of_a_module_are_taken_in_order() -> None:
    """A sum that the program leaves to the device is taken from its first term to its last."""
    text = """
module {
  func.func public @f(%a: tensor<131x135xf32>, %b: tensor<135x139xf32>) -> tensor<131x139xf32> {
    %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0]
      : (tensor<131x135xf32>, tensor<135x139xf32>) -> tensor<131x139xf32>
    return %0 : tensor<131x139xf32>
  }
}
"""
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((131, 135)), generator.standard_normal((135, 139))
    a, b = a.astype(np.float32), b.astype(np.float32)
    compiled = NativeDevice(strict_fp=True).compile_module(text)
    assert not any(isinstance(item, Product) for item in compiled.procedure.body)
    expected = np.zeros((131, 139), np.float32)
    for k in range(135):
        expected += a[:, k, None] * b[k]
    np.testing.assert_array_equal(compiled.run([a, b])[0], expected)
