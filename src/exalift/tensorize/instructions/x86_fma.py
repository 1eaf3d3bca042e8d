"""x86: fused multiply-add on vectors, one factor broadcast. FMA3, AVX-512F, AVX512-FP16; and plain SSE2.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VFMADD132PS and its kin.
On SSE2 there is no fused form: product and sum are rounded apart.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, ZERO, Instruction, Rate, Register, llvm_type, sum_of_products


def _broadcast(
    name: str, dtype: DType, lanes: int, emission: str, features: str, rate: Rate, registers: int
) -> Instruction:
    """`acc[0,n] += lhs[0,0] * rhs[0,n]`: the left factor is one number, in every lane."""
    element = llvm_type(dtype)
    vector = f"<{lanes} x {element}>"
    suffix = f"v{lanes}f{dtype.bits}"
    along = Register(dtype, lanes, (ZERO, LANES))
    return Instruction(
        name=name,
        family="fma",
        formula=sum_of_products(1, lanes, 1, dtype, dtype, dtype),
        acc=along,
        lhs=Register(dtype, lanes, (ZERO, ZERO)),
        rhs=along,
        emission=emission.replace("VECTOR", vector).replace("SUFFIX", suffix),
        declarations=(f"declare {vector} @llvm.fma.{suffix}({vector}, {vector}, {vector})",),
        features=frozenset(features.split()),
        rate=rate,
        registers=registers,
    )


_FUSED = "{result} = call VECTOR @llvm.fma.SUFFIX(VECTOR {lhs}, VECTOR {rhs}, VECTOR {acc})"
_APART = "{fresh}p = fmul VECTOR {lhs}, {rhs}\n{result} = fadd VECTOR {acc}, {fresh}p"

INSTRUCTIONS = (
    _broadcast("fma_f32_zmm", DType.F32, 16, _FUSED, "avx512f", Rate(2, 4), 32),
    _broadcast("fma_f64_zmm", DType.F64, 8, _FUSED, "avx512f", Rate(2, 4), 32),
    _broadcast("fma_f16_zmm", DType.F16, 32, _FUSED, "avx512fp16", Rate(2, 4), 32),
    _broadcast("fma_f32_ymm", DType.F32, 8, _FUSED, "fma avx2", Rate(2, 4), 16),
    _broadcast("fma_f64_ymm", DType.F64, 4, _FUSED, "fma avx2", Rate(2, 4), 16),
    _broadcast("mul_add_f32_xmm", DType.F32, 4, _APART, "sse2", Rate(1, 8), 16),
    _broadcast("mul_add_f64_xmm", DType.F64, 2, _APART, "sse2", Rate(1, 8), 16),
)
