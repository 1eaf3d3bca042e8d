"""Formulas over a prime field as sums of products of at most two loads, read as tables of positions.

Most tensor ops are linear in each operand: slices, transposes, broadcasts, pads, sums, differences,
products, quotients (in the inverses of the divisor), contractions, convolutions. At given sizes such an
op is a list of points `out[o] += coefficient * left[l] * right[r]`, and with it a fingerprint of the
result is a linear form of one operand that depends on the other (see `kernels`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exalift.affine import (
    Apply,
    Cast,
    Constant,
    Expression,
    Formula,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
)
from exalift.affine.algebra import PrimeField

from .batched import Points
from .fingerprints import PRIME, Residues

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Factor:
    """What a term reads of one operand at every point; `inverted` says that it divides by it."""

    operand: int
    inverted: bool
    positions: Indices


@dataclass(frozen=True, slots=True)
class Term:
    """`out[o] += coefficient * product of factors` over points, given by three parallel arrays."""

    out: Indices
    coefficients: Residues
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Multilinear:
    """A formula as terms, none of which has two factors of one operand; `elements` is the result's."""

    elements: int
    terms: tuple[Term, ...]

    @property
    def inverted(self) -> frozenset[int]:
        """Operands that are divided by."""
        return frozenset(f.operand for term in self.terms for f in term.factors if f.inverted)


def multilinear(
    formula: Formula, shapes: Sequence[tuple[int, ...]], sizes: Mapping[str, int], algebra: PrimeField
) -> Multilinear | None:
    """The formula's terms, or None where it has none of this form, or is not of floating point."""
    points = Points(formula.axes, sizes)
    terms = _Reader(shapes, algebra).terms(formula.body, points)
    if terms is None:
        return None
    kept = tuple(term for term in (_without_zeros(term) for term in terms) if len(term.out))
    inversions: dict[int, bool] = {}
    for term in kept:
        operands = [factor.operand for factor in term.factors]
        if len(set(operands)) != len(operands):
            return None
        for factor in term.factors:
            if inversions.setdefault(factor.operand, factor.inverted) != factor.inverted:
                return None
    return Multilinear(points.count, kept)


def _without_zeros(term: Term) -> Term:
    kept = np.flatnonzero(term.coefficients)
    factors = tuple(replace(factor, positions=factor.positions[kept]) for factor in term.factors)
    return Term(term.out[kept], term.coefficients[kept], factors)


Terms = list[Term] | None


@dataclass(frozen=True, slots=True)
class _Reader:
    shapes: Sequence[tuple[int, ...]]
    algebra: PrimeField

    # Bodies of ops are a few nodes deep, so recursion is safe here.
    def terms(self, body: Expression, points: Points) -> Terms:
        """Terms whose points map to the given ones by `out`; None where the form does not fit."""
        if not body.dtype.is_float:
            return None
        everywhere = np.arange(points.count)
        match body:
            case Constant(value, dtype):
                constant = np.broadcast_to(self.algebra.constant(value, dtype), (points.count,))
                return [Term(everywhere, constant.astype(np.int64), ())]
            case IndexValue(_, dtype):
                data = self.algebra.index(points.index(body), dtype)
                return [Term(everywhere, data.astype(np.int64), ())]
            case Load():
                operand = int(body.array)
                positions, inside = points.load(body, self.shapes[operand])
                return [Term(everywhere, inside.astype(np.int64), (Factor(operand, False, positions),))]
            case Cast(operand, _):
                return self.terms(operand, points)
            case Apply():
                return self.apply(body, points)
            case Reduce("add", axes, inner, _, guard):
                inside = points.extended(axes)
                terms = self.terms(inner, inside)
                if terms is None:
                    return None
                count = max(1, inside.count // max(1, points.count))
                holds = inside.guard(guard)
                return [
                    Term(term.out // count, term.coefficients * holds[term.out], term.factors)
                    for term in terms
                ]
            case _:
                return None

    def apply(self, body: Apply, points: Points) -> Terms:
        match body.function, body.operands:
            case "select", (GuardValue(guard), left, right):
                holds = points.guard(guard)
                return _joined(
                    _masked(self.terms(left, points), holds), _masked(self.terms(right, points), ~holds)
                )
            case "add", (left, right):
                return _joined(self.terms(left, points), self.terms(right, points))
            case "subtract", (left, right):
                return _joined(self.terms(left, points), _negated(self.terms(right, points)))
            case "negate", (operand,):
                return _negated(self.terms(operand, points))
            case "multiply", (left, right):
                return _products(self.terms(left, points), self.terms(right, points), points)
            case "divide", (left, Load() as right):
                inverses = [
                    replace(term, factors=tuple(replace(f, inverted=True) for f in term.factors))
                    for term in self.terms(right, points) or []
                ]
                return _products(self.terms(left, points), inverses, points)
            case _:
                return None


def _joined(left: Terms, right: Terms) -> Terms:
    return None if left is None or right is None else [*left, *right]


def _negated(terms: Terms) -> Terms:
    if terms is None:
        return None
    return [replace(term, coefficients=-term.coefficients % PRIME) for term in terms]


def _masked(terms: Terms, holds: NDArray[np.bool_]) -> Terms:
    if terms is None:
        return None
    return [replace(term, coefficients=term.coefficients * holds[term.out]) for term in terms]


def _products(left: Terms, right: Terms, points: Points) -> Terms:
    """Term by term, where both sides have one value at every point (no sum inside a product)."""
    if left is None or right is None:
        return None
    everywhere = np.arange(points.count)
    products: list[Term] = []
    for a in left:
        for b in right:
            aligned = np.array_equal(a.out, everywhere) and np.array_equal(b.out, everywhere)
            if not aligned or len(a.factors) + len(b.factors) > 2:
                return None
            coefficients = a.coefficients * b.coefficients % PRIME
            products.append(Term(everywhere, coefficients, (*a.factors, *b.factors)))
    return products
