"""Scalar values during translation: what they compute, and what they mean as an index, where they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from exalift.affine import (
    Affine,
    Apply,
    Cast,
    Constant,
    Constraint,
    Expression,
    FloorDiv,
    Guard,
    GuardValue,
    IndexValue,
    Load,
)
from exalift.base import DType

from .source import Unsupported

MAX_CANDIDATES = 8
MAX_DISJUNCTS = 8
MAX_FLOORS = 6
MAX_DIVISIONS = 8  # isl takes exponential time in their number
MAX_COEFFICIENT = 1 << 48
_INDEX_DTYPES = frozenset({DType.I32, DType.I64})


@dataclass(frozen=True, slots=True)
class Extremum:
    """The largest or the smallest of some affine expressions; of one, that expression."""

    candidates: tuple[Affine, ...]
    largest: bool = False

    @staticmethod
    def of(value: int | str | Affine) -> Extremum:
        return Extremum((Affine.of(value),))

    @staticmethod
    def combined(operands: Sequence[Extremum], largest: bool) -> Extremum | None:
        """The maximum or minimum of operands; None where minima and maxima mix."""
        if any(not operand.fits(largest) for operand in operands):
            return None
        candidates = tuple(dict.fromkeys(c for operand in operands for c in operand.candidates))
        return Extremum(candidates, largest) if len(candidates) <= MAX_CANDIDATES else None

    @property
    def single(self) -> Affine | None:
        return self.candidates[0] if len(self.candidates) == 1 else None

    def fits(self, largest: bool) -> bool:
        """Whether it can be read as a maximum (or, else, as a minimum)."""
        return len(self.candidates) == 1 or self.largest == largest

    def plus(self, other: Extremum) -> Extremum | None:
        """None where minima and maxima mix. Raises Unsupported for too many divisions."""
        largest = self.largest if len(self.candidates) > 1 else other.largest
        if not self.fits(largest) or not other.fits(largest):
            return None
        sums = tuple(dict.fromkeys(a + b for a in self.candidates for b in other.candidates))
        if any(_divisions(total) > MAX_DIVISIONS for total in sums):
            raise Unsupported(f"an index with more than {MAX_DIVISIONS} divisions is not supported")
        return Extremum(sums, largest) if len(sums) <= MAX_CANDIDATES else None

    def times(self, factor: int) -> Extremum:
        """Raises Unsupported for coefficients that 64 bits may not hold in sums."""
        if any(abs(k * factor) > MAX_COEFFICIENT for c in self.candidates for _, k in c.terms):
            raise Unsupported("the coefficient of an index is too large")
        return Extremum(tuple(c * factor for c in self.candidates), self.largest != (factor < 0))

    def divided(self, denominator: int, up: bool = False) -> Extremum:
        """Rounded towards minus infinity, or plus infinity; monotone, so that the extremum stays.

        Raises Unsupported for divisions that are nested too deeply.
        """
        self._check_floors()
        shift = denominator - 1 if up else 0
        return Extremum(tuple((c + shift) // denominator for c in self.candidates), self.largest)

    def remainder(self, denominator: int) -> Extremum | None:
        """What the division rounded down leaves over, in `[0, denominator)`."""
        self._check_floors()
        return None if self.single is None else Extremum.of(self.single % denominator)

    def _check_floors(self) -> None:
        if any(_floors(candidate) >= MAX_FLOORS for candidate in self.candidates):
            raise Unsupported("divisions of indices are nested too deeply")


def _floors(affine: Affine) -> int:
    """How deep floor divisions are nested, which `MAX_FLOORS` bounds."""
    nested = [_floors(atom.numerator) for atom, _ in affine.terms if isinstance(atom, FloorDiv)]
    return 1 + max(nested) if nested else 0


def _divisions(affine: Affine) -> int:
    """How many floor divisions there are, nested ones included."""
    divisions = [atom for atom, _ in affine.terms if isinstance(atom, FloorDiv)]
    return sum(1 + _divisions(atom.numerator) for atom in divisions)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar value of the source.

    `expression` computes it. `index` is its meaning as an integer that is affine in sizes and
    induction variables, `guard` its meaning as a condition on them. `reads` are the arrays that the
    expression loads from; `weight` and `depth` are its size as a tree, and its height.
    """

    expression: Expression
    index: Extremum | None = None
    guard: Guard | None = None
    reads: frozenset[str] = frozenset()
    weight: int = 1
    depth: int = 1

    @property
    def dtype(self) -> DType:
        return self.expression.dtype

    @property
    def constant(self) -> int | None:
        """The integer, where the value is a known one."""
        affine = self.index.single if self.index else None
        return affine.constant if affine is not None and affine.is_constant else None


