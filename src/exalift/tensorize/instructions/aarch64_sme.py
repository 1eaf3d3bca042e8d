"""AArch64: SME's outer products, into square tiles of the array ZA, for every streaming vector length.

Source: Arm Architecture Reference Manual for A-profile, C9.2, SMOPA, UMOPA, USMOPA (4-way), BFMOPA (widening)
and FMOPA (non-widening). Integers wrap. A register tile runs in streaming mode with a ZA of its own, which
LLVM arranges; the C library, libgcc or compiler-rt then gives `__arm_tpidr2_save`.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, Instruction, Moves, Rate, Register, sum_of_products
from .scalable import Scalable, declarations

SCALES = (1, 2, 4)


def _outer(name: str, lhs: DType, rhs: DType, acc: DType, feature: str, s: int) -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`, square, over the k that fit one element of `acc`."""
    k, side, size = acc.bits // lhs.bits, 128 * s // acc.bits, acc.bytes
    left = Register(lhs, side * k, (LANES // k, LANES % k))
    right = Register(rhs, side * k, (LANES % k, LANES // k))
    a, b = Scalable(left, s), Scalable(right, s)
    mask, letter = f"<vscale x {side // s} x i1>", "d" if size == 8 else "w"
    call = f"@llvm.aarch64.sme.{name.lstrip('bf')}{'' if k == 1 else '.wide'}.{a.suffix}"
    store = f"@llvm.aarch64.sme.st1{letter}.horiz"
    rows = (
        f"call void {store}({mask} splat (i1 true), ptr {{fresh}}.{row}, i32 {{register}}, i32 {row})\n"
        f"{{fresh}}.{row + 1} = getelementptr i8, ptr {{fresh}}.{row}, i64 {{pitch}}"
        for row in range(side)
    )
    every = "\n".join(("{fresh}.0 = getelementptr i8, ptr {address}, i64 0", *rows))
    # All of ZA: every accumulator is zeroed before the first is used.
    zero = "call void @llvm.aarch64.sme.zero(i32 255)"
    return Instruction(
        name=f"{name}_{lhs}_za{128 * s}" if lhs is acc else f"{name}_za{128 * s}",
        family="aarch64 sme",
        formula=sum_of_products(side, side, k, lhs, rhs, acc),
        acc=Register(acc, side * side, (LANES // side, LANES % side)),
        lhs=left,
        rhs=right,
        emission=f"{a.enter('{fresh}a', '{lhs}')}\n{b.enter('{fresh}b', '{rhs}')}\n"
        f"call void {call}(i32 {{acc}}, {a.mask}, {b.mask}, {a.type} {{fresh}}a, {b.type} {{fresh}}b)",
        declarations=(
            *declarations(a, b),
            f"declare void {call}(i32 immarg, {a.mask_type}, {b.mask_type}, {a.type}, {b.type})",
            f"declare void {store}({mask}, ptr, i32 immarg, i32)",
            "declare void @llvm.aarch64.sme.zero(i32 immarg)",
        ),
        features=frozenset({"sve", "sme", feature}),
        rate=Rate(1, 4),
        registers=size,
        moves=Moves("", every, zero, enter="", leave="", row_bytes=side * size),
        length=f"sme={128 * s}",
        attributes=f'vscale_range({s},{s}) "aarch64_pstate_sm_enabled" "aarch64_new_za"',
    )


_FORMS = (
    ("smopa", DType.I8, DType.I8, DType.I32, "sme"),
    ("umopa", DType.UI8, DType.UI8, DType.I32, "sme"),
    ("usmopa", DType.UI8, DType.I8, DType.I32, "sme"),
    ("bfmopa", DType.BF16, DType.BF16, DType.F32, "bf16"),
    ("fmopa", DType.F32, DType.F32, DType.F32, "sme"),
    ("fmopa", DType.F64, DType.F64, DType.F64, "sme-f64f64"),
)

INSTRUCTIONS = tuple(_outer(*form, s) for form in _FORMS for s in SCALES)
