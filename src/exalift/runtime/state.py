"""What a job's state starts as, and what it gives at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from exalift.base import DeviceError, TensorShape, UsageError, default_range, input_generator, random_numbers
from exalift.capsule import Array as ArrayOperand
from exalift.capsule import Capsule, Cursor, Leaf, Loop, Routine, Step, Sweep, live_at
from exalift.capsule.kernels import check_stopped, scratch_of
from exalift.devices import Array
from exalift.devices.kernel_execution import position_of, read_kernel

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


def scratch_name(position: int) -> str:
    """The name of a kernel's scratch array in a state; no array of a schema can have it."""
    return f"scratch:{position}"


@lru_cache(maxsize=256)
def scratch_types(routine: Routine) -> tuple[TensorShape, ...]:
    """What the routine's kernel keeps for itself while it stands at a yield point, in order.

    Nothing where it has no kernel, or one that is not valid and so never runs.
    """
    if routine.kernel is None:
        return ()
    try:
        kernel = read_kernel(routine)
    except DeviceError:
        return ()
    return tuple(TensorShape(buffer.shape, buffer.dtype) for buffer in scratch_of(kernel))


def state_types(capsule: Capsule, cursor: Cursor) -> dict[str, TensorShape]:
    """The arrays that a job needs to go on from a cursor, by name: what is wanted of the schema, and inside a
    kernel also the kernel's scratch."""
    found = {name: capsule.array(name).type for name in sorted(live_at(capsule, cursor.positions))}
    if cursor.kernel and (routine := routine_at(capsule, cursor)) is not None:
        found |= {scratch_name(n): type for n, type in enumerate(scratch_types(routine))}
    return found


def check_inside_kernel(routine: Routine, leaf: Leaf, cursor: Cursor, state: Mapping[str, Array]) -> None:
    """Raise UsageError where a state that came from elsewhere is none that the routine's kernel can have left
    at the cursor: devices trust it, and what they address follows from it."""
    try:
        kernel = read_kernel(routine)
    except DeviceError as error:
        raise UsageError(f"the cursor is inside a kernel that cannot run: {error}") from error
    step = leaf.step
    integers = [leaf.first, cursor.limit] if isinstance(step, Sweep) else []
    integers += [
        operand.at(leaf.counters) for operand in step.operands if not isinstance(operand, ArrayOperand)
    ]
    if len(integers) != len(kernel.parameters):
        raise UsageError(f"{kernel.name} takes {len(kernel.parameters)} integers, got {len(integers)}")
    scratch: dict[str, Array] = {}
    for number, buffer in enumerate(scratch_of(kernel)):
        if scratch_name(number) not in state:
            raise UsageError(f"the state lacks {scratch_name(number)}, which the kernel goes on from")
        scratch[buffer.name] = state[scratch_name(number)]
    parameters = {p.name: value for p, value in zip(kernel.parameters, integers, strict=True)}
    check_stopped(kernel, parameters, position_of(cursor.kernel), scratch)


def routine_at(capsule: Capsule, cursor: Cursor) -> Routine | None:
    """The routine that the step at a cursor calls; None at a loop or the end."""
    steps: Sequence[Step] = capsule.plan
    step: Step | None = None
    for position in cursor.positions:
        step = steps[position] if position < len(steps) else None
        steps = step.body if isinstance(step, Loop) else ()
    return None if step is None or isinstance(step, Loop) else capsule.routine(step.routine)


def state_bytes(capsule: Capsule) -> int:
    """The most bytes that a job's state can have: the schema's arrays and the largest scratch."""
    scratch = (sum(type.bytes for type in scratch_types(routine)) for routine in capsule.routines)
    return sum(array.type.bytes for array in capsule.state) + max(scratch, default=0)


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
