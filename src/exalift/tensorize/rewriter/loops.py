"""The loops of a contraction in the order in which a kernel runs them.

    batch x m x n x k, each a nest flattened to one counter

M and N nests keep those loops that walk the output (and what the epilogue reads) at one stride, so that a
row of a tile is one address; others become batch loops. K loops are ordered so that the left operand
is read as contiguously as it lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exalift.affine import Affine

from ..contraction import Access, Contraction, Dimension, Role, index_range, row_major


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops flattened to one counter, the last one fastest."""

    loops: tuple[Dimension, ...]

    @property
    def extent(self) -> int:
        return math.prod(loop.extent for loop in self.loops)

    def stride(self, offset: Affine) -> int:
        """The stride of the flattened counter in an offset; ValueError where it has none."""
        if not self.loops:
            return 0
        unit = offset.coefficient(self.loops[-1].name)
        for position, loop in enumerate(self.loops):
            inner = math.prod(other.extent for other in self.loops[position + 1 :])
            if offset.coefficient(loop.name) != unit * inner and loop.extent > 1:
                raise ValueError(f"{offset} has no one stride over {[loop.name for loop in self.loops]}")
        return unit


@dataclass(frozen=True, slots=True)
class Padded:
    """A copy of an operand with margins, so that every iteration is inside; or one that is unpacked.

    low: how far the copy begins before the array, a dimension; shape: the copy's.
    """

    low: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Loops:
    """A contraction, reordered. Offsets are in elements, affine in the loops, of the padded copies where
    there are any."""

    batch: Nest
    m: Nest
    n: Nest
    k: Nest
    lhs: Affine
    rhs: Affine
    out: Affine
    extra: tuple[Affine, ...]
    padded_lhs: Padded | None
    padded_rhs: Padded | None

    @property
    def lhs_run(self) -> int:
        """How many consecutive k read consecutive elements of the left operand (1: no two)."""
        return _run(self.k.loops, self.lhs)

    @property
    def rhs_run(self) -> int:
        """How many consecutive k read consecutive elements of the right operand."""
        return _run(self.k.loops, self.rhs)

    @property
    def rhs_batch(self) -> Nest:
        """The batch loops that move the right operand."""
        return Nest(tuple(loop for loop in self.batch.loops if self.rhs.coefficient(loop.name)))


def order_loops(contraction: Contraction, unpack: bool = True) -> Loops:
    """Before: loops in the source's order. After: the nests of a kernel; see the module. `unpack`: operands
    of four bits an element are copied first, and offsets are into the copy."""
    lhs, padded_lhs = _padded(contraction.lhs, contraction, unpack)
    rhs, padded_rhs = _padded(contraction.rhs, contraction, unpack)
    out = contraction.out.offset
    extra: tuple[Affine, ...] = ()
    if contraction.epilogue is not None:
        extra = tuple(access.offset for _, access in contraction.epilogue.operands)
    batch = list(contraction.of_role(Role.BATCH))
    nests: list[Nest] = []
    for role in (Role.M, Role.N):
        kept, left = _one_stride(contraction.of_role(role), out, extra)
        batch += left
        nests.append(Nest(kept))
    k = sorted(contraction.of_role(Role.K), key=lambda loop: -abs(lhs.coefficient(loop.name)))
    return Loops(
        Nest(tuple(batch)), nests[0], nests[1], Nest(tuple(k)), lhs, rhs, out, extra, padded_lhs, padded_rhs
    )


def _one_stride(
    loops: Sequence[Dimension], out: Affine, extra: Sequence[Affine]
) -> tuple[tuple[Dimension, ...], list[Dimension]]:
    """The loops that flatten to one stride of the output and the epilogue's operands, and the others."""
    ordered = sorted(
        (loop for loop in loops if loop.extent > 1), key=lambda loop: -abs(out.coefficient(loop.name))
    )
    kept: list[Dimension] = []
    while ordered:
        trial = Nest((ordered[-1], *kept))
        try:
            for offset in (out, *extra):
                trial.stride(offset)
        except ValueError:
            break
        kept.insert(0, ordered.pop())
    return tuple(kept), ordered


def _run(loops: Sequence[Dimension], offset: Affine) -> int:
    run = 1
    for loop in reversed(loops):
        if loop.extent > 1 and offset.coefficient(loop.name) != run:
            break
        run *= loop.extent
    return run


def _padded(access: Access, contraction: Contraction, unpack: bool) -> tuple[Affine, Padded | None]:
    """The offset of an access, into a copy with margins where iterations leave the array."""
    extents = contraction.extents
    if not access.leaves(extents) and (access.nibbles is None or not unpack):
        return access.offset, None
    ranges = [index_range(index, extents) for index in access.indices]
    low = tuple(min(0, first) for first, _ in ranges)
    shape = tuple(
        max(extent - 1, last) - start + 1
        for extent, start, (_, last) in zip(access.shape, low, ranges, strict=True)
    )
    moved = replace(
        access,
        shape=shape,
        strides=row_major(shape),
        indices=tuple(index - start for index, start in zip(access.indices, low, strict=True)),
        nibbles=None,
    )
    return moved.offset, Padded(low, shape)
