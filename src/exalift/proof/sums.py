"""Sums of products with symbolic indices: the normal form in which programs are compared for all sizes.

A value at a point (of sizes, induction variables and axes) is a sum of terms. A term is a rational
coefficient times a product of factors, where its condition holds and summed over all values that its
bound axes take there. A factor is an atom at affine indices, to a power of 1 or -1: an element of an
array, an index as a number, or an opaque function of other values (see `opaque`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, permutations, product
from math import inf, lcm

from exalift.affine import NEVER, Affine, Condition, Constraint, Guard, WeightedPoints, renew_operations

INDEX = "%index"
"""The atom whose element at `x` is the number `x`."""

ONE = "%one"
"""The atom whose every element is 1: it counts the values of a bound axis that no other index tells."""

TRUTH = "%is "
"""How the names of opaque truths begin; a truth is its own square."""

Kind = tuple[tuple[str, int, int], ...]

_LINEAR: frozenset[Kind] = frozenset({(), ((INDEX, 1, 1),)})
_POINT = "%q"
_MOST_TERMS = 2000
_MOST_ORDERS = 24


class UndecidedError(Exception):
    """The comparison is given up; the message says why."""


@dataclass(frozen=True, slots=True)
class Factor:
    """`name[indices] ** power`, where the power is 1 or -1."""

    name: str
    indices: tuple[Affine, ...] = ()
    power: int = 1

    @property
    def kind(self) -> tuple[str, int, int]:
        return (self.name, self.power, len(self.indices))


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient * product(factors)`, summed over the values of `bound` for which `where` holds."""

    coefficient: Fraction
    where: Condition
    bound: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()

    @property
    def kind(self) -> Kind:
        return tuple(factor.kind for factor in self.factors)

    @property
    def free(self) -> frozenset[str]:
        """The symbols that the value depends on."""
        names = self.where.names.union(*(i.names for f in self.factors for i in f.indices))
        return names - set(self.bound)


Sum = tuple[Term, ...]


class Work:
    """What one comparison may use: time, terms, and names that nothing else has.

    `deadline` is one of the monotonic clock. `seconds` are those that this thread may compute, so that how
    far a proof gets does not depend on what else the machine does.
    """

    def __init__(self, deadline: float, seconds: float = inf) -> None:
        self.deadline = deadline
        self.computed_until = time.thread_time() + seconds
        self._names = 0

    def check(self, terms: int = 0) -> None:
        """Raises UndecidedError once the time is spent or a sum is too long."""
        if time.monotonic() > self.deadline or time.thread_time() > self.computed_until:
            raise UndecidedError("the time is spent")
        renew_operations()
        if terms > _MOST_TERMS:
            raise UndecidedError(f"more than {_MOST_TERMS} terms")

    def fresh(self) -> str:
        """A name for a bound axis. `%` keeps it apart from symbols of programs."""
        self._names += 1
        return f"%b{self._names}"


def number(value: Fraction | int, everywhere: Condition) -> Sum:
    return (Term(Fraction(value), everywhere),) if value else ()


def scaled(value: Sum, factor: Fraction | int) -> Sum:
    return tuple(replace(term, coefficient=term.coefficient * factor) for term in value)


def restricted(value: Sum, where: Condition) -> Sum:
    """The value where a condition holds, and 0 elsewhere."""
    found = (replace(term, where=term.where & where) for term in value)
    return tuple(term for term in found if not term.where.is_empty)


def multiplied(left: Sum, right: Sum, work: Work) -> Sum:
    """The product; the operands share no bound axis."""
    work.check(len(left) * len(right))
    found: list[Term] = []
    for a, b in product(left, right):
        if set(a.bound) & set(b.bound):
            raise ValueError("two factors share a bound axis")
        where = a.where & b.where
        if not where.is_empty:
            factors = _product(a.factors, b.factors)
            found.append(Term(a.coefficient * b.coefficient, where, a.bound + b.bound, factors))
        work.check()
    return tuple(found)


