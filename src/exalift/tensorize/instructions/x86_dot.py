"""x86: dot products within 32 bits, one factor broadcast. AVX512-VNNI, AVX512-BF16; and SSE2's PMADDWD.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VPDPBUSD, VPDPWSSD,
VDPBF16PS, PMADDWD. The integer forms without a final S wrap; they never saturate. VDPBF16PS rounds its
products and sums to nearest even, flushes denormals to zero, and sums pairs in an order of its own.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, ZERO, Instruction, Rate, Register, llvm_type, sum_of_products


def _madd(name: str, lanes: int, intrinsic: str, features: str, registers: int) -> Instruction:
    """Pairs of 16-bit products, which are then added: what processors without VNNI have."""
    pairs, total = f"<{2 * lanes} x i16>", f"<{lanes} x i32>"
    return Instruction(
        name=name,
        family="dot",
        formula=sum_of_products(1, lanes, 2, DType.I16, DType.I16, DType.I32),
        acc=Register(DType.I32, lanes, (ZERO, LANES)),
        lhs=Register(DType.I16, 2 * lanes, (ZERO, LANES % 2)),
        rhs=Register(DType.I16, 2 * lanes, (LANES % 2, LANES // 2)),
        emission=f"{{fresh}}p = call {total} @{intrinsic}({pairs} {{lhs}}, {pairs} {{rhs}})\n"
        f"{{result}} = add {total} {{acc}}, {{fresh}}p",
        declarations=(f"declare {total} @{intrinsic}({pairs}, {pairs})",),
        features=frozenset(features.split()),
        rate=Rate(1, 6),
        registers=registers,
    )


def _dot(
    name: str, lhs: DType, rhs: DType, acc: DType, lanes: int, intrinsic: str, operands: str, features: str
) -> Instruction:
    """`acc[0,n] += sum k. lhs[0,k] * rhs[k,n]`: as many k as fit 32 bits; the left ones in every lane."""
    k = 32 // lhs.bits
    total, left, right = (
        f"<{lanes} x {llvm_type(acc)}>",
        *(f"<{lanes * k} x {llvm_type(dtype)}>" for dtype in (lhs, rhs)),
    )
    first, second = (
        (("{lhs}", left), ("{rhs}", right)) if operands == "lhs, rhs" else (("{rhs}", right), ("{lhs}", left))
    )
    return Instruction(
        name=name,
        family="dot",
        formula=sum_of_products(1, lanes, k, lhs, rhs, acc),
        acc=Register(acc, lanes, (ZERO, LANES)),
        lhs=Register(lhs, lanes * k, (ZERO, LANES % k)),
        rhs=Register(rhs, lanes * k, (LANES % k, LANES // k)),
        emission=f"{{result}} = call {total} @{intrinsic}"
        f"({total} {{acc}}, {first[1]} {first[0]}, {second[1]} {second[0]})",
        declarations=(f"declare {total} @{intrinsic}({total}, {first[1]}, {second[1]})",),
        features=frozenset(features.split()),
        rate=Rate(2, 4),
        registers=32,
    )


_VNNI = "avx512f avx512bw avx512vnni"

# vpdpbusd takes its unsigned factor first; either factor may be the broadcast one.
INSTRUCTIONS = (
    _dot(
        "vpdpbusd_zmm", DType.UI8, DType.I8, DType.I32, 16, "llvm.x86.avx512.vpdpbusd.512", "lhs, rhs", _VNNI
    ),
    _dot(
        "vpdpbsud_zmm", DType.I8, DType.UI8, DType.I32, 16, "llvm.x86.avx512.vpdpbusd.512", "rhs, lhs", _VNNI
    ),
    _dot(
        "vpdpwssd_zmm", DType.I16, DType.I16, DType.I32, 16, "llvm.x86.avx512.vpdpwssd.512", "lhs, rhs", _VNNI
    ),
    _dot(
        "vdpbf16ps_zmm",
        DType.BF16,
        DType.BF16,
        DType.F32,
        16,
        "llvm.x86.avx512bf16.dpbf16ps.512",
        "lhs, rhs",
        "avx512f avx512bw avx512bf16",
    ),
    _madd("pmaddwd_zmm", 16, "llvm.x86.avx512.pmaddw.d.512", "avx512f avx512bw", 32),
    _madd("pmaddwd_ymm", 8, "llvm.x86.avx2.pmadd.wd", "avx2", 16),
    _madd("pmaddwd_xmm", 4, "llvm.x86.sse2.pmadd.wd", "sse2", 16),
)
