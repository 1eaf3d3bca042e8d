"""NVIDIA: `mma.sync`, products of 16 x 8 tiles by the 32 threads of a warp, from compute capability 8.0 on.

Source: PTX ISA, "Matrix multiply-accumulate operation using mma instruction", the fragments of
.m16n8k32 (8-bit integers), .m16n8k16 (f16, bf16) and .m16n8k8 (tf32). Integers wrap (no .satfinite). The
order and the rounding of the sums of floats are not specified; f16 and bf16 are summed in f32. tf32 drops
the last 13 bits of each f32 factor, and so is taken only where "allow-tf32" is among the features.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, Fragments, Instruction, Rate, Register, sum_of_products
from .fragments import fragment_call, left_fragment, ptx_names, total_fragment


def _mma(lhs: DType, rhs: DType, acc: DType, features: str = "sm_80") -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`, 16 x 8, over the k that fit 32 bytes. A thread holds four
    words of the left factor, two of the right one, four sums. Threads go in groups of four."""
    k, word = 32 // lhs.bytes, 4 // lhs.bytes
    thread, place = LANES // (2 * word), LANES % (2 * word)
    right = Register(rhs, 8 * k, (thread % 4 * word + place % word + place // word * 4 * word, thread // 4))
    left, total = left_fragment(lhs, 16), total_fragment(acc, 16, 8)
    kinds = ptx_names(acc, lhs, rhs)
    name = f"mma.sync.aligned.m16n8k{k}.row.col.{'.'.join(kinds)}.{kinds[0]}"
    return Instruction(
        name=f"mma_m16n8k{k}_{kinds[1]}_{kinds[2]}",
        family="nvidia mma",
        formula=sum_of_products(16, 8, k, lhs, rhs, acc),
        acc=total,
        lhs=left,
        rhs=right,
        emission=fragment_call(name + " {acc}, {lhs}, {rhs}, {acc};", 32, total, left, right),
        declarations=(),
        features=frozenset(features.split()),
        rate=Rate(1 / 2, 18),
        registers=255,
        fragments=Fragments(32),
    )


INSTRUCTIONS = (
    _mma(DType.I8, DType.I8, DType.I32),
    _mma(DType.UI8, DType.I8, DType.I32),
    _mma(DType.UI8, DType.UI8, DType.I32),
    _mma(DType.BF16, DType.BF16, DType.F32),
    _mma(DType.F16, DType.F16, DType.F32),
    _mma(DType.F32, DType.F32, DType.F32, "sm_80 allow-tf32"),
)
