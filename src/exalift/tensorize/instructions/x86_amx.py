"""x86: AMX, products of whole tiles of 16 rows of 64 bytes.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18, and volume 2,
TDPBSSD and its kin. The right factor is stored with neighbours in k side by side (4 bytes: 4 of int8, 2
of bf16). Integers wrap. TDPBF16PS flushes denormals to zero and rounds to nearest even.
Linux gives a process the tile registers only when asked: see `calling.may_use_tiles`.
"""

from __future__ import annotations

from exalift.base import DType

from .description import LANES, Instruction, Moves, Rate, Register, sum_of_products

_ROWS, _BYTES = 16, 64

_MOVES = Moves(
    load="call void @llvm.x86.tileloadd64(i8 {register}, ptr {address}, i64 {pitch})",
    store="call void @llvm.x86.tilestored64(i8 {register}, ptr {address}, i64 {pitch})",
    zero="call void @llvm.x86.tilezero(i8 {register})",
    enter="call void @llvm.x86.ldtilecfg(ptr @tile_configuration)",
    leave="call void @llvm.x86.tilerelease()",
    row_bytes=_BYTES,
)

# Palette 1; then, for each of eight tiles, 64 bytes a row (u16 from byte 16) and 16 rows (u8 from byte 48).
_CONFIGURATION = [1] + [0] * 15 + [_BYTES, 0] * 8 + [0] * 16 + [_ROWS] * 8 + [0] * 8

_DECLARATIONS = (
    "@tile_configuration = internal constant [64 x i8] ["
    + ", ".join(f"i8 {value}" for value in _CONFIGURATION)
    + "], align 64",
    "declare void @llvm.x86.ldtilecfg(ptr)",
    "declare void @llvm.x86.tilerelease()",
    "declare void @llvm.x86.tilezero(i8 immarg)",
    "declare void @llvm.x86.tileloadd64(i8 immarg, ptr, i64)",
    "declare void @llvm.x86.tilestored64(i8 immarg, ptr, i64)",
)


def _tile(name: str, lhs: DType, rhs: DType, acc: DType, feature: str) -> Instruction:
    """`acc[m,n] += sum k. lhs[m,k] * rhs[k,n]`, 16 x 16, over the k that fit 64 bytes."""
    row, pair = _BYTES // lhs.bytes, 4 // lhs.bytes
    inside = LANES % row
    return Instruction(
        name=name,
        family="amx",
        formula=sum_of_products(_ROWS, 16, row, lhs, rhs, acc),
        acc=Register(acc, 256, (LANES // 16, LANES % 16)),
        lhs=Register(lhs, _ROWS * row, (LANES // row, inside)),
        rhs=Register(rhs, _ROWS * row, ((LANES // row) * pair + LANES % pair, inside // pair)),
        emission=f"call void @llvm.x86.{name}(i8 {{acc}}, i8 {{lhs}}, i8 {{rhs}})",
        declarations=(
            *_DECLARATIONS,
            f"declare void @llvm.x86.{name}(i8 immarg, i8 immarg, i8 immarg)",
        ),
        features=frozenset({"amx-tile", feature}),
        rate=Rate(1 / 16, 52),
        registers=8,
        moves=_MOVES,
    )


INSTRUCTIONS = (
    _tile("tdpbusd", DType.UI8, DType.I8, DType.I32, "amx-int8"),
    _tile("tdpbssd", DType.I8, DType.I8, DType.I32, "amx-int8"),
    _tile("tdpbsud", DType.I8, DType.UI8, DType.I32, "amx-int8"),
    _tile("tdpbuud", DType.UI8, DType.UI8, DType.I32, "amx-int8"),
    _tile("tdpbf16ps", DType.BF16, DType.BF16, DType.F32, "amx-bf16"),
)
