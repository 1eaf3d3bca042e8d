"""Strides that the rows of a flat array may have, read from its subscripts.

`a[i*lda + j]` has the strides `lda` and 1: what multiplies its counters. Candidates come from those
coefficients, from their parts by degree (`i*(n*m + m + 1)` walks a diagonal of rows of `m`) and from their
factors (rows of `n` inside of planes of `n*n`). Which of them fits is `delinearize`'s to prove.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, combinations_with_replacement, islice, product
from math import gcd

from ..normalization import affine_of, divide
from ..terms import Atom, Floor, Monomial, Poly
from .delinearize import Chain, divided, make_chain

MAX_CHAINS = 96
_MAX_INSERTED = 4


def coefficients(offset: Poly, sizes: frozenset[str]) -> dict[Monomial, Poly]:
    """The coefficient, in sizes, of every counter (or product of counters); () for what has none."""
    parts: dict[Monomial, list[tuple[Monomial, int]]] = {}
    for monomial, coefficient in offset.terms:
        counters = tuple(atom for atom in monomial if not _is_size(atom, sizes))
        rest = tuple(atom for atom in monomial if _is_size(atom, sizes))
        parts.setdefault(counters, []).append((rest, coefficient))
    return {counters: Poly.collect(terms) for counters, terms in parts.items()}


def _is_size(atom: Atom, sizes: frozenset[str]) -> bool:
    """Whether an atom is a size, or a quotient of sizes such as `(w + 1) / 2`."""
    match atom:
        case str():
            return atom in sizes
        case Floor(numerator):
            return numerator.is_plain and numerator.symbols <= sizes
        case _:
            return False


def chains(offsets: Sequence[Poly], sizes: frozenset[str]) -> Iterator[Chain]:
    """Candidate chains, the likelier first, each once. They have symbolic strides; `fixed_chains` has
    the others."""
    strides: dict[Poly, None] = {}
    numbers: set[int] = set()
    for offset in offsets:
        for counters, stride in coefficients(offset, sizes).items():
            number = stride.constant
            if counters and number is not None:
                numbers.add(abs(number))
            elif counters:
                strides[_positive(stride)] = None
    bases = [coefficients(offset, sizes).get((), Poly()) for offset in offsets]
    parts = _parts(strides)
    levels = _by_degree([*strides, *parts, *_differences(strides, parts), *_fixed_places(bases)])
    inner = sorted((number for number in numbers if number > 1), reverse=True)
    yield from islice(dict.fromkeys(islice(_chosen(levels, inner), 4 * MAX_CHAINS)), MAX_CHAINS)


def _by_degree(strides: Iterable[Poly]) -> list[list[Poly]]:
    """The strides by degree, the highest first. A counter that goes in steps multiplies its stride; without
    the factor it is tried first."""
    found: dict[int, list[Poly]] = {}
    for stride in strides:
        lead = stride.terms[-1][0]
        options = found.setdefault(len(lead), [])
        for option in (Poly(((lead, 1),)), _primitive(stride), stride):
            if lead and option not in options:
                options.append(option)
    return [found[degree] for degree in sorted(found, reverse=True)]


def _parts(strides: Iterable[Poly]) -> list[Poly]:
    """What of every stride has some degree, and what has at least that."""
    found: list[Poly] = []
    for stride in strides:
        for degree in range(len(stride.terms[-1][0]), 0, -1):
            for terms in (
                tuple((m, c) for m, c in stride.terms if len(m) >= degree),
                tuple((m, c) for m, c in stride.terms if len(m) == degree),
            ):
                if terms:
                    found.append(_positive(Poly(terms)))
    return found


def _differences(strides: Iterable[Poly], parts: Iterable[Poly]) -> list[Poly]:
    """What is left of the stride of a diagonal without the strides of the dimensions below; on one that
    runs the other way there they are added."""
    lower = dict.fromkeys((*strides, *parts, Poly.of(1)))
    found = [one + other * sign for sign in (-1, 1) for one in strides for other in lower if one != other]
    return [_positive(each) for each in found if each.constant is None]


def _primitive(stride: Poly) -> Poly:
    content = gcd(*(coefficient for _, coefficient in stride.terms))
    return stride.divided_exactly(content) or stride


def _positive(stride: Poly) -> Poly:
    return stride if stride.terms[-1][1] > 0 else -stride


def _fixed_places(offsets: Sequence[Poly]) -> dict[Poly, None]:
    """Strides of what no counter moves, such as `(n - 1) * m + 2`: what multiplies a size, what divides the
    place of a row's first or last elements, and the sizes themselves."""
    strides: dict[Poly, None] = {}
    curved = [offset for offset in offsets if any(len(m) > 1 for m, _ in offset.terms)]
    for offset in curved:
        symbols = sorted({a for m, _ in offset.terms if len(m) > 1 for a in m if isinstance(a, str)})
        for symbol in symbols:
            parts = offset.split(symbol)
            if parts is not None and set(parts) <= {0, 1}:
                strides[_positive(parts[1])] = None
    for offset in curved:
        for column in range(-3, 4):
            rows = _divisors(offset - column)
            if any(len(m) > 2 for m, _ in offset.terms):
                strides |= dict.fromkeys(one * other for one, other in combinations_with_replacement(rows, 2))
            strides |= dict.fromkeys(rows)
    for offset in curved:
        for monomial, _ in reversed(offset.terms):
            if len(monomial) > 1:
                strides |= dict.fromkeys(Poly.atom(a) for a in monomial if isinstance(a, str | Floor))
    return strides


