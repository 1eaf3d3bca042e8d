"""AArch64: products of 2 x 8 bytes (or 2 x 4 bf16) with 8 x 2. FEAT_I8MM, FEAT_BF16, Advanced SIMD.

Source: Arm Architecture Reference Manual for A-profile, C7.2, SMMLA, UMMLA, USMMLA and BFMMLA (vector). The
right factor lies column by column, as the left one does row by row. Integers wrap. BFMMLA rounds as BFDOT
does, two pairs of products after each other.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, Instruction, Rate, Register, llvm_type, sum_of_products


def _matrix(name: str, lhs: DType, rhs: DType, acc: DType, feature: str) -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`, 2 x 2, over the k that fit 64 bits."""
    k = 64 // lhs.bits
    total = f"<4 x {llvm_type(acc)}>"
    left, right = (f"<{2 * k} x {llvm_type(dtype)}>" for dtype in (lhs, rhs))
    intrinsic = f"llvm.aarch64.neon.{name}" + (".v4i32.v16i8" if acc.is_integer else "")
    return Instruction(
        name=name,
        family="aarch64 matrix",
        formula=sum_of_products(2, 2, k, lhs, rhs, acc),
        acc=Register(acc, 4, (LANES // 2, LANES % 2)),
        lhs=Register(lhs, 2 * k, (LANES // k, LANES % k)),
        rhs=Register(rhs, 2 * k, (LANES % k, LANES // k)),
        emission=f"{{result}} = call {total} @{intrinsic}({total} {{acc}}, {left} {{lhs}}, {right} {{rhs}})",
        declarations=(f"declare {total} @{intrinsic}({total}, {left}, {right})",),
        features=frozenset({"neon", feature}),
        rate=Rate(2, 3),
        registers=32,
    )


INSTRUCTIONS = (
    _matrix("smmla", DType.I8, DType.I8, DType.I32, "i8mm"),
    _matrix("ummla", DType.UI8, DType.UI8, DType.I32, "i8mm"),
    _matrix("usmmla", DType.UI8, DType.I8, DType.I32, "i8mm"),
    _matrix("bfmmla", DType.BF16, DType.BF16, DType.F32, "bf16"),
)
