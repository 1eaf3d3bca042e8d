"""Flat subscripts taken apart into rows and columns, justified by proof.

`a[i*lda + j]` is `a[i][j]` of an array with rows of length `lda`, provided that 0 <= j < lda. The strides are
read from the coefficients of the counters (after Grosser et al., Optimistic Delinearization of
Parametrically Sized Arrays, ICS 2015, with polynomial division in place of pattern matching); every
remainder is proved to lie in its row, if need be by a condition on the sizes (`lda >= m`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..normalization import Context, Ledger, affine_of, divide
from ..terms import Poly, floor

_CARRIES = (0, 1, -1, 2, -2)


@dataclass(frozen=True, slots=True)
class Chain:
    """Strides, outermost first, without the last one, 1; each is a multiple of the next. `extents` are
    the lengths of the inner dimensions, their quotients."""

    strides: tuple[Poly, ...]
    extents: tuple[Poly, ...]


def make_chain(strides: Sequence[Poly]) -> Chain | None:
    """The chain of the strides, None where one is not a multiple of the next or a row is not affine."""
    extents: list[Poly] = []
    for outer, inner in zip(strides, (*strides[1:], Poly.of(1)), strict=True):
        parts = divided(outer, inner)
        if parts is None or parts[1].terms or affine_of(parts[0]) is None:
            return None
        extents.append(parts[0])
    return Chain(tuple(strides), tuple(extents))


def divided(poly: Poly, divisor: Poly) -> tuple[Poly, Poly] | None:
    """`poly = quotient * divisor + remainder`; None where the divisor is not one of symbols."""
    number = divisor.constant
    if number is None:
        return divide(poly, divisor)
    # By a number: whatever of each coefficient is a multiple, rounding towards zero.
    whole = Poly.collect((m, (abs(c) // number) * (1 if c > 0 else -1)) for m, c in poly.terms)
    return whole, poly - whole * number


def decompose(
    offset: Poly, chain: Chain, context: Context, ledger: Ledger, ask: bool
) -> tuple[Poly, ...] | None:
    """The subscripts of a flat offset; with `ask`, conditions on sizes may be added (and stay added
    when the answer is None: the caller restores the ledger)."""
    parts: list[Poly] = []
    rest = offset
    for stride in chain.strides:
        pair = divided(rest, stride)
        if pair is None:
            return None
        parts.append(pair[0])
        rest = pair[1]
    parts.append(rest)
    for level in range(len(chain.extents), 0, -1):
        extent = chain.extents[level - 1]
        carry = _carry(parts[level], extent, context, ledger, ask)
        if carry is None:
            return None
        parts[level] = parts[level] + extent * carry
        parts[level - 1] = parts[level - 1] - carry
    if any(affine_of(part) is None for part in parts):
        return None
    return tuple(parts)


def _carry(part: Poly, extent: Poly, context: Context, ledger: Ledger, ask: bool) -> int | None:
    """How many rows to move over so that the part is inside one."""
    for carry in _CARRIES:
        moved = part + extent * carry
        if all(ledger.implies(context, goal) for goal in (moved, extent - 1 - moved)):
            return carry
    if not ask:
        return None
    saved = ledger.checkpoint()
    best: tuple[int, int, tuple[Poly, ...]] | None = None
    for carry in _CARRIES:
        moved = part + extent * carry
        if all(ledger.ask(context, goal) for goal in (moved, extent - 1 - moved)):
            admitted = ledger.admitted()
            if best is None or admitted > best[0]:
                best = admitted, carry, ledger.checkpoint()
        ledger.restore(saved)
    if best is None:
        return None
    ledger.restore(best[2])
    return best[1]


def floored(offset: Poly, chain: Chain) -> tuple[Poly, ...] | None:
    """The subscripts by floor division, where all rows have a constant length."""
    parts: list[Poly] = []
    rest = offset
    for stride in chain.strides:
        number = stride.constant
        if number is None:
            return None
        whole = floor(rest, number)
        parts.append(whole)
        rest = rest - whole * number
    return (*parts, rest)