def _divisors(poly: Poly) -> list[Poly]:
    """Affine polynomials, of one symbol or a sum of two, that divide a polynomial."""
    atoms = {a for m, _ in poly.terms for a in m if isinstance(a, str | Floor)}
    symbols = [Poly.atom(a) for a in sorted(atoms, key=str)]
    if len(symbols) > 4:
        return []
    factors = sorted({1, 2, 3, *(abs(c) for m, c in poly.terms if len(m) > 1)})[:8]
    heads = [s * factor for s in symbols for factor in factors]
    heads += [s + t for s, t in combinations(symbols, 2)]
    found: list[Poly] = []
    for head in heads:
        for shift in (0, 1, -1, 2, -2):
            pair = divide(poly, head + shift)
            if pair is not None and not pair[1].terms and pair[0].constant is None:
                found.append(head + shift)
    return found


def _chosen(levels: Sequence[Sequence[Poly]], numbers: Sequence[int]) -> Iterator[Chain]:
    """Chains with one stride of each degree, of the highest first; then without some degrees."""
    if not levels:
        return
    for choice in product(*levels):
        yield from _refined(choice, numbers)
    for count in range(len(levels) - 1, 0, -1):
        for some in combinations(levels, count):
            for choice in product(*some):
                yield from _refined(choice, numbers)


def _refined(strides: tuple[Poly, ...], numbers: Sequence[int]) -> Iterator[Chain]:
    """The chain with constant strides below the symbolic ones, then without."""
    for filled in _filled(strides):
        for count in range(min(len(numbers), 3), -1, -1):
            for chosen in combinations(numbers, count):
                chain = make_chain((*filled, *(Poly.of(number) for number in chosen)))
                if chain is not None:
                    yield chain


def _filled(strides: tuple[Poly, ...]) -> Iterator[tuple[Poly, ...]]:
    """With one more stride between two whose quotient is a product: `n*n`, 1 becomes `n*n`, `n`, 1."""
    lower = (*strides[1:], Poly.of(1))
    for position, (outer, inner) in enumerate(zip(strides, lower, strict=True)):
        pair = divided(outer, inner)
        if pair is None or pair[1].terms:
            # No multiple: a chain that `make_chain` refuses as well.
            return
        if affine_of(pair[0]) is None:
            rows = _divisors(pair[0])[:_MAX_INSERTED]
            for row in rows:
                yield from _filled((*strides[: position + 1], row * inner, *strides[position + 1 :]))
            return
    yield strides


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
            pair = divided(rest, stride)
            if pair is None:
                return False
            if any(coefficients(pair[0], sizes).keys() - {()}):
                moving.add(level)
            rest = pair[1]
        if any(coefficients(rest, sizes).keys() - {()}):
            moving.add(len(chain.strides))
    return len(moving) == len(chain.strides) + 1
