"""Codes of four bits that C takes apart by masks and shifts: their products are those of bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift import lift
from exalift.affine import Affine, Apply, Cast, Constant, Expression, Formula, Load, evaluate
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.llvm import host_target
from exalift.native import NativeDevice
from exalift.native.program import Product
from exalift.native.ranges import value_range

M, N, K = 132, 96, 352
SOURCE = f"""
#include <stdint.h>
void pairs(const int8_t x[{M}][{K}], const uint8_t w[{N}][{K // 2}], int32_t out[{M}][{N}]) {{
  for (int i = 0; i < {M}; i++)
    for (int j = 0; j < {N}; j++) {{
      int32_t sum = 0;
      for (int k = 0; k < {K // 2}; k++)
        sum += x[i][2 * k] * ((w[j][k] & 15) - 8) + x[i][2 * k + 1] * ((w[j][k] >> 4) - 8);
      out[i][j] = sum;
    }}
}}
void each(const int8_t x[{M}][{K}], const uint8_t w[{N}][{K // 2}], int32_t out[{M}][{N}]) {{
  for (int i = 0; i < {M}; i++)
    for (int j = 0; j < {N}; j++) {{
      int32_t sum = 0;
      for (int k = 0; k < {K}; k++)
        sum += x[i][k] * (((w[j][k / 2] >> (4 * (k % 2))) & 15) - 8);
      out[i][j] = sum;
    }}
}}
void complement(const int8_t x[{M}][{K}], const uint8_t w[{N}][{K // 2}], int32_t out[{M}][{N}]) {{
  for (int i = 0; i < {M}; i++)
    for (int j = 0; j < {N}; j++) {{
      int32_t sum = 0;
      for (int k = 0; k < {K // 2}; k++)
        sum += x[i][2 * k] * ((int8_t)(w[j][k] << 4) >> 4) + x[i][2 * k + 1] * ((int8_t)w[j][k] >> 4);
      out[i][j] = sum;
    }}
}}
"""


@pytest.mark.parametrize(("name", "products"), [("pairs", 2), ("each", 1), ("complement", 2)])
def test_a_dense_layer_of_codes_runs_on_products_of_bytes(name: str, products: int, tmp_path) -> None:
    path = tmp_path / "codes.c"
    path.write_text(SOURCE)
    lifted = lift(path, name, level="tested")
    compiled = NativeDevice(host_target(), 1).compile_module(lifted.text())
    used = [item.plan.instruction for item in compiled.procedure.body if isinstance(item, Product)]
    assert len(used) == products
    if host_target().has("avx512vnni"):
        assert {one.rhs.dtype.bits for one in used} == {8}
    generator = np.random.default_rng(0)
    signed = name == "complement"
    for codes in (
        generator.integers(0, 256, (N, K // 2), np.uint8),
        *(np.full((N, K // 2), b, np.uint8) for b in (0, 0x88, 255)),
    ):
        for x in (generator.integers(-128, 128, (M, K), np.int8), np.full((M, K), -128, np.int8)):
            halves = np.stack([codes & 15, codes >> 4], -1).reshape(N, K).astype(np.int64)
            weights = halves - 16 * (halves >> 3) if signed else halves - 8
            (result,) = compiled.run([x, codes])
            np.testing.assert_array_equal(result, x.astype(np.int64) @ weights.T)


def _expressions() -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([Load("a", (), DType.I8), Load("b", (), DType.UI8)]).map(
        lambda load: Cast(load, DType.I32)
    )
    leaves |= st.integers(-9, 20).map(lambda value: Constant(value, DType.I32))
    binary = ["add", "subtract", "multiply", "maximum", "minimum", "and", "or", "xor", "shift_left"]
    binary += ["shift_right_arithmetic", "shift_right_logical"]

    def extend(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        two = st.tuples(st.sampled_from(binary), below, below)
        narrow = st.tuples(st.sampled_from([DType.I8, DType.UI8, DType.I16]), below)
        return (
            two.map(lambda t: Apply(t[0], (t[1], t[2]), DType.I32))
            | below.map(lambda e: Apply("negate", (e,), DType.I32))
            | narrow.map(lambda t: Cast(Cast(t[1], t[0]), DType.I32))
        )

    return st.recursive(leaves, extend, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(expression=_expressions(), a=st.integers(-128, 127), b=st.integers(0, 255))
def test_values_are_within_their_range(expression: Expression, a: int, b: int) -> None:
    arrays = {"a": np.array(a, np.int8), "b": np.array(b, np.uint8)}
    value = int(evaluate(Formula((), expression), arrays, {}, Machine()))
    low, high = value_range(expression)
    assert DType.I32.limits[0] <= low <= value <= high <= DType.I32.limits[1]


def test_codes_fit_a_byte() -> None:
    byte = Cast(Load("w", (Affine.symbol("k"),), DType.UI8), DType.I32)
    four, eight, mask = (Constant(value, DType.I32) for value in (4, 8, 15))
    low = Apply("subtract", (Apply("and", (byte, mask), DType.I32), eight), DType.I32)
    high = Apply("shift_right_arithmetic", (byte, four), DType.I32)
    turned = Cast(Cast(Apply("shift_left", (byte, four), DType.I32), DType.I8), DType.I32)
    assert value_range(low) == (-8, 7)
    assert value_range(high) == (0, 15)
    assert value_range(Apply("shift_right_arithmetic", (turned, four), DType.I32)) == (-8, 7)
    assert value_range(Apply("multiply", (byte, Cast(byte, DType.I32)), DType.I32)) == (0, 255 * 255)
