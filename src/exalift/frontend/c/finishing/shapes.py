"""The shape of every array, and the subscripts of every access in it.

Extents are those declared; the outermost one, where it is not, is the smallest affine extent that covers
all accesses. Every access is proved to be in bounds, if need be under a condition on the sizes that
becomes one of the program's constraints; one that cannot be in bounds is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exalift.affine import Affine

from ..normalization import Ledger, Site, affine_of, implies, show
from ..reading import refusal
from ..terms import Memory, Poly
from .delinearize import Chain, decompose, floored, make_chain
from .strides import chains, coefficients, fixed_chains


@dataclass
class Shapes:
    """Shapes by memory, and subscripts by the identity of the access."""

    ledger: Ledger
    extents: dict[Memory, tuple[Affine, ...]] = field(default_factory=dict[Memory, tuple[Affine, ...]])
    subscripts: dict[int, tuple[Affine, ...]] = field(default_factory=dict[int, tuple[Affine, ...]])

    def choose(self, memory: Memory, declared: tuple[Poly | None, ...], sites: list[Site]) -> None:
        """Settle one memory. `declared` are its extents, resolved. Raises Refusal."""
        if not declared:
            self._finish(memory, (), [((), site) for site in sites])
        elif len(declared) == 1:
            self._flat(memory, declared[0], sites)
        else:
            self._declared(memory, declared, sites)

    # One dimension.

    def _flat(self, memory: Memory, total: Poly | None, sites: list[Site]) -> None:
        offsets = [site.access.indices[0] for site in sites]
        if total is None and all(offset.constant == 0 for offset in offsets):
            # Only ever `*p`: a single number that the caller sees.
            self._finish(memory, (), [((), site) for site in sites])
            return
        for site, offset in zip(sites, offsets, strict=True):
            for counters in coefficients(offset, self.ledger.names):
                if any(affine_of(Poly.atom(atom)) is None for atom in counters):
                    raise refusal(
                        site.access.span,
                        f"the subscript of `{memory.name}` is not affine: `{show(offset)}`",
                        "use sums of constant multiples of counters and sizes",
                    )
                if len(counters) > 1:
                    raise refusal(
                        site.access.span,
                        f"the subscript of `{memory.name}` multiplies counters: `{show(offset)}`",
                        "use sums of constant multiples of counters and sizes",
                    )
        chain, rows = self._chain(memory, total, sites, offsets)
        if chain is None:
            self._rows(memory, total, Chain((), ()), sites, [(offset,) for offset in offsets])
        else:
            self._rows(memory, _outer(total, chain), chain, sites, rows)

    def _chain(
        self, memory: Memory, total: Poly | None, sites: list[Site], offsets: list[Poly]
    ) -> tuple[Chain | None, list[tuple[Poly, ...]]]:
        """How to take the offsets apart, and the result; None to leave them as they are."""
        names = self.ledger.names
        distinct = list(dict.fromkeys(offsets))
        symbolic = list(chains(distinct, names))
        if not symbolic and all(affine_of(offset) is not None for offset in distinct):
            for chain in fixed_chains(distinct, names):
                rows = self._try(chain, sites, ask=False)
                if rows is not None and (total is None or _outer(total, chain) is not None):
                    return chain, rows
            if total is None or affine_of(total) is not None:
                return None, []
        for chain in symbolic:
            rows = self._try(chain, sites, ask=False)
            if rows is not None:
                return chain, rows
        best = self._mildest(symbolic, sites)
        if best is not None:
            return best
        worst = next((s for s in sites if affine_of(s.access.indices[0]) is None), sites[0])
        flat = show(worst.access.indices[0])
        raise refusal(
            worst.access.span,
            f"the flat subscript `{flat}` of `{memory.name}` cannot be taken apart into rows and columns",
            "declare the array with its dimensions, such as `double a[n][m]`",
        )

    def _mildest(
        self, candidates: list[Chain], sites: list[Site]
    ) -> tuple[Chain, list[tuple[Poly, ...]]] | None:
        """The chain that needs conditions which leave the most sizes, the first of equals; they are asked."""
        saved = self.ledger.checkpoint()
        found: list[tuple[int, tuple[Poly, ...], Chain, list[tuple[Poly, ...]]]] = []
        for chain in candidates:
            rows = self._try(chain, sites, ask=True)
            if rows is not None:
                found.append((self.ledger.admitted(), self.ledger.checkpoint(), chain, rows))
                self.ledger.restore(saved)
        if not found:
            return None
        _, asked, chain, rows = max(found, key=lambda each: each[0])
        self.ledger.restore(asked)
        return chain, rows

    def _try(self, chain: Chain, sites: list[Site], ask: bool) -> list[tuple[Poly, ...]] | None:
        saved = self.ledger.checkpoint()
        rows: list[tuple[Poly, ...]] = []
        for site in sites:
            row = decompose(site.access.indices[0], chain, site.context, self.ledger, ask)
            if row is None:
                self.ledger.restore(saved)
                return None
            rows.append(row)
        return rows

    def _rows(
        self,
        memory: Memory,
        outer: Poly | None,
        chain: Chain,
        sites: list[Site],
        rows: list[tuple[Poly, ...]],
    ) -> None:
        """Inner dimensions are settled; find or check the outermost."""
        pairs = list(zip(rows, sites, strict=True))
        outer = self._bounded(memory, outer, pairs)
        self._finish(memory, (outer, *chain.extents), pairs)

    # Several dimensions.

    def _declared(self, memory: Memory, declared: tuple[Poly | None, ...], sites: list[Site]) -> None:
        inner = tuple(extent for extent in declared[1:] if extent is not None)
        assert len(inner) == len(declared) - 1
        rows = [self._row(memory, inner, site) for site in sites]
        pairs = list(zip(rows, sites, strict=True))
        outer = self._bounded(memory, declared[0], pairs)
        self._finish(memory, (outer, *inner), pairs)

    def _row(self, memory: Memory, inner: tuple[Poly, ...], site: Site) -> tuple[Poly, ...]:
        """The indices as they are; taken apart anew where a pointer walks beyond the end of a row."""
        indices, context = site.access.indices, site.context
        plain = all(affine_of(index) is not None for index in indices)
        goals = [
            goal
            for index, extent in zip(indices[1:], inner, strict=True)
            for goal in (index, extent - 1 - index)
        ]
        if plain and all(self.ledger.implies(context, goal) for goal in goals):
            return indices
        saved = self.ledger.checkpoint()
        chain, offset = _linear(indices, inner)
        if chain is not None:
            for ask in (False, True):
                row = decompose(offset, chain, context, self.ledger, ask)
                if row is not None:
                    return row
                self.ledger.restore(saved)
        if plain and all(self.ledger.ask(context, goal) for goal in goals):
            return indices
        self.ledger.restore(saved)
        if chain is not None and all(index.constant == 0 for index in indices[:-1]):
            row = floored(offset, chain)
            if row is not None:
                return row
        raise refusal(
            site.access.span,
            f"`{memory.name}` is accessed at `{', '.join(map(show, indices))}`, beyond the end of a row",
            f"its rows are {' x '.join(map(show, inner))} long; use one subscript a dimension",
        )

    # Extents.

    def _cover(self, memory: Memory, uses: list[tuple[Poly, Site]]) -> Poly:
        """The smallest extent that covers every index."""
        requirements: list[tuple[Poly, ...]] = []
        for index, site in uses:
            for bounds in self.ledger.bounds(site.context, index):
                affine = tuple(bound + 1 for bound in bounds if affine_of(bound) is not None)
                if not affine:
                    raise refusal(
                        site.access.span,
                        f"how far `{memory.name}` reaches does not follow from the sizes",
                        f"declare its extent, such as `{memory.name}[n]`",
                    )
                if affine not in requirements:
                    requirements.append(affine)
        if not requirements:
            return Poly.of(1)
        base = self.ledger.facts
        candidates = list(dict.fromkeys(bound for bounds in requirements for bound in bounds))
        valid = [
            candidate
            for candidate in candidates
            if all(any(implies(base, candidate - bound) for bound in bounds) for bounds in requirements)
        ]
        if not valid:
            valid = self._raised(candidates, requirements)
        if not valid:
            texts = ", ".join(sorted({show(bounds[0]) for bounds in requirements}))
            raise refusal(
                memory.span,
                f"`{memory.name}` is used up to {texts}, and none of these is the largest for all sizes",
                f"declare its extent, such as `{memory.name}[n]`",
            )
        for candidate in valid:
            if all(implies(base, other - candidate) for other in valid):
                return candidate
        return min(valid, key=lambda poly: (len(poly.terms), str(poly)))

    def _raised(self, candidates: list[Poly], requirements: list[tuple[Poly, ...]]) -> list[Poly]:
        """An extent that is the largest once sizes have some least values, which are then asked: `n`
        covers `x[1]` and `x[i]`, i < n, for n >= 2."""
        saved = self.ledger.checkpoint()
        best: tuple[int, tuple[Poly, ...], Poly] | None = None
        for candidate in candidates:
            if all(self._covers(candidate, bounds) for bounds in requirements):
                admitted = self.ledger.admitted()
                if best is None or admitted > best[0]:
                    best = admitted, self.ledger.checkpoint(), candidate
            self.ledger.restore(saved)
        if best is None:
            return []
        self.ledger.restore(best[1])
        return [best[2]]

    def _covers(self, candidate: Poly, bounds: tuple[Poly, ...]) -> bool:
        """Whether one of the bounds is not above the candidate, asking for least values of sizes."""
        if any(implies(self.ledger.facts, candidate - bound) for bound in bounds):
            return True
        for bound in bounds:
            goal = candidate - bound
            if goal.is_plain and all(c > 0 for m, c in goal.terms if m) and self.ledger.demand(goal):
                return True
        return False

    def _bounded(self, memory: Memory, outer: Poly | None, rows: list[tuple[tuple[Poly, ...], Site]]) -> Poly:
        """The outermost extent, found if it is not given; every access proved to be inside, or refused."""
        for row, site in rows:
            if not self.ledger.ask(site.context, row[0]):
                raise refusal(
                    site.access.span,
                    f"`{memory.name}` is accessed at `{show(row[0])}`, which may be before its start",
                    "start at 0, or shift the pointer into the subscripts",
                )
        if outer is None:
            return self._cover(memory, [(row[0], site) for row, site in rows])
        for row, site in rows:
            if not self.ledger.ask(site.context, outer - 1 - row[0]):
                raise refusal(
                    site.access.span,
                    f"`{memory.name}` is accessed at `{show(row[0])}`, beyond its extent `{show(outer)}`",
                    "make the array larger or the loop shorter",
                )
        return outer

    def _finish(
        self, memory: Memory, extents: tuple[Poly, ...], rows: list[tuple[tuple[Poly, ...], Site]]
    ) -> None:
        shape: list[Affine] = []
        for extent in extents:
            affine = affine_of(extent)
            if affine is None or not extent.symbols <= self.ledger.names:
                raise refusal(
                    memory.span,
                    f"the extent `{show(extent)}` of `{memory.name}` does not follow from the sizes",
                    "use sums of constant multiples of size parameters",
                )
            if not self.ledger.demand(extent - 1):
                raise refusal(memory.span, f"the extent `{show(extent)}` of `{memory.name}` is not positive")
            shape.append(affine)
        self.extents[memory] = tuple(shape)
        for row, site in rows:
            indices: list[Affine] = []
            for index in row:
                affine = affine_of(index)
                if affine is None:
                    raise refusal(site.access.span, f"the subscript `{show(index)}` is not affine")
                indices.append(affine)
            self.subscripts[id(site.access)] = tuple(indices)


def _outer(total: Poly | None, chain: Chain) -> Poly | None:
    """The number of rows of a declared total, None where it is not known or no whole number."""
    if total is None:
        return None
    stride = make_chain((total, *chain.strides))
    return None if stride is None else stride.extents[0]


def _linear(indices: tuple[Poly, ...], inner: tuple[Poly, ...]) -> tuple[Chain | None, Poly]:
    """The strides of an array in memory, and where in it the element is."""
    strides: list[Poly] = []
    for position in range(len(inner)):
        stride = Poly.of(1)
        for extent in inner[position:]:
            stride = stride * extent
        strides.append(stride)
    offset = indices[-1]
    for index, stride in zip(indices, strides, strict=False):
        offset = offset + index * stride
    return make_chain(strides), offset


def by_memory(sites: Iterable[Site]) -> dict[Memory, list[Site]]:
    """Sites grouped, in order."""
    groups: dict[Memory, list[Site]] = {}
    for site in sites:
        groups.setdefault(site.access.memory, []).append(site)
    return groups
