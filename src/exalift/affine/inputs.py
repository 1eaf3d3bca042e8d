"""What every way of running a program does first: check the sizes, take in arrays, make the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from exalift.base import UsageError

from .algebra.protocol import Algebra, Values
from .ir import Array, Program, Role


def bind_sizes(program: Program, sizes: Mapping[str, int]) -> dict[str, int]:
    """A value for every size of the program; one that the source fixes need not be given.

    Raises UsageError for a size without a value or below its minimum. `program.constraints` are
    not checked here.
    """
    bound: dict[str, int] = {}
    for size in program.sizes:
        value = sizes.get(size.name, size.value)
        if value is None:
            raise UsageError(f"{program.name}: no value for the size {size.name!r}")
        if value < size.minimum:
            raise UsageError(f"{program.name}: {size.name} = {value} is below its minimum {size.minimum}")
        bound[size.name] = int(value)
    return bound


def bind_arrays(
    arrays: Iterable[Array], inputs: Mapping[str, Values], sizes: Mapping[str, int], algebra: Algebra
) -> dict[str, Values]:
    """Copies of the inputs for the parameters, zeros for all other arrays.

    Raises UsageError for a parameter without an input and for an input of the wrong shape.
    """
    bound: dict[str, Values] = {}
    for array in arrays:
        shape = tuple(max(0, extent.at(sizes)) for extent in array.shape)
        storage = algebra.storage(array.dtype)
        contents = np.empty(shape, storage)
        if array.role is Role.LOCAL:
            contents[...] = algebra.constant(0, array.dtype)
        elif array.name not in inputs:
            raise UsageError(f"no input for the parameter {array.name!r}")
        else:
            contents[...] = checked(array.name, inputs[array.name], shape)
        bound[array.name] = contents
    return bound


def checked(name: str, value: Values, shape: tuple[int, ...]) -> Values:
    """The value, if it has the shape; raises UsageError otherwise."""
    if np.shape(value) != shape:
        raise UsageError(f"the input {name!r} has shape {np.shape(value)}, expected {shape}")
    return value
