"""Which element a thread's register holds: the tables of the PTX ISA, written down apart from descriptions.

Sections "Matrix fragments for mma.m16n8k32", "mma.m16n8k16", "mma.m16n8k8" and "Register fragments and shared
memory matrix layouts" of wgmma. Elements of a thread are numbered as there: a0, a1, ... in the order of the
registers, the lowest bits of a register first.
"""

from __future__ import annotations


def left(size: int, thread: int, number: int) -> tuple[int, int]:
    """(row, k) of element `number` of A; `size` bytes an element. Warps of a group are 16 rows apart."""
    group, inside = thread % 32 >> 2, thread % 4
    rows = 16 * (thread // 32)
    if size == 1:
        row = group if number < 4 or 8 <= number < 12 else group + 8
        return rows + row, inside * 4 + (number & 3) + (16 if number >= 8 else 0)
    if size == 2:
        row = group if number < 2 or 4 <= number < 6 else group + 8
        return rows + row, inside * 2 + (number & 1) + (8 if number >= 4 else 0)
    row = group if number in (0, 2) else group + 8
    return rows + row, inside if number in (0, 1) else inside + 4


def right(size: int, thread: int, number: int) -> tuple[int, int]:
    """(k, column) of element `number` of B, of mma."""
    group, inside = thread >> 2, thread % 4
    if size == 1:
        return inside * 4 + (number & 3) + (16 if number >= 4 else 0), group
    if size == 2:
        return inside * 2 + (number & 1) + (8 if number >= 2 else 0), group
    return (inside if number == 0 else inside + 4), group


def total(thread: int, number: int) -> tuple[int, int]:
    """(row, column) of element `number` of C and D."""
    group, inside = thread % 32 >> 2, thread % 4
    row = group if number % 4 < 2 else group + 8
    return 16 * (thread // 32) + row, 8 * (number // 4) + inside * 2 + (number & 1)


def shared_right(size: int, leading: int, stride: int, k: int, column: int) -> int:
    """Bytes from the start of a K-major matrix without swizzling to an element: core matrices of 8 columns by
    16 bytes; `leading` bytes from one to the next along k, `stride` along the columns."""
    along = k * size
    return along // 16 * leading + column // 8 * stride + column % 8 * 16 + along % 16