def _product(left: tuple[Factor, ...], right: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """All factors, in the order of their kinds; a truth that is there already is left out."""
    right = tuple(f for f in right if not (f.name.startswith(TRUTH) and f.power == 1 and f in left))
    return tuple(sorted(left + right, key=lambda factor: factor.kind))


def renamed(value: Sum, names: Mapping[str, str]) -> Sum:
    """Free symbols renamed, all at once."""
    symbols = {old: Affine.symbol(new) for old, new in names.items()}
    return tuple(
        replace(
            term,
            where=term.where.rename(names),
            factors=tuple(
                replace(f, indices=tuple(index.substitute(symbols) for index in f.indices))
                for f in term.factors
            ),
        )
        for term in value
    )


def substituted(value: Sum, values: Mapping[str, Affine]) -> Sum:
    """Expressions in the place of free symbols. They mention neither these symbols nor bound axes."""
    if not values:
        return value
    found: list[Term] = []
    for term in value:
        factors = tuple(
            replace(f, indices=tuple(index.substitute(values) for index in f.indices)) for f in term.factors
        )
        found.append(replace(term, where=term.where.substitute(values), factors=factors))
    return tuple(found)


def index_number(index: Affine, where: Condition) -> Sum:
    """An affine expression as a number: a combination of elements of `INDEX`."""
    found: list[Term] = list(number(index.constant, where))
    for atom, coefficient in index.terms:
        symbol = Affine(((atom, 1),))
        found.append(Term(Fraction(coefficient), where, (), (Factor(INDEX, (symbol,)),)))
    return tuple(found)


def difference_is_zero(left: Sum, right: Sum, known: Condition, work: Work) -> bool:
    """Whether two sums are proved equal at every point of `known`. False: not proved."""
    return unequal(left, right, known, work).is_empty


def unequal(left: Sum, right: Sum, known: Condition, work: Work) -> Condition:
    """The points of `known` at which two sums are not proved equal; at all others they are.

    Terms are grouped by the names and powers of their factors. A term whose bound axes are told apart
    by its indices is an indicator function of points (free symbols, indices of all factors); two sums
    with the same function in every group are equal, since each is a fixed sum over that function.
    Factors of one name commute, so where the functions differ, their averages over all orders of such
    factors decide. What is left is tried again with the values of idle axes counted.
    """
    terms: list[Term] = []
    for term in (*left, *scaled(right, -1)):
        inside = replace(term, where=term.where & known)
        if not inside.where.is_empty:
            terms.append(inside)
        work.check()
    unsure = known
    for attempt in (_as_it_is, _with_counts):
        rest: list[Term] = []
        nowhere = Condition.of(NEVER)
        groups: dict[Kind, list[tuple[Term, Term]]] = {}
        for term in attempt(terms, work):
            counted = _counted(term)
            groups.setdefault(counted.kind, []).append((term, counted))
        linear: list[Term] = []
        for kind, pairs in groups.items():
            left_over = _left_over([counted for _, counted in pairs], work)
            if left_over.is_empty:
                continue
            rest += [term for term, _ in pairs]
            if kind in _LINEAR and not any(term.bound for term, _ in pairs):
                linear += [term for term, _ in pairs]
            else:
                nowhere = nowhere | left_over
        if linear:
            nowhere = nowhere | _nonzero_index(linear, work)
        unsure = unsure & nowhere
        if unsure.is_empty:
            break
        terms = rest
    return unsure


def same_values(left: Sum, right: Sum, known: Condition, work: Work, counted: bool) -> bool:
    """Whether the terms of two sums, each taken as one value a point, are the same values everywhere.

    The same as a set, or with their multiplicities where these are `counted`.
    """
    groups: dict[tuple[Kind, Fraction], list[Term]] = {}
    for sign, terms in ((1, left), (-1, right)):
        for term in terms:
            inside = replace(term, where=term.where & known)
            if inside.where.is_empty:
                continue
            inside = _counted(inside) if counted else _sorted(inside)
            weighted = replace(inside, coefficient=Fraction(sign))
            groups.setdefault((inside.kind, term.coefficient), []).append(weighted)
        work.check()
    if counted:
        return all(_left_over(terms, work).is_empty for terms in groups.values())
    return all(_same_points(terms, work) for terms in groups.values())


def _same_points(terms: list[Term], work: Work) -> bool:
    """Whether the points of terms of weight 1 are those of terms of weight -1, up to orders of factors."""
    sides = {1: Condition.of(NEVER), -1: Condition.of(NEVER)}
    for term, factors, _ in _orders(terms):
        side = 1 if term.coefficient > 0 else -1
        sides[side] = sides[side] | _points(term, factors).exists(term.bound)
        work.check()
    return sides[1].equals(sides[-1])


def _as_it_is(terms: list[Term], work: Work) -> list[Term]:
    return terms


def _with_counts(terms: list[Term], work: Work) -> list[Term]:
    """The same sum with the number of values in the place of bound axes that no factor mentions.

    Sums of equal terms come together where that number is a difference of affine expressions.
    """
    found: list[Term] = []
    pending = list(terms)
    while pending:
        work.check(len(found) + len(pending))
        term = pending.pop()
        used = {name for factor in term.factors for index in factor.indices for name in index.names}
        for axis in _undetermined(term):
            pieces = term.where.interval(axis) if axis not in used else None
            if pieces is None:
                continue
            bound = tuple(name for name in term.bound if name != axis)
            for where, low, high in pieces:
                once = replace(term, where=where, bound=bound)
                pending += multiplied((once,), index_number(high - low + 1, where), work)
            break
        else:
            found.append(term)
    return found


_MOST_CELLS = 64


def _nonzero_index(terms: list[Term], work: Work) -> Condition:
    """Where a sum of rational multiples of indices, and of 1, is not 0. No term has a bound axis."""
    cells: list[tuple[Condition, Affine]] = []
    scale = lcm(*(term.coefficient.denominator for term in terms))
    for term in terms:
        part = term.factors[0].indices[0] if term.factors else Affine.of(1)
        part = part * int(term.coefficient * scale)
        rest = term.where
        split: list[tuple[Condition, Affine]] = []
        for where, value in cells:
            both, only = where & rest, where - rest
            split += [(c, v) for c, v in ((both, value + part), (only, value)) if not c.is_empty]
            rest = rest - where
        cells = split if rest.is_empty else [*split, (rest, part)]
        work.check()
        if len(cells) > _MOST_CELLS:
            raise UndecidedError("too many cases")
    found = Condition.of(NEVER)
    for where, value in cells:
        apart = Guard.of(Constraint(value - 1)) | Guard.of(Constraint(-value - 1))
        found = found | (where & Condition.of(apart))
    return found


def _left_over(terms: list[Term], work: Work) -> Condition:
    """The free symbols for which the terms of one group are not seen to add up to 0."""
    total = _total(((term, term.factors, Fraction(1)) for term in terms), work)
    if not total.is_zero and max((len(list(s)) for _, s in groupby(terms[0].kind)), default=1) > 1:
        total = _total(_orders(terms), work)
    support = total.support
    return support.exists([name for name in support.names if name.startswith(_POINT)])


def _orders(terms: Iterable[Term]) -> Iterator[tuple[Term, tuple[Factor, ...], Fraction]]:
    """Every term with its factors of one kind in every order, weighted so that the weights add up to 1."""
    for term in terms:
        blocks = [list(permutations(same)) for _, same in groupby(term.factors, key=lambda f: f.kind)]
        count = 1
        for block in blocks:
            count *= len(block)
        if count > _MOST_ORDERS:
            raise UndecidedError("too many factors of one array in a product")
        for choice in product(*blocks):
            yield term, tuple(factor for block in choice for factor in block), Fraction(1, count)


def _total(terms: Iterable[tuple[Term, tuple[Factor, ...], Fraction]], work: Work) -> WeightedPoints:
    total = WeightedPoints()
    for term, factors, weight in terms:
        total.add(term.coefficient * weight, _points(term, factors).exists(term.bound))
        work.check()
    return total


def _points(term: Term, factors: tuple[Factor, ...]) -> Condition:
    """The points (free symbols, bound axes, indices) of a term."""
    indices = [index for factor in factors for index in factor.indices]
    rows = [Constraint(Affine.symbol(f"{_POINT}{k}") - index, True) for k, index in enumerate(indices)]
    return term.where & Condition.of(Guard.of(*rows)) if rows else term.where


def _counted(term: Term) -> Term:
    """The term with a factor of 1 for every bound axis that its indices and free symbols do not determine."""
    open_axes = _undetermined(term)
    if open_axes:
        points = _points(term, term.factors)
        twins = {name: f"%c{k}" for k, name in enumerate(term.bound)}
        twice = points & points.rename(twins)
        counted: list[str] = []
        for name in open_axes:
            here, there = Affine.symbol(name), Affine.symbol(twins[name])
            for axis in counted:
                same = Constraint(Affine.symbol(axis) - Affine.symbol(twins[axis]), True)
                twice = twice & Condition.of(Guard.of(same))
            apart = Guard.of(Constraint(here - there - 1)) | Guard.of(Constraint(there - here - 1))
            if not (twice & Condition.of(apart)).is_empty:
                counted.append(name)
        term = replace(term, factors=term.factors + tuple(Factor(ONE, (Affine.symbol(a),)) for a in counted))
    return _sorted(term)


def _sorted(term: Term) -> Term:
    return replace(term, factors=tuple(sorted(term.factors, key=lambda factor: factor.kind)))


def _undetermined(term: Term) -> list[str]:
    """The bound axes that are not seen to be determined: none stands alone in an index, up to known ones."""
    unknown = set(term.bound)
    progress = True
    while progress and unknown:
        progress = False
        for factor in term.factors:
            for index in factor.indices:
                inside = index.names & unknown
                if len(inside) == 1 and index.coefficient(next(iter(inside))):
                    name = next(iter(inside))
                    rest = index - Affine.symbol(name) * index.coefficient(name)
                    if name not in rest.names:
                        unknown -= inside
                        progress = True
    return [name for name in term.bound if name in unknown]
