"""AArch64: SVE's dot products, matrix products and fused multiply-add, for every length of vectors.

Source: Arm Architecture Reference Manual for A-profile, C8.2, SDOT, UDOT, USDOT, SMMLA, UMMLA, USMMLA, BFDOT,
BFMMLA and FMLA (vectors). The matrix forms multiply within each 128 bits; with the left factor the same in
all of them, their results are the columns of one product of two rows. Integers wrap.

A form is stated for any length of 128 s bits. Its instances below are each for machines (or processes)
whose vectors are that long.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, ZERO, Instruction, Rate, Register, sum_of_products
from .scalable import Scalable, declarations

SCALES = (1, 2, 4, 8, 16)


def _form(name: str, lhs: DType, rhs: DType, acc: DType, feature: str, rows: int, s: int) -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`: one row and 4 s columns, or two rows and 2 s columns (of 32
    bits each); as many k as fit 32 bits in each of the rows."""
    k = max(1, 32 * rows // lhs.bits)
    lanes = [128 * s // dtype.bits for dtype in (acc, lhs, rhs)]
    row, column = (LANES % 4 // 2, LANES // 4 * 2 + LANES % 2) if rows == 2 else (ZERO, LANES)
    tile = LANES % (rows * k)
    total = Register(acc, lanes[0], (row, column))
    left = Register(lhs, lanes[1], (tile // k, tile % k))
    right = Register(rhs, lanes[2], (LANES % k, LANES // k))
    a, b, c = Scalable(left, s), Scalable(right, s), Scalable(total, s)
    call = f"@llvm.aarch64.sve.{name}" + ("" if name.startswith("bf") else f".{c.suffix}")
    types = f"{c.type} {{fresh}}c, {a.type} {{fresh}}a, {b.type} {{fresh}}b"
    mask = (f"{c.mask_type} ", "splat (i1 true), ") if name == "fmla" else ("", "")
    enter = (
        f"{a.enter('{fresh}a', '{lhs}')}\n{b.enter('{fresh}b', '{rhs}')}\n{c.enter('{fresh}c', '{acc}')}\n"
    )
    signature = ", ".join((*filter(None, mask[:1]), c.type, a.type, b.type))
    return Instruction(
        name=f"{name}_{acc}_z{128 * s}" if lhs is acc else f"{name}_z{128 * s}",
        family="aarch64 sve",
        formula=sum_of_products(rows, lanes[0] // rows, k, lhs, rhs, acc),
        acc=total,
        lhs=left,
        rhs=right,
        emission=f"{enter}{{fresh}}r = call {c.type} {call}({''.join(mask)}{types})\n"
        f"{c.leave('{result}', '{fresh}r')}",
        declarations=(*declarations(a, b, c), f"declare {c.type} {call}({signature})"),
        features=frozenset({"sve", feature}),
        rate=Rate(2, 4),
        registers=32,
        length=f"sve={128 * s}",
        attributes=f"vscale_range({s},{s})",
    )


_I8, _U8, _I32, _BF16 = DType.I8, DType.UI8, DType.I32, DType.BF16
_FORMS = (
    ("sdot", _I8, _I8, _I32, "sve", 1),
    ("udot", _U8, _U8, _I32, "sve", 1),
    ("usdot", _U8, _I8, _I32, "i8mm", 1),
    ("smmla", _I8, _I8, _I32, "i8mm", 2),
    ("ummla", _U8, _U8, _I32, "i8mm", 2),
    ("usmmla", _U8, _I8, _I32, "i8mm", 2),
    ("bfdot", _BF16, _BF16, DType.F32, "bf16", 1),
    ("bfmmla", _BF16, _BF16, DType.F32, "bf16", 2),
    ("fmla", DType.F32, DType.F32, DType.F32, "sve", 1),
    ("fmla", DType.F64, DType.F64, DType.F64, "sve", 1),
)

INSTRUCTIONS = tuple(_form(*form, s) for form in _FORMS for s in SCALES)
