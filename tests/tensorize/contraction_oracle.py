"""What a contraction means, computed by the evaluator of formulas: the oracle of the kernels' tests."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes  # noqa: F401  registers bfloat16
import numpy as np
from numpy.typing import NDArray

from exalift.affine import Affine, evaluate, fold
from exalift.affine.algebra import Machine
from exalift.affine.expressions import Apply, Cast, Constant, Load
from exalift.base import DType
from exalift.tensorize import SUM, Access, Contraction, Dimension, Instruction, Role
from exalift.tensorize.contraction import COLUMNS, ROWS

Array = NDArray[np.generic]
MACHINE = Machine()

# Sums of products of numbers near 1, in another order than the oracle's.
TOLERANCE = {DType.F64: 1e-12, DType.F32: 2e-5, DType.F16: 2e-2, DType.BF16: 2e-2}


def random_array(generator: np.random.Generator, access: Access) -> Array:
    return random_values(generator, access.shape, access.dtype)


def random_operand(generator: np.random.Generator, access: Access) -> tuple[Array, Array]:
    """A random operand as it lies in memory, and its values."""
    if access.nibbles is None:
        values = random_array(generator, access)
        return values, values
    held = generator.integers(0, 256, access.nibbles.bytes(access.span), np.uint8)
    unpacked = access.nibbles.unpacked(held, access.span).reshape(access.shape)
    return held, unpacked.astype(access.dtype.numpy_name)


def random_values(generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Array:
    """Integers over the whole range, the extremes often; floats normally distributed."""
    if not dtype.is_integer:
        return generator.standard_normal(shape).astype(dtype.numpy_name)
    limits = np.iinfo(dtype.numpy_name)
    low, high = (max(limits.min, -(2**30)), min(limits.max, 2**30))
    values = generator.integers(low, high, shape, endpoint=True)
    extreme = generator.choice([limits.min, limits.max], shape)
    return np.where(generator.random(shape) < 0.2, extreme, values).astype(dtype.numpy_name)


def depthwise(
    instruction: Instruction,
    image: tuple[int, int, int],
    window: tuple[int, int] = (3, 3),
    stride: int = 1,
    margin: int = 1,
    channels_first: bool = False,
) -> Contraction:
    """`out[y,x,c] = sum r,s. image[stride*y + r - margin, stride*x + s - margin, c] * weights[r,s,c]`."""
    height, width, channels = image
    y, x, c, r, s = map(Affine.symbol, "yxcrs")
    rows, columns = ((e + 2 * margin - w) // stride + 1 for e, w in zip(image, window, strict=False))

    def order(one: tuple[int, ...], subscripts: tuple[Affine, ...], dtype: DType) -> Access:
        turn = (2, 0, 1) if channels_first else (0, 1, 2)
        return Access(dtype, tuple(one[i] for i in turn), tuple(subscripts[i] for i in turn))

    extents = {"y": rows, "x": columns, "c": channels, "r": window[0], "s": window[1]}
    roles = {"y": Role.M, "x": Role.M, "c": Role.BATCH, "r": Role.K, "s": Role.K}
    return Contraction(
        tuple(Dimension(name, extents[name], role) for name, role in roles.items()),
        order(
            (height, width, channels),
            (y * stride + r - margin, x * stride + s - margin, c),
            instruction.lhs.dtype,
        ),
        order((*window, channels), (r, s, c), instruction.rhs.dtype),
        order((rows, columns, channels), (y, x, c), instruction.acc.dtype),
        instruction.acc.dtype,
    )


def _inside(access: Access, array: Array, contraction: Contraction) -> tuple[Access, Array]:
    """The operand with its margins filled, so that no subscript leaves it."""
    reach = 64 if access.leaves(contraction.extents) else 0
    padded = np.pad(array, reach, constant_values=access.fill) if reach else array
    moved = tuple(index + reach for index in access.indices)
    return replace(access, shape=padded.shape, strides=(), indices=moved), padded


def expected(
    contraction: Contraction, lhs: Array, rhs: Array, before: Array, extra: dict[str, Array] | None = None
) -> Array:
    """What `out` holds afterwards."""
    left, lhs = _inside(contraction.lhs, lhs, contraction)
    right, rhs = _inside(contraction.rhs, rhs, contraction)
    plain = replace(contraction, lhs=left, rhs=right)
    sums = evaluate(plain.formula, {"lhs": lhs, "rhs": rhs}, {}, MACHINE)
    kept = [d for d in contraction.dimensions if d.role is not Role.K]
    grids = {d.name: grid for d, grid in zip(kept, np.indices(sums.shape), strict=True)}

    def at(access: Access) -> tuple[Array, ...]:
        return tuple(np.asarray(index.evaluate(grids)) for index in access.indices)

    result = before.copy()
    place = at(contraction.out)
    if contraction.accumulate:
        sums = MACHINE.apply("add", (sums, before[place]), contraction.accumulator, contraction.accumulator)
    epilogue = contraction.epilogue
    if epilogue is not None:
        accesses = dict(epilogue.operands)

        def value(node: object, below: tuple[Array, ...]) -> Array:
            match node:
                case Load(array=array) if array == SUM:
                    return sums
                case Load(array=array) if array in (ROWS, COLUMNS):
                    # A factor of ones leaves the sums of the other.
                    one = (
                        {"lhs": lhs, "rhs": np.ones_like(rhs)}
                        if array == ROWS
                        else {"lhs": np.ones_like(lhs), "rhs": rhs}
                    )
                    return evaluate(replace(plain, lhs_shift=0).formula, one, {}, MACHINE)
                case Load(array=array):
                    return (extra or {})[array][at(accesses[array])]
                case Constant(number, dtype):
                    return MACHINE.constant(number, dtype)
                case Cast(operand, dtype):
                    return MACHINE.cast(below[0], operand.dtype, dtype)
                case Apply(function, operands, dtype):
                    return MACHINE.apply(function, below, operands[-1].dtype, dtype)
                case _:
                    raise AssertionError(node)

        sums = fold(epilogue.value, value)
    result[place] = sums
    return result


def assert_close(found: Array, wanted: Array, dtype: DType) -> None:
    """Equal for integers; for floats close, relative to the largest magnitude."""
    if dtype.is_integer:
        np.testing.assert_array_equal(found, wanted)
        return
    scale = float(np.max(np.abs(wanted.astype(np.float64)), initial=1.0))
    error = np.max(np.abs(found.astype(np.float64) - wanted.astype(np.float64)), initial=0.0)
    assert error <= TOLERANCE[dtype] * scale, f"error {error} beside {scale}"
