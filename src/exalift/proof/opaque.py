"""Opaque values: functions that sums of products do not explain, told apart by their arguments alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations

from exalift.affine import Affine, Condition

from .sums import Factor, Sum, Term, UndecidedError, Work, difference_is_zero, renamed

_MOST_AXES = 3
_MOST_ORDERS = 24


@dataclass(frozen=True, slots=True)
class Opaque:
    """`function(arguments)` at the axes `%p0`, `%p1`, ...: defined at all integers by its arguments.

    A reduction has further axes, `%r0`, ...: its value is that of the family of `arguments[0]` over the
    points where `domain` holds, in no order.
    """

    name: str
    function: str
    axes: int
    arguments: tuple[Sum, ...]
    reduced: int = 0
    domain: Condition | None = None


class Registry:
    """The opaque values of one comparison, shared by both sides."""

    def __init__(self, work: Work, symbols: Iterable[str]) -> None:
        self.work = work
        self.symbols = frozenset(symbols)
        self.known: dict[tuple[str, int, int, int], list[Opaque]] = {}

    def value(
        self,
        function: str,
        arguments: tuple[Sum, ...],
        where: Condition,
        reduced: tuple[str, ...] = (),
        domain: Condition | None = None,
        commutes: bool = False,
    ) -> Factor:
        """The atom of a function of values that are given at the points of `where`.

        Two are one atom where their arguments are proved equal at all these points. `reduced` are the
        axes of a reduction, and `domain` is where they run.
        """
        self.work.check()
        inner = where & domain if domain is not None else where
        simple = tuple(_simplified(argument, inner) for argument in arguments)
        region = domain.given(where) if domain is not None else None
        free = {name for argument in simple for term in argument for name in term.free}
        if region is not None:
            free |= region.names
        axes = sorted(free - self.symbols - set(reduced))
        known = self.known.setdefault((function, len(axes), len(simple), len(reduced)), [])
        orders = list(permutations(axes)) if len(axes) <= _MOST_AXES else [tuple(axes)]
        inner_orders = (
            list(permutations(range(len(reduced))))
            if len(reduced) <= _MOST_AXES
            else [tuple(range(len(reduced)))]
        )
        swaps = [simple, simple[::-1]] if commutes and len(simple) == 2 else [simple]
        for candidate in known:
            for order in orders:
                for inner_order in inner_orders:
                    new = _Renaming(order, [reduced[k] for k in inner_order])
                    for swap in swaps:
                        if self._same(candidate, swap, region, where, new):
                            return Factor(candidate.name, tuple(map(Affine.symbol, order)))
        name = f"%{function}#{sum(map(len, self.known.values()))}"
        naming = _Renaming(tuple(axes), list(reduced))
        stored = tuple(renamed(argument, naming.names) for argument in simple)
        kept = region.rename(naming.names) if region is not None else None
        known.append(Opaque(name, function, len(axes), stored, len(reduced), kept))
        return Factor(name, tuple(map(Affine.symbol, axes)))

    def _same(
        self,
        known: Opaque,
        arguments: tuple[Sum, ...],
        region: Condition | None,
        where: Condition,
        new: _Renaming,
    ) -> bool:
        here = where.exists(where.names - self.symbols - set(new.axes)).rename(new.outer)
        if region is not None and known.domain is not None:
            moved = region.rename(new.names)
            if not (moved & here).equals(known.domain & here):
                return False
            here = here & moved
        return all(
            difference_is_zero(mine, renamed(theirs, new.names), here, self.work)
            for mine, theirs in zip(known.arguments, arguments, strict=True)
        )


class _Renaming:
    def __init__(self, axes: tuple[str, ...], reduced: list[str]) -> None:
        self.axes = axes
        self.outer = {name: f"%p{k}" for k, name in enumerate(axes)}
        self.names = {**self.outer, **{name: f"%r{k}" for k, name in enumerate(reduced)}}


def _simplified(value: Sum, where: Condition) -> Sum:
    """The value with conditions that hold throughout `where` left out; the same at all points of `where`."""
    found: list[Term] = []
    for term in value:
        outside = Term(term.coefficient, term.where.given(where), term.bound, term.factors)
        found.append(outside)
    return tuple(found)


def inverted(value: Sum, where: Condition, registry: Registry) -> Factor | Term:
    """One over a value: term by term for a product, else opaque. Division by zero is left out."""
    if len(value) == 1 and not value[0].bound and where.implies(value[0].where):
        term = value[0]
        factors = tuple(
            sorted((Factor(f.name, f.indices, -f.power) for f in term.factors), key=lambda f: f.kind)
        )
        return Term(1 / term.coefficient, where, (), factors)
    if not value:
        raise UndecidedError("a division by zero")
    return registry.value("inverse", (value,), where)
