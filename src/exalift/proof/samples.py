"""Concrete inputs: random ones of several kinds, since each kind finds other mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from exalift.affine import Array
from exalift.affine.algebra import Algebra, Machine, Rational, Values
from exalift.base import DType

# normal: nothing special. positive: square roots and logarithms stay real. ties: equal values and
# zeros, on which `<` and `<=` differ. conditioned: square matrices that can be factorised. scaled: from
# a hundredth to a hundred, so that thresholds lie inside.
STYLES = ("normal", "ties", "positive", "conditioned", "scaled")

_MACHINE = Machine()
_TIES = np.array([-2, -1, 0, 1, 2])


def sample(
    arrays: Iterable[Array],
    sizes: Mapping[str, int],
    style: str,
    algebra: Algebra,
    generator: np.random.Generator,
) -> dict[str, Values]:
    """Contents for arrays, in the algebra's storage. Beside Machine, only `normal` and `ties` make sense."""
    inputs: dict[str, Values] = {}
    for array in arrays:
        shape = tuple(max(0, extent.at(sizes)) for extent in array.shape)
        dtype = array.dtype
        if style == "ties" and dtype is not DType.I1:
            small = _TIES[generator.integers(0, len(_TIES), shape)]
            values = algebra.index(np.asarray(np.abs(small) if not dtype.is_signed else small), dtype)
        elif not dtype.is_float or style in ("normal", "ties"):
            values = algebra.random(generator, shape, dtype)
        elif style == "scaled":
            signs = np.where(generator.integers(0, 2, shape) == 0, -1.0, 1.0)
            values = np.asarray(signs * 10 ** generator.uniform(-2, 2, shape)).astype(algebra.storage(dtype))
        else:
            values = np.asarray(generator.uniform(0.5, 2.0, shape)).astype(algebra.storage(dtype))
            if style == "conditioned":
                values = _conditioned(values)
        inputs[array.name] = values
    return inputs


def _conditioned(values: Values) -> Values:
    """A square matrix becomes symmetric and diagonally dominant; anything else stays."""
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        return values
    matrix = values.astype(np.float64)
    return (matrix + matrix.T + 4 * len(matrix) * np.eye(len(matrix))).astype(values.dtype)


def as_rational(arrays: Iterable[Array], inputs: Mapping[str, Values]) -> dict[str, Values]:
    """Machine values as exact rationals."""
    exact = Rational()
    converted: dict[str, Values] = {}
    for array in arrays:
        value = inputs[array.name]
        if array.dtype.is_float:
            contents = np.empty(value.shape, object)
            contents[...] = exact.constant(0, array.dtype)
            for place in np.ndindex(*value.shape):
                contents[place] = exact.constant(float(value[place]), array.dtype)[()]
            value = contents
        converted[array.name] = value
    return converted


def as_machine(arrays: Iterable[Array], inputs: Mapping[str, Values]) -> dict[str, Values]:
    """Exact rationals as machine values, rounded."""
    return {
        array.name: inputs[array.name].astype(_MACHINE.storage(array.dtype))
        if array.dtype.is_float
        else inputs[array.name]
        for array in arrays
    }
