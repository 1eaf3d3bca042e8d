"""How a whole block of a Cartesian product is decided: the fingerprint of every candidate in it.

A kernel belongs to a signature. `prepare` is given the values that stand at one operand position, once
for a box; `marks` then fingerprints the product of slices of what was prepared. Which kernel it is
follows from the formula:

- linear: each operand adds its own form, so that a candidate costs one addition;
- bilinear: a left operand gives a form on the right one, so that a candidate costs one scalar product
  (element-wise products and quotients, contractions, convolutions);
- selection: a mask gives a form on either branch;
- any other: the values are computed, many at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Apply, Formula, Load
from exalift.affine.algebra import PrimeField
from exalift.affine.algebra.protocol import Algebra, Values
from exalift.base import DType

from . import compiled
from .batched import Batch, Points, compile_formula
from .environment import Environment
from .fingerprints import PRIME, Fingerprints, Residues, fingerprint, weights
from .multilinear import Factor, Multilinear, Term, multilinear
from .static_checks import Signature

_POINTS = 1 << 21


class Kernel(Protocol):
    """See the module. `limit` bounds the candidates of one call of `marks`."""

    @property
    def limit(self) -> int: ...

    def prepare(self, operand: int, values: Values) -> Values:
        """What `marks` needs of values (n, elements) at an operand position: an array (n, ...)."""
        ...

    def marks(self, prepared: Sequence[Values]) -> Fingerprints:
        """Fingerprints of the Cartesian product, flat, the last operand running fastest."""
        ...


@dataclass(frozen=True, slots=True)
class GeneralKernel:
    """Values first, fingerprints of them next."""

    batch: Batch
    dtype: DType
    residues: bool
    seed: int
    limit: int

    def prepare(self, operand: int, values: Values) -> Values:
        del operand
        return values

    def marks(self, prepared: Sequence[Values]) -> Fingerprints:
        spread = [
            values.reshape(*(len(values) if p == place else 1 for p in range(len(prepared))), -1)
            for place, values in enumerate(prepared)
        ]
        result = self.batch(spread)
        return fingerprint(result.reshape(-1, result.shape[-1]), self.dtype, self.residues, self.seed)


@dataclass(frozen=True, slots=True)
class LinearKernel:
    """`forms[p]` (2, elements) is what operand p adds to the fingerprint; `constant` is added to all."""

    forms: tuple[Residues, ...]
    constant: Fingerprints
    limit: int = 1 << 18

    def prepare(self, operand: int, values: Values) -> Values:
        first, second = self.forms[operand]
        return _forms(values.astype(np.int64, copy=False), first, second)

    def marks(self, prepared: Sequence[Values]) -> Fingerprints:
        total = self.constant
        for part in prepared:
            total = _sums(total, part.astype(np.int64, copy=False))
        return total


@dataclass(frozen=True, slots=True)
class BilinearKernel:
    """`out[o] += c * left[l] * right[r]`: points (t,) with forms already weighted, (2, t).

    `left` is the number of the operand whose values become forms on the other one.
    """

    left: int
    inverted: frozenset[int]
    algebra: Algebra
    dtype: DType
    left_positions: NDArray[np.int64]
    right_positions: NDArray[np.int64]
    weights: Residues
    right_elements: int
    limit: int = 1 << 18

    def prepare(self, operand: int, values: Values) -> Values:
        if operand in self.inverted:
            one = self.algebra.constant(1, self.dtype)
            values = self.algebra.apply("divide", (one, values), self.dtype, self.dtype)
        residues = np.ascontiguousarray(values.astype(np.int64, copy=False))
        if operand != self.left:
            return residues
        duals = np.zeros((len(residues), 2, self.right_elements), dtype=np.int64)
        compiled.duals(residues, self.left_positions, self.right_positions, self.weights, duals)
        return duals

    def marks(self, prepared: Sequence[Values]) -> Fingerprints:
        duals, others = prepared[self.left], prepared[1 - self.left]
        columns = np.ascontiguousarray(others.T).astype(np.int64, copy=False)
        out = np.empty((len(duals), len(others)), dtype=np.int64)
        duals = np.ascontiguousarray(duals).astype(np.int64, copy=False)
        compiled.products(duals, columns, 0, len(duals), out)
        return out.reshape(-1) if self.left == 0 else np.ascontiguousarray(out.T).reshape(-1)


@dataclass(frozen=True, slots=True)
class SelectionKernel:
    """`select(mask, a, b)` with both branches read in place: each mask splits the weights in two."""

    mask_positions: NDArray[np.int64]
    weights: Residues
    limit: int = 1 << 18

    def prepare(self, operand: int, values: Values) -> Values:
        if operand:
            return np.ascontiguousarray(values.astype(np.int64, copy=False))
        chosen = values[:, self.mask_positions].astype(np.bool_)[:, None, :]
        return np.stack([np.where(chosen, self.weights, 0), np.where(chosen, 0, self.weights)], axis=1)

    def marks(self, prepared: Sequence[Values]) -> Fingerprints:
        masks, *branches = (np.ascontiguousarray(part).astype(np.int64, copy=False) for part in prepared)
        blocks: list[Fingerprints] = []
        for mask in masks:
            left, right = (
                _forms(values, form[0], form[1]) for values, form in zip(branches, mask, strict=True)
            )
            blocks.append(_sums(left, right))
        return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)


def _forms(values: Residues, first: Residues, second: Residues) -> Fingerprints:
    marks = np.empty(len(values), dtype=np.int64)
    compiled.forms(
        np.ascontiguousarray(values), np.ascontiguousarray(first), np.ascontiguousarray(second), marks
    )
    return marks


def _sums(left: Fingerprints, right: Fingerprints) -> Fingerprints:
    out = np.empty((len(left), len(right)), dtype=np.int64)
    compiled.sums(left, right, out)
    return out.reshape(-1)


def make_kernel(signature: Signature, environment: Environment) -> tuple[Kernel, Batch]:
    """The kernel of a signature, and its plain evaluator on arrays (..., elements)."""
    algebra, sizes = environment.algebra, environment.sizes
    shapes = [environment.observed_shape(type) for type in signature.operands]
    formula = environment.meaning(signature.formula)
    batch, points = compile_formula(formula, shapes, sizes, algebra)
    dtype = signature.type.dtype
    if isinstance(algebra, PrimeField) and dtype.is_float:
        kernel = _selection(formula, shapes, environment)
        if kernel is None:
            form = multilinear(formula, shapes, sizes, algebra)
            kernel = None if form is None else _from_form(form, signature, shapes, algebra, environment.seed)
        if kernel is not None:
            return kernel, batch
    residues = dtype.is_float and isinstance(algebra, PrimeField)
    limit = max(1, min(1 << 17, _POINTS // points))
    return GeneralKernel(batch, dtype, residues, environment.seed, limit), batch


def _selection(
    formula: Formula, shapes: Sequence[tuple[int, ...]], environment: Environment
) -> Kernel | None:
    match formula.body:
        case Apply("select", (Load("0") as mask, Load("1") as left, Load("2") as right)):
            points = Points(formula.axes, environment.sizes)
            everywhere = np.arange(points.count)
            for branch, shape in ((left, shapes[1]), (right, shapes[2])):
                positions, inside = points.load(branch, shape)
                if not inside.all() or not np.array_equal(positions, everywhere):
                    return None
            positions, inside = points.load(mask, shapes[0])
            if not inside.all() or len(shapes) != 3:
                return None
            return SelectionKernel(positions, weights(points.count, environment.seed))
        case _:
            return None


def _from_form(
    form: Multilinear,
    signature: Signature,
    shapes: Sequence[tuple[int, ...]],
    algebra: PrimeField,
    seed: int,
) -> Kernel | None:
    counts = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
    degrees = {len(term.factors) for term in form.terms}
    output = weights(form.elements, seed)
    if degrees <= {0, 1} and not form.inverted:
        return _linear(form.terms, counts, output)
    if degrees == {2} and len(counts) == 2:
        return _bilinear(form, counts, output, algebra, signature.type.dtype)
    return None


def _weighted(term: Term, output: Residues) -> Residues:
    """The output's weights at a term's points, times its coefficients: (2, t)."""
    return np.ascontiguousarray(output[:, term.out] * term.coefficients % PRIME)


def _linear(terms: Sequence[Term], counts: Sequence[int], output: Residues) -> Kernel:
    constant = np.zeros(2, dtype=np.int64)
    forms = [np.zeros((2, count), dtype=np.int64) for count in counts]
    for term in terms:
        weighted = _weighted(term, output)
        if not term.factors:
            constant = (constant + weighted.sum(axis=1)) % PRIME
            continue
        (factor,) = term.factors
        for row in range(2):
            np.add.at(forms[factor.operand][row], factor.positions, weighted[row])
    packed = np.asarray([(int(constant[0]) << 31) | int(constant[1])], dtype=np.int64)
    return LinearKernel(tuple(form % PRIME for form in forms), packed)


def _bilinear(
    form: Multilinear, counts: Sequence[int], output: Residues, algebra: PrimeField, dtype: DType
) -> Kernel:
    # The scalar products run over the smaller operand, in place of the larger.
    left = 0 if counts[1] <= counts[0] else 1
    factors: Mapping[int, list[Factor]] = {
        p: [f for term in form.terms for f in term.factors if f.operand == p] for p in (0, 1)
    }
    positions = [
        np.ascontiguousarray(np.concatenate([f.positions for f in factors[p]])).astype(np.int64)
        for p in (0, 1)
    ]
    weighted = np.ascontiguousarray(np.concatenate([_weighted(term, output) for term in form.terms], axis=1))
    return BilinearKernel(
        left,
        form.inverted,
        algebra,
        dtype,
        positions[left],
        positions[1 - left],
        weighted,
        counts[1 - left],
    )
