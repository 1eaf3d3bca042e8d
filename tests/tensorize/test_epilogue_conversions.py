"""Floats that become integers after a sum: plainly where a type is seen to hold them, else saturated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import Affine, Apply, Cast, Constant, Expression, Formula, Load, evaluate
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.llvm import assembly, host_target
from exalift.tensorize import (
    Access,
    Epilogue,
    Plan,
    Schedule,
    compile_kernel,
    matrix_product,
    usable_features,
)
from exalift.tensorize.contraction import SUM
from exalift.tensorize.emission import emit_kernel
from exalift.tensorize.emission.float_ranges import float_range
from exalift.tensorize.instructions import BY_NAME

TOTAL = Load(SUM, (), DType.I32)
NUMBERS = st.floats(-1e4, 1e4, width=32)


def requantised(scale: Expression) -> Expression:
    """u8 = saturate(round(sum * scale))."""
    scaled = Apply("multiply", (Cast(TOTAL, DType.F32), scale), DType.F32)
    whole = Cast(Apply("round_nearest_even", (scaled,), DType.F32), DType.I32)
    low = Apply("maximum", (whole, Constant(0, DType.I32)), DType.I32)
    return Cast(Apply("minimum", (low, Constant(255, DType.I32)), DType.I32), DType.UI8)


def bytes_by_floats(value: Expression, operands: tuple[tuple[str, Access], ...] = ()) -> Plan:
    if "avx512vnni" not in usable_features():
        pytest.skip("this CPU has no avx512vnni")
    product = matrix_product(
        12, 32, 64, DType.UI8, DType.I8, DType.I32, epilogue=Epilogue(value, operands), out=value.dtype
    )
    return Plan(product, BY_NAME["vpdpbusd_zmm"], Schedule(rows=6, columns=2, block_m=12, block_k=64))


@st.composite
def floats(draw: st.DrawFn, depth: int = 3) -> Expression:
    """Expressions of x, an unsigned byte."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        if draw(st.booleans()):
            return Constant(draw(NUMBERS), DType.F32)
        return Cast(Load("x", (Affine.symbol("i"),), DType.UI8), DType.F32)
    function = draw(
        st.sampled_from(["add", "subtract", "multiply", "maximum", "minimum", "abs", "negate", "floor"])
    )
    count = 1 if function in ("abs", "negate", "floor") else 2
    return Apply(function, tuple(draw(floats(depth - 1)) for _ in range(count)), DType.F32)


@settings(max_examples=200, deadline=None)
@given(floats())
def test_values_stay_within_their_bounds(value: Expression) -> None:
    found = float_range(value)
    if found is None:
        return
    from exalift.affine.index_notation import Axis

    x = np.arange(256, dtype=np.uint8)
    values = evaluate(Formula((Axis("i", Affine.of(256)),), value), {"x": x}, {}, Machine())
    assert np.isfinite(values).all()
    assert found[0] <= values.min() and values.max() <= found[1]


def test_what_may_be_no_number_has_no_bounds() -> None:
    loaded = Load("scale", (), DType.F32)
    assert float_range(loaded) is None
    assert float_range(Apply("multiply", (Cast(TOTAL, DType.F32), loaded), DType.F32)) is None
    huge = Constant(3e38, DType.F32)
    assert float_range(Apply("add", (huge, huge), DType.F32)) is None
    assert float_range(Apply("divide", (huge, huge), DType.F32)) is None


@pytest.mark.skipif(not host_target().is_x86, reason="the instructions looked for are x86's")
@pytest.mark.parametrize("scale", [Constant(0.01, DType.F32), Load("scale", (), DType.F32)])
def test_no_conversion_is_taken_apart_into_elements(scale: Expression) -> None:
    operands = (("scale", Access(DType.F32, (), ())),) if isinstance(scale, Load) else ()
    text = assembly(emit_kernel(bytes_by_floats(requantised(scale), operands), "kernel").text, host_target())
    assert "ps2dq" in text and "ss2si" not in text
    # A constant scale is seen to keep the sum within its type: then there is nothing to compare.
    assert ("vcmpordps" in text or "vcmpunordps" in text) == isinstance(scale, Load)


@pytest.mark.parametrize("factor", [0.01, 1.0, 3e9, float("inf"), float("nan"), -2e9, 0.0])
@pytest.mark.parametrize("target", [DType.I32, DType.I8, DType.UI8, DType.I64])
def test_conversions_saturate(factor: float, target: DType) -> None:
    scaled = Apply("multiply", (Cast(TOTAL, DType.F32), Load("scale", (), DType.F32)), DType.F32)
    plan = bytes_by_floats(Cast(scaled, target), (("scale", Access(DType.F32, (), ())),))
    generator = np.random.default_rng(0)
    lhs = generator.integers(0, 256, (12, 64), np.uint8)
    rhs = generator.integers(-128, 128, (64, 32), np.int8)
    out = np.zeros((12, 32), target.numpy_name)
    compile_kernel(plan)(lhs, rhs, out, [np.array(factor, np.float32)])
    with np.errstate(all="ignore"):
        exact = (lhs.astype(np.int32) @ rhs.astype(np.int32)).astype(np.float32) * np.float32(factor)
    limits = np.iinfo(out.dtype)
    wanted = [0 if np.isnan(x) else int(min(max(x, limits.min), limits.max)) for x in exact.flat]
    assert out.ravel().tolist() == wanted
