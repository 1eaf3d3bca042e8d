"""AArch64: dot products within 32 bits and fused multiply-add, one factor broadcast. FEAT_DotProd, FEAT_I8MM,
FEAT_BF16, and Advanced SIMD.

Source: Arm Architecture Reference Manual for A-profile, C7.2, SDOT, UDOT, USDOT, BFDOT and FMLA (vector).
Integers wrap. BFDOT rounds its pairs of products in a way of its own.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, ZERO, Instruction, Rate, Register, llvm_type, sum_of_products


def _dot(name: str, lhs: DType, rhs: DType, acc: DType, features: str) -> Instruction:
    """`acc[0,n] += sum k. lhs[0,k] * rhs[k,n]`: as many k as fit 32 bits; the left ones in every lane."""
    k = 32 // lhs.bits
    total = f"<4 x {llvm_type(acc)}>"
    left, right = (f"<{4 * k} x {llvm_type(dtype)}>" for dtype in (lhs, rhs))
    kind = f"v{4 * k}{'bf16' if lhs is DType.BF16 else 'i8'}"
    intrinsic = f"llvm.aarch64.neon.{name}.v4{'f32' if acc.is_float else 'i32'}.{kind}"
    return Instruction(
        name=name,
        family="aarch64 dot",
        formula=sum_of_products(1, 4, k, lhs, rhs, acc),
        acc=Register(acc, 4, (ZERO, LANES)),
        lhs=Register(lhs, 4 * k, (ZERO, LANES % k)),
        rhs=Register(rhs, 4 * k, (LANES % k, LANES // k)),
        emission=f"{{result}} = call {total} @{intrinsic}({total} {{acc}}, {left} {{lhs}}, {right} {{rhs}})",
        declarations=(f"declare {total} @{intrinsic}({total}, {left}, {right})",),
        features=frozenset(features.split()),
        rate=Rate(2, 4),
        registers=32,
    )


def _fused(dtype: DType, lanes: int) -> Instruction:
    vector, suffix = f"<{lanes} x {llvm_type(dtype)}>", f"v{lanes}f{dtype.bits}"
    along = Register(dtype, lanes, (ZERO, LANES))
    return Instruction(
        name=f"fmla_{dtype}",
        family="aarch64 fma",
        formula=sum_of_products(1, lanes, 1, dtype, dtype, dtype),
        acc=along,
        lhs=Register(dtype, lanes, (ZERO, ZERO)),
        rhs=along,
        emission=f"{{result}} = call {vector} @llvm.fma.{suffix}"
        f"({vector} {{lhs}}, {vector} {{rhs}}, {vector} {{acc}})",
        declarations=(f"declare {vector} @llvm.fma.{suffix}({vector}, {vector}, {vector})",),
        features=frozenset({"neon"}),
        rate=Rate(2, 4),
        registers=32,
    )


INSTRUCTIONS = (
    _dot("sdot", DType.I8, DType.I8, DType.I32, "neon dotprod"),
    _dot("udot", DType.UI8, DType.UI8, DType.I32, "neon dotprod"),
    _dot("usdot", DType.UI8, DType.I8, DType.I32, "neon dotprod i8mm"),
    _dot("bfdot", DType.BF16, DType.BF16, DType.F32, "neon bf16"),
    _fused(DType.F32, 4),
    _fused(DType.F64, 2),
)
