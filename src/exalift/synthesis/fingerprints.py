"""Fingerprints: two random linear forms of a value modulo p = 2^31 - 1, packed into one int64.

A form modulo p is linear over the prime field, so that the fingerprint of a sum is the sum of the
fingerprints, and that of any linear or bilinear op is a form of its operands (see `kernels`). Two
given values that differ have one fingerprint with probability 2^-62.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from exalift.affine.algebra.protocol import Values
from exalift.base import DType, VerificationError

from . import compiled

PRIME = (1 << 31) - 1
_LIMB = 30

Residues = NDArray[np.int64]
Fingerprints = NDArray[np.int64]


@cache
def weights(count: int, seed: int = 0) -> Residues:
    """The two forms on `count` residues, shape (2, count)."""
    generator = np.random.default_rng([seed, count])
    return generator.integers(1, PRIME, size=(2, count), dtype=np.int64)


def limbs(values: Values, dtype: DType) -> Residues:
    """Values (n, count) that are not residues as small natural numbers (n, count * limbs), one to one.

    Raises VerificationError for values that are Python objects.
    """
    if values.dtype.kind == "O":
        raise VerificationError(
            "values of this algebra are no numbers of the machine: they have no fingerprint"
        )
    if dtype is DType.I1:
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        values = values.astype(np.float64).view(np.int64)
    wide = values.astype(np.int64)
    parts = [wide & ((1 << _LIMB) - 1)]
    if dtype.bits > _LIMB:
        parts.append((wide >> _LIMB) & ((1 << _LIMB) - 1))
    if dtype.bits > 2 * _LIMB:
        parts.append((wide >> (2 * _LIMB)) & 15)
    return np.concatenate(parts, axis=-1)


def fingerprint(values: Values, dtype: DType, residues: bool, seed: int = 0) -> Fingerprints:
    """Fingerprints (n,) of values (n, count); `residues` says that they are residues modulo p."""
    plain = values.astype(np.int64, copy=False) if residues else limbs(values, dtype)
    first, second = weights(plain.shape[-1], seed)
    marks = np.empty(len(plain), dtype=np.int64)
    compiled.forms(np.ascontiguousarray(plain), first, second, marks)
    return marks
