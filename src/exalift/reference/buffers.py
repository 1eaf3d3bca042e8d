"""The memory that a compiled function is called on: one packed, aligned block for all its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np
from numpy.typing import NDArray

from exalift.affine import Array, Assign, Loop, Program, Role, Statement
from exalift.base import DType, UsageError

ALIGNMENT = 64
MAXIMUM_BYTES = 16 << 30

NumericArray = NDArray[np.generic]


def numpy_type(dtype: DType) -> np.dtype[np.generic]:
    """NumPy's type for an element type. Raises UsageError for bf16 where ml_dtypes is not imported."""
    try:
        return np.dtype(dtype.numpy_name)
    except TypeError as error:
        raise UsageError(f"NumPy does not know {dtype.numpy_name}: import ml_dtypes first") from error


def size_values(program: Program, sizes: Mapping[str, int]) -> dict[str, int]:
    """A value for every size of the program; fixed ones may be left out.

    Raises UsageError for one that is missing, below its minimum or outside its C type, and where the
    program's constraints on sizes do not hold.
    """
    values: dict[str, int] = {}
    for size in program.sizes:
        value = sizes.get(size.name, size.value)
        if value is None:
            raise UsageError(f"{program.name}: size {size.name} has no value (--size {size.name}=...)")
        limits = np.iinfo(size.dtype.numpy_name)
        if not max(size.minimum, int(limits.min)) <= value <= int(limits.max):
            raise UsageError(f"{program.name}: size {size.name}={value} is out of range")
        values[size.name] = int(value)
    if not program.constraints.at(values):
        raise UsageError(f"{program.name}: the sizes {values} break {program.constraints}")
    return values


def shape_of(array: Array, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The concrete shape; negative extents count as empty."""
    return tuple(max(0, extent.at(sizes)) for extent in array.shape)


def parameter_arrays(program: Program) -> tuple[Array, ...]:
    """The parameters that are arrays or scalars, in the C function's order."""
    arrays = {array.name: array for array in program.arrays if array.role is Role.PARAMETER}
    return tuple(arrays[name] for name in program.parameters if name in arrays)


def written_parameters(program: Program) -> frozenset[str]:
    """The names of the parameters whose contents the function may change, seen from outside."""
    written: set[str] = set()
    stack: list[Statement] = list(program.body)
    while stack:
        match stack.pop():
            case Assign(array=name):
                written.add(name)
            case Loop(body=body):
                stack.extend(body)
            case other:
                stack.extend(other.then + other.otherwise)
    return frozenset(a.name for a in parameter_arrays(program) if a.name in written) - program.by_value


def local_bytes(program: Program, sizes: Mapping[str, int]) -> int:
    """How much the function's own arrays take, which C puts on the stack."""
    return sum(
        prod(shape_of(array, sizes)) * array.dtype.bytes
        for array in program.arrays
        if array.role is Role.LOCAL
    )


@dataclass(frozen=True)
class Layout:
    """Where every argument lies in one block of memory: byte offsets, NumPy types and shapes.

    The last slot, "return", is there even where nothing is returned.
    """

    names: tuple[str, ...]
    offsets: tuple[int, ...]
    types: tuple[np.dtype[np.generic], ...]
    shapes: tuple[tuple[int, ...], ...]
    total: int

    @staticmethod
    def of(program: Program, values: Mapping[str, int]) -> Layout:
        """The layout at the given sizes. Raises UsageError where it is larger than 16 GiB."""
        sizes = {size.name: size for size in program.sizes}
        names: list[str] = [*program.parameters, "return"]
        types: list[np.dtype[np.generic]] = []
        shapes: list[tuple[int, ...]] = []
        for name in program.parameters:
            if name in sizes:
                types.append(numpy_type(sizes[name].dtype))
                shapes.append(())
            else:
                array = program.array(name)
                types.append(numpy_type(array.dtype))
                shapes.append(shape_of(array, values))
        types.append(numpy_type(program.returns.dtype if program.returns is not None else DType.I64))
        shapes.append(())
        lengths = [
            -(-max(1, prod(shape) * dtype.itemsize) // ALIGNMENT) * ALIGNMENT
            for dtype, shape in zip(types, shapes, strict=True)
        ]
        offsets = list(accumulate(lengths, initial=0))
        if offsets[-1] > MAXIMUM_BYTES:
            raise UsageError(f"{program.name}: the arrays take {offsets[-1] >> 30} GiB at these sizes")
        return Layout(tuple(names), tuple(offsets[:-1]), tuple(types), tuple(shapes), offsets[-1])

    def views(self, block: NDArray[np.uint8]) -> dict[str, NumericArray]:
        """Every argument as a C-ordered array inside `block` (uint8, at least `total` long)."""
        found: dict[str, NumericArray] = {}
        for name, offset, dtype, shape in zip(self.names, self.offsets, self.types, self.shapes, strict=True):
            length = prod(shape) * dtype.itemsize
            found[name] = block[offset : offset + length].view(dtype).reshape(shape)
        return found


def aligned_block(length: int) -> NDArray[np.uint8]:
    """`length` bytes that start at a multiple of 64, so that timings do not depend on luck."""
    raw = np.zeros(length + ALIGNMENT, np.uint8)
    shift = -raw.ctypes.data % ALIGNMENT
    return raw[shift : shift + length]


def fill(
    views: Mapping[str, NumericArray],
    program: Program,
    inputs: Mapping[str, NumericArray],
    values: Mapping[str, int],
) -> None:
    """Write sizes and inputs into the views.

    Raises UsageError for an input that is missing, unknown, of another shape, or of a type that does
    not convert without changing its kind (float to integer).
    """
    for size in program.sizes:
        if size.name in views:
            views[size.name][...] = np.asarray(values[size.name])
    arrays = {array.name for array in parameter_arrays(program)}
    unknown = inputs.keys() - arrays
    if unknown:
        raise UsageError(f"{program.name} has no array {', '.join(sorted(unknown))}")
    for name in arrays:
        if name not in inputs:
            raise UsageError(f"{program.name}: no input for {name}")
        given, view = np.asarray(inputs[name]), views[name]
        if given.shape != view.shape:
            raise UsageError(f"{program.name}: {name} has shape {view.shape}, the input {given.shape}")
        view[...] = _converted(given, view.dtype, f"{program.name}: {name}")


def _converted(given: NumericArray, target: np.dtype[np.generic], place: str) -> NumericArray:
    """`given` as `target`: rounded where that is needed, but no fraction and no overflow in an integer."""
    if target.kind in "iub":
        if given.dtype.kind in "iub":
            result = given.astype(target)
            if np.array_equal(given, result):
                return result
    elif given.dtype.kind in "iubf" or given.dtype == target:
        return given.astype(target)
    raise UsageError(f"{place} is {target}, and the input ({given.dtype}) does not fit it")
