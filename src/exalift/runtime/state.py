"""What a job's state starts as, and what it gives at the end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exalift.base import TensorShape, UsageError, default_range, input_generator, random_numbers
from exalift.capsule import Capsule
from exalift.devices import Array

try:
    import ml_dtypes
except ImportError:  # pragma: no cover - comes with JAX; without it there is no bf16
    ml_dtypes = None

State = dict[str, Array]


def numpy_type(type: TensorShape) -> np.dtype[np.generic]:
    """NumPy's element type. Raises UsageError for bf16 where ml_dtypes is not installed."""
    try:
        return np.dtype(type.dtype.numpy_name)
    except TypeError as error:
        needed = "" if ml_dtypes else ": pip install ml_dtypes"
        raise UsageError(f"NumPy does not know {type.dtype.numpy_name}{needed}") from error


def zeros(type: TensorShape) -> Array:
    """An array of the type, full of zeros."""
    return np.zeros(type.extents, numpy_type(type))


def initial_state(capsule: Capsule, inputs: Mapping[str, Array]) -> State:
    """The arguments, as given; locals are made where they are first wanted.

    Raises UsageError for inputs that are missing, unknown, or not of the argument's type exactly.
    """
    unknown = sorted(inputs.keys() - {array.name for array in capsule.arguments})
    if unknown:
        names = ", ".join(array.name for array in capsule.arguments)
        raise UsageError(f"{capsule.name} has no argument {unknown[0]!r}; its arguments are {names}")
    state: State = {}
    for argument in capsule.arguments:
        if argument.name not in inputs:
            raise UsageError(f"the argument {argument.name} of {capsule.name} is missing")
        state[argument.name] = checked_array(inputs[argument.name], argument.type, argument.name)
    return state


def checked_array(value: Array, type: TensorShape, name: str) -> Array:
    """The value as a contiguous array; UsageError where it is not of the type exactly."""
    if value.shape != type.extents or value.dtype != numpy_type(type):
        raise UsageError(f"{name} must be {type}, got shape {value.shape} of {value.dtype}")
    return np.ascontiguousarray(value).reshape(type.extents)


def random_state(capsule: Capsule, seed: int) -> State:
    """Random arguments; the same as those that the source's function would get from the same seed."""
    state: State = {}
    for argument in capsule.arguments:
        type = argument.type
        low, high = default_range(type.dtype)
        generator = input_generator(seed, argument.parameter)
        numbers = random_numbers(type.dtype, type.extents, low, high, generator)
        state[argument.name] = numbers.astype(numpy_type(type)).reshape(type.extents)
    return state


def results_of(capsule: Capsule, state: Mapping[str, Array]) -> dict[str, Array]:
    """Results by their outer names, from the final state."""
    return {
        result.name: state[result.array] if result.array in state else zeros(capsule.array(result.array).type)
        for result in capsule.results
    }