def number(value: int | float | Fraction, dtype: DType) -> Scalar:
    """A literal. Integers have a meaning as an index."""
    if dtype is DType.I1:
        truth = bool(int(value) & 1)
        return Scalar(Constant(truth, dtype), guard=Guard(((),)) if truth else Guard(()))
    if dtype.is_float:
        finite = isinstance(value, int | Fraction) or value - value == 0
        return Scalar(Constant(Fraction(value) if finite else value, dtype))
    index = Extremum.of(int(value)) if dtype in _INDEX_DTYPES else None
    return Scalar(Constant(int(value), dtype), index)


def indexed(index: Extremum, dtype: DType) -> Scalar:
    """An affine value as data of an integer type."""
    known = index.single
    if known is not None and known.is_constant:
        return number(known.constant, dtype)
    values = [Scalar(IndexValue(candidate, dtype)) for candidate in index.candidates]
    function = "maximum" if index.largest else "minimum"
    result = reduce(lambda left, right: apply(function, left, right), values)
    return replace(result, index=index if dtype in _INDEX_DTYPES else None)


def conditioned(guard: Guard) -> Scalar:
    """A condition on indices as an i1."""
    if guard.is_always or not guard.disjuncts:
        return number(int(guard.is_always), DType.I1)
    return Scalar(GuardValue(guard), guard=guard)


def load(array: str, indices: tuple[Affine, ...], dtype: DType) -> Scalar:
    return Scalar(Load(array, indices, dtype), reads=frozenset({array}))


def _over(expression: Expression, operands: Iterable[Scalar]) -> Scalar:
    below = tuple(operands)
    return Scalar(
        expression,
        reads=frozenset[str]().union(*(operand.reads for operand in below)),
        weight=1 + sum(operand.weight for operand in below),
        depth=1 + max((operand.depth for operand in below), default=0),
    )


def apply(function: str, *operands: Scalar, dtype: DType | None = None) -> Scalar:
    """A function of operands; its type is that of the last operand unless given."""
    expression = Apply(function, tuple(o.expression for o in operands), dtype or operands[-1].dtype)
    return _over(expression, operands)


def compare(direction: str, left: Scalar, right: Scalar) -> Scalar:
    return apply(f"compare_{direction}", left, right, dtype=DType.I1)


def cast(operand: Scalar, dtype: DType) -> Scalar:
    """A conversion as `affine.Cast` defines it; none where the type is the same."""
    if operand.dtype is dtype:
        return operand
    return _over(Cast(operand.expression, dtype), (operand,))


def negation(condition: Scalar) -> Scalar:
    """The opposite of an i1."""
    if condition.guard is not None:
        opposite = ~condition.guard
        if len(opposite.disjuncts) <= MAX_DISJUNCTS:
            return conditioned(opposite)
    return apply("not", condition)


def conjunction(left: Scalar, right: Scalar) -> Scalar:
    """Both of two i1."""
    if left.guard is not None and right.guard is not None:
        both = left.guard & right.guard
        if len(both.disjuncts) <= MAX_DISJUNCTS:
            return conditioned(both)
    for one, other in ((left, right), (right, left)):
        if one.guard is not None and one.guard.is_always:
            return other
    return apply("and", left, right)


def disjunction(left: Scalar, right: Scalar) -> Scalar:
    """One of two i1, or both."""
    if left.guard is not None and right.guard is not None:
        either = left.guard | right.guard
        if len(either.disjuncts) <= MAX_DISJUNCTS:
            return conditioned(either)
    return apply("or", left, right)


def selection(condition: Scalar, then: Scalar, otherwise: Scalar) -> Scalar:
    """`condition ? then : otherwise`; minima and maxima of indices are recognised."""
    if condition.guard is not None and (condition.guard.is_always or not condition.guard.disjuncts):
        return then if condition.guard.is_always else otherwise
    if then == otherwise:
        return then
    if then.dtype is DType.I1:
        # What reads memory stays inside the select, which does not evaluate what is not taken.
        if otherwise.guard is not None and not otherwise.guard.disjuncts and not then.reads:
            return conjunction(condition, then)
        if then.guard is not None and then.guard.is_always and not otherwise.reads:
            return disjunction(condition, otherwise)
    leading = _leading(condition.guard, then.index, otherwise.index)
    return indexed(leading, then.dtype) if leading else apply("select", condition, then, otherwise)


def _leading(guard: Guard | None, then: Extremum | None, otherwise: Extremum | None) -> Extremum | None:
    """`a < b ? a : b` as a minimum, and its kin."""
    if guard is None or then is None or otherwise is None:
        return None
    match guard.disjuncts:
        case ((Constraint(difference, False),),):
            pass
        case _:
            return None
    first, second = then.single, otherwise.single
    if first is None or second is None:
        return None
    if difference in (second - first, second - first - 1):
        return Extremum.combined((then, otherwise), largest=False)
    if difference in (first - second, first - second - 1):
        return Extremum.combined((then, otherwise), largest=True)
    return None
