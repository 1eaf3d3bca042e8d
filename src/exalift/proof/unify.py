"""How the axes of one value may correspond to those of another: candidates, which the caller checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, permutations, product

from exalift.affine import Affine

from .sums import Factor, Kind, Sum, Term

_MOST_ORDERS = 6


def correspondences(
    known: Sequence[Sum], other: Sequence[Sum], axes: Sequence[str]
) -> Iterator[dict[str, Affine]]:
    """Expressions for `axes`, which occur in `known`, that may turn it into `other`; some may be missing.

    Found by setting indices of factors equal, one term at a time. Nothing is promised of them.
    """
    pairs = [
        (term, [t for t in theirs if _kind(t) == _kind(term)])
        for mine, theirs in zip(known, other, strict=True)
        for term in mine
    ]
    wanted = frozenset(axes)
    # Terms that say most about the axes, and leave least choice, come first.
    pairs.sort(key=lambda pair: len(pair[1]))
    bound = frozenset(name for value in other for term in value for name in term.bound)
    return _extended({}, pairs, wanted, bound)


def _extended(
    values: dict[str, Affine],
    pairs: list[tuple[Term, list[Term]]],
    axes: frozenset[str],
    bound: frozenset[str],
) -> Iterator[dict[str, Affine]]:
    pending = [(values, 0)]
    while pending:
        found, position = pending.pop()
        if position == len(pairs) or axes <= found.keys():
            yield {name: value for name, value in found.items() if name in axes}
            continue
        term, partners = pairs[position]
        choices = [
            extended
            for partner in partners
            for order in _orders(partner.factors)
            if (extended := _solved(found, term, order, axes, bound)) is not None
        ]
        pending += [(choice, position + 1) for choice in reversed(choices or [found])]


def _kind(term: Term) -> tuple[Kind, object, int]:
    return (term.kind, term.coefficient, len(term.bound))


def _orders(factors: tuple[Factor, ...]) -> Iterator[tuple[Factor, ...]]:
    """The factors with those of one kind in every order, as far as there are few."""
    blocks = [list(permutations(same)) for _, same in groupby(factors, key=lambda f: f.kind)]
    count = 1
    for block in blocks:
        count *= len(block)
    if count > _MOST_ORDERS:
        yield factors
        return
    for choice in product(*blocks):
        yield tuple(factor for block in choice for factor in block)


def _solved(
    values: dict[str, Affine],
    term: Term,
    factors: tuple[Factor, ...],
    axes: frozenset[str],
    bound: frozenset[str],
) -> dict[str, Affine] | None:
    """The values with what the indices of one term tell beyond; None where two of them disagree."""
    found = dict(values)
    own = frozenset(term.bound)
    rows = [
        (mine, theirs)
        for one, other in zip(term.factors, factors, strict=True)
        for mine, theirs in zip(one.indices, other.indices, strict=True)
    ]
    progress = True
    while progress:
        progress = False
        for mine, theirs in rows:
            mine = mine.substitute(found)
            unknown = mine.names & ((axes | own) - found.keys())
            if len(unknown) != 1:
                continue
            name = next(iter(unknown))
            coefficient = mine.coefficient(name)
            rest = mine - Affine.symbol(name) * coefficient
            if abs(coefficient) != 1 or name in rest.names:
                continue
            value = (theirs - rest) * coefficient
            if name in axes and value.names & bound:
                return None
            found[name] = value
            progress = True
    # Bound axes are the term's own; another term says anew what they correspond to.
    return {name: value for name, value in found.items() if name in axes}
