"""NVIDIA: `wgmma`, products of 64 x 64 tiles by the 128 threads of a warp group; compute capability 9.0a.

Source: PTX ISA, "Asynchronous warpgroup level matrix instructions": the register fragments of A and D, the
matrix descriptor and the K-major shared memory layout without swizzling. The left factor and the sums are in
registers; the right factor is in shared memory, in core matrices of 8 columns by 16 bytes of k, two of them
along k at the leading offset, eight along n at the stride offset. Rounding is as for `mma.sync`.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, Fragments, Instruction, Rate, Register, sum_of_products
from .fragments import fragment_call, left_fragment, ptx_names, total_fragment

_N, _CORE = 64, 128
# Start address in units of 16 bytes, then the offsets, in the same: 128 bytes (bit 16), 256 bytes (bit 32).
_DESCRIPTOR = (_CORE >> 4) << 16 | (2 * _CORE >> 4) << 32


def _wgmma(lhs: DType, rhs: DType, acc: DType, more: str, features: str = "sm_90a") -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`, 64 x 64, over the k that fit 32 bytes."""
    k, width = 32 // lhs.bytes, 16 // lhs.bytes
    core, inside = LANES // (8 * width), LANES % (8 * width)
    right = Register(rhs, k * _N, (core % 2 * width + inside % width, core // 2 * 8 + inside // width))
    left, total = left_fragment(lhs, 64), total_fragment(acc, 64, _N)
    kinds = ptx_names(acc, lhs, rhs)
    name = f"wgmma.mma_async.sync.aligned.m64n{_N}k{k}.{'.'.join(kinds)}"
    text = (
        "wgmma.fence.sync.aligned;\n"
        f"{name} {{acc}}, {{lhs}}, {{rhs}}, 1{more};\n"
        "wgmma.commit_group.sync.aligned;\n"
        "wgmma.wait_group.sync.aligned 0;"
    )
    return Instruction(
        name=f"wgmma_m64n{_N}k{k}_{kinds[1]}_{kinds[2]}",
        family="nvidia wgmma",
        formula=sum_of_products(64, _N, k, lhs, rhs, acc),
        acc=total,
        lhs=left,
        rhs=right,
        emission=fragment_call(text, 128, total, left, None),
        declarations=(),
        features=frozenset(features.split()),
        rate=Rate(1 / 32, 64),
        registers=255,
        fragments=Fragments(128, _DESCRIPTOR, "fence.proxy.async.shared::cta;", copies=2),
    )


INSTRUCTIONS = (
    _wgmma(DType.I8, DType.I8, DType.I32, ""),
    _wgmma(DType.UI8, DType.I8, DType.I32, ""),
    _wgmma(DType.BF16, DType.BF16, DType.F32, ", 1, 1, 0"),
    _wgmma(DType.F16, DType.F16, DType.F32, ", 1, 1, 0"),
    _wgmma(DType.F32, DType.F32, DType.F32, ", 1, 1", "sm_90a allow-tf32"),
)
