"""Products of bytes, 16-bit integers and 16-bit floats: right at the extremes, by the instruction meant."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from exalift.llvm import host_target, plain_target
from exalift.native import NativeDevice
from exalift.native.program import Block, Product
from exalift.native.scheduling import schedule

HOST = host_target()
TARGETS = {
    "host": HOST,
    "no vnni": HOST.without("avx512vnni", "avx512bf16"),
    "avx2": HOST.without("avx512f"),
    "plain": plain_target(),
}
INTEGERS = {"i8": np.int8, "ui8": np.uint8, "i16": np.int16}
FLOATS = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}
M, N, K = 131, 135, 139


def module(left: str, right: str, total: str, m: int = M, n: int = N, k: int = K, extra: str = "") -> str:
    """`f(a, b) = a @ b`, both widened to the sum's type first."""
    return f"""
module {{
  func.func public @f(%a: tensor<{m}x{k}x{left}>, %b: tensor<{k}x{n}x{right}>) -> tensor<{m}x{n}x{total}> {{
    %0 = stablehlo.convert %a : (tensor<{m}x{k}x{left}>) -> tensor<{m}x{k}x{total}>
    %1 = stablehlo.convert %b : (tensor<{k}x{n}x{right}>) -> tensor<{k}x{n}x{total}>{extra}
    %2 = stablehlo.dot_general %0, %1, contracting_dims = [1] x [0]
      : (tensor<{m}x{k}x{total}>, tensor<{k}x{n}x{total}>) -> tensor<{m}x{n}x{total}>
    return %2 : tensor<{m}x{n}x{total}>
  }}
}}
"""


def values(dtype: type, shape: tuple[int, ...], extreme: str, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if not np.issubdtype(dtype, np.integer):
        return generator.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    if extreme == "random":
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.full(shape, limits.min if extreme == "least" else limits.max, dtype)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("left", sorted(INTEGERS))
@pytest.mark.parametrize("right", sorted(INTEGERS))
def test_integer_products_are_exact(left: str, right: str, name: str, threads: int) -> None:
    device = NativeDevice(TARGETS[name], threads)
    compiled = device.compile_module(module(left, right, "i32"))
    assert any(isinstance(item, Product) for item in compiled.procedure.body), "a kernel computes it"
    for first, second in (("random", "random"), ("least", "least"), ("most", "least"), ("most", "most")):
        a = values(INTEGERS[left], (M, K), first, 1)
        b = values(INTEGERS[right], (K, N), second, 2)
        (result,) = compiled.run([a, b])
        expected = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("left", sorted(FLOATS))
def test_narrow_floats_are_summed_in_f32(left: str, name: str) -> None:
    target = TARGETS[name]
    if left == "f16" and not target.has("f16c"):
        pytest.skip("f16 needs f16c")
    compiled = NativeDevice(target, 1).compile_module(module(left, left, "f32"))
    used = [item.plan.instruction.name for item in compiled.procedure.body if isinstance(item, Product)]
    assert len(used) == 1
    assert (used[0] == "vdpbf16ps_zmm") == (left == "bf16" and target.has("avx512f", "avx512bf16"))
    a, b = values(FLOATS[left], (M, K), "", 1), values(FLOATS[left], (K, N), "", 2)
    (result,) = compiled.run([a, b])
    np.testing.assert_allclose(result, a.astype(np.float64) @ b.astype(np.float64), rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not HOST.has("avx512vnni"), reason="needs a processor with AVX512-VNNI")
def test_bytes_stay_bytes() -> None:
    compiled = NativeDevice(HOST, 1).compile_module(module("ui8", "i8", "i32"))
    used = [item.plan.instruction.name for item in compiled.procedure.body if isinstance(item, Product)]
    assert used == ["vpdpbusd_zmm"]


def test_a_cast_that_loses_values_is_not_peeled_off() -> None:
    narrow = f"""
    %n = stablehlo.convert %1 : (tensor<{K}x{N}xi32>) -> tensor<{K}x{N}xi8>
    %w = stablehlo.convert %n : (tensor<{K}x{N}xi8>) -> tensor<{K}x{N}xi32>"""
    text = module("i8", "i16", "i32", extra=narrow).replace("dot_general %0, %1", "dot_general %0, %w")
    a, b = values(np.int8, (M, K), "random", 1), values(np.int16, (K, N), "random", 2)
    (result,) = NativeDevice(HOST, 1).compile_module(text).run([a, b])
    np.testing.assert_array_equal(result, a.astype(np.int32) @ b.astype(np.int8).astype(np.int32))


@pytest.mark.parametrize("length", [63, 64, 65, 400])
@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("left", ["i8", "ui8"])
@pytest.mark.parametrize("right", ["i8", "ui8"])
def test_products_with_a_vector_use_dot_instructions(left: str, right: str, name: str, length: int) -> None:
    target = TARGETS[name]
    compiled = NativeDevice(target, 1).compile_module(module(left, right, "i32", 7, 1, length))
    blocks = [item for item in compiled.procedure.body if isinstance(item, Block)]
    nest = schedule(
        blocks[-1].assignments[0], compiled.procedure.buffers, target.vector_bytes, target.features
    )
    assert (nest.dot is not None) == (length >= 64 or name != "host")
    for first, second in (("random", "random"), ("least", "least"), ("most", "least"), ("least", "most")):
        a = values(INTEGERS[left], (7, length), first, 1)
        b = values(INTEGERS[right], (length, 1), second, 2)
        (result,) = compiled.run([a, b])
        np.testing.assert_array_equal(result, a.astype(np.int32) @ b.astype(np.int32))
