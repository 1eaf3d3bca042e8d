"""Random inputs for a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exalift.affine import Array, Program
from exalift.base import UsageError, default_range, input_generator, random_numbers

from .buffers import NumericArray, numpy_type, parameter_arrays, shape_of, size_values

Range = tuple[float, float]
_NO_RANGES: Mapping[str, Range] = {}


@dataclass(frozen=True, slots=True)
class InputRules:
    """What random inputs must be for the computation to make sense, by array name.

    spd: symmetric positive definite matrices. dominant: matrices with a dominant diagonal.
    zero: all zeros. ranges: uniform in [low, high).
    """

    spd: frozenset[str] = frozenset()
    dominant: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    ranges: Mapping[str, Range] = field(default_factory=lambda: _NO_RANGES)

    @property
    def names(self) -> frozenset[str]:
        return self.spd | self.dominant | self.zero | self.ranges.keys()


def random_inputs(
    program: Program, sizes: Mapping[str, int], seed: int, rules: InputRules | None = None
) -> dict[str, NumericArray]:
    """An array for each parameter that is no size (rank 0 for a scalar), of its own shape and type.

    Floating point is uniform in [0.1, 1): positive and away from 0, so that square roots and divisions
    by inputs are well conditioned and sums do not cancel. Signed integers are uniform in [-8, 8),
    unsigned in [0, 16), so that sums of products stay far from overflow; truth values are fair.
    `rules` override this for single arrays: positive definite and dominant matrices are uniform with
    the order n added to the diagonal (the former symmetrised), which by Gershgorin's theorem is enough.
    The same seed and signature give the same inputs, whatever the names are.
    Raises UsageError for rules about arrays that are not there or not square.
    """
    rules = rules or InputRules()
    arrays = parameter_arrays(program)
    unknown = rules.names - {array.name for array in arrays}
    if unknown:
        raise UsageError(f"{program.name} has no array {', '.join(sorted(unknown))}")
    values = size_values(program, sizes)
    return {
        array.name: _random_array(array, values, input_generator(seed, position), rules)
        for position, array in enumerate(arrays)
    }


def _random_array(
    array: Array, values: Mapping[str, int], generator: np.random.Generator, rules: InputRules
) -> NumericArray:
    shape, dtype = shape_of(array, values), numpy_type(array.dtype)
    if array.name in rules.zero:
        return np.zeros(shape, dtype)
    low, high = rules.ranges.get(array.name, default_range(array.dtype))
    result = np.asarray(random_numbers(array.dtype, shape, low, high, generator))
    if array.name in rules.spd | rules.dominant:
        if len(shape) != 2 or shape[0] != shape[1]:
            raise UsageError(f"{array.name} is not a square matrix")
        if array.name in rules.spd:
            result = (result + result.T) / 2
        # |entries| are below max(|low|, |high|), so n times that outweighs a row.
        result = result + shape[0] * max(abs(low), abs(high)) * np.eye(shape[0])
    return np.ascontiguousarray(result.astype(dtype)).reshape(shape)
