"""Flat subscripts taken apart into rows and columns, justified by proof.

`a[i*lda + j]` is `a[i][j]` of an array with rows of length `lda`, provided that 0 <= j < lda. The strides are
read from the coefficients of the counters (after Grosser et al., Optimistic Delinearization of
Parametrically Sized Arrays, ICS 2015, with polynomial division in place of pattern matching); every
remainder is proved to lie in its row, if need be by a condition on the sizes (`lda >= m`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product
from math import gcd

from .context import Context, Ledger, affine_of
from .simplify import divide
from .symbolic import Atom, Monomial, Poly, floor

MAX_CHAINS = 64
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
        parts = _divided(outer, inner)
        if parts is None or parts[1].terms or affine_of(parts[0]) is None:
            return None
        extents.append(parts[0])
    return Chain(tuple(strides), tuple(extents))


def _divided(poly: Poly, divisor: Poly) -> tuple[Poly, Poly] | None:
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
        pair = _divided(rest, stride)
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
    for carry in _CARRIES:
        moved = part + extent * carry
        saved = ledger.checkpoint()
        if all(ledger.ask(context, goal) for goal in (moved, extent - 1 - moved)):
            return carry
        ledger.restore(saved)
    return None


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


# Candidates.


def coefficients(offset: Poly, sizes: frozenset[str]) -> dict[Monomial, Poly]:
    """The coefficient, in sizes, of every counter (or product of counters); () for what has none."""
    parts: dict[Monomial, list[tuple[Monomial, int]]] = {}
    for monomial, coefficient in offset.terms:
        counters = tuple(atom for atom in monomial if not _is_size(atom, sizes))
        rest = tuple(atom for atom in monomial if _is_size(atom, sizes))
        parts.setdefault(counters, []).append((rest, coefficient))
    return {counters: Poly.collect(terms) for counters, terms in parts.items()}


def _is_size(atom: Atom, sizes: frozenset[str]) -> bool:
    return isinstance(atom, str) and atom in sizes


def chains(offsets: Sequence[Poly], sizes: frozenset[str]) -> Iterator[Chain]:
    """Candidate chains, the likelier first. They have symbolic strides; `fixed_chains` has the others."""
    strides: dict[Poly, None] = {}
    numbers: set[int] = set()
    for offset in offsets:
        for counters, stride in coefficients(offset, sizes).items():
            number = stride.constant
            if counters and number is not None:
                numbers.add(abs(number))
            elif counters:
                strides[_positive(stride)] = None
    if not strides:
        strides = _fixed_places(offsets)
    by_degree: dict[int, list[Poly]] = {}
    for stride in strides:
        lead = stride.terms[-1][0]
        options = by_degree.setdefault(len(lead), [])
        # A counter that goes in steps multiplies the stride; without its factor it is tried first.
        content = gcd(*(coefficient for _, coefficient in stride.terms))
        primitive = stride.divided_exactly(content) or stride
        options += [o for o in (Poly(((lead, 1),)), primitive, stride) if o not in options]
    if not by_degree:
        return
    levels = [by_degree[degree] for degree in sorted(by_degree, reverse=True)]
    for choice in islice(product(*levels), MAX_CHAINS):
        yield from _refined(choice, sorted((n for n in numbers if n > 1), reverse=True))


def _positive(stride: Poly) -> Poly:
    return stride if stride.terms[-1][1] > 0 else -stride


def _fixed_places(offsets: Sequence[Poly]) -> dict[Poly, None]:
    """Strides of subscripts without counters, such as `(n - 1) * m + 2`: what multiplies a size."""
    strides: dict[Poly, None] = {}
    for offset in offsets:
        for symbol in sorted({a for m, _ in offset.terms if len(m) > 1 for a in m if isinstance(a, str)}):
            parts = offset.split(symbol)
            if parts is not None and set(parts) <= {0, 1}:
                strides[_positive(parts[1])] = None
    return strides


def _refined(strides: tuple[Poly, ...], numbers: Sequence[int]) -> Iterator[Chain]:
    """The chain with constant strides below the symbolic ones, then without."""
    for count in range(min(len(numbers), 3), -1, -1):
        for chosen in combinations(numbers, count):
            chain = make_chain((*strides, *(Poly.of(number) for number in chosen)))
            if chain is not None:
                yield chain


def fixed_chains(offsets: Sequence[Poly], sizes: frozenset[str]) -> Iterator[Chain]:
    """Chains of constant strides that part what varies inside a row from what moves between rows."""
    numbers: set[int] = set()
    for offset in offsets:
        for counters, stride in coefficients(offset, sizes).items():
            number = stride.constant
            if counters and number is not None and abs(number) > 1:
                numbers.add(abs(number))
    ordered = sorted(numbers, reverse=True)[:5]
    for count in range(len(ordered), 0, -1):
        for chosen in combinations(ordered, count):
            chain = make_chain(tuple(Poly.of(number) for number in chosen))
            if chain is not None and _varies(offsets, chain, sizes):
                yield chain


def _varies(offsets: Sequence[Poly], chain: Chain, sizes: frozenset[str]) -> bool:
    """Whether something moves along every dimension of the chain."""
    moving: set[int] = set()
    for offset in offsets:
        rest = offset
        for level, stride in enumerate(chain.strides):
            pair = _divided(rest, stride)
            if pair is None:
                return False
            if any(coefficients(pair[0], sizes).keys() - {()}):
                moving.add(level)
            rest = pair[1]
        if any(coefficients(rest, sizes).keys() - {()}):
            moving.add(len(chain.strides))
    return len(moving) == len(chain.strides) + 1
