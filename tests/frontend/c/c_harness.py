"""The oracle of the C front end's tests: the same C, compiled by gcc and called through ctypes.

`check` compares every array and the returned value with what the interpreter makes of the program.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from exalift.affine import Program, Role, interpret
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.frontend.c import parse_c

CTYPES = {
    DType.I1: ctypes.c_bool,
    DType.I8: ctypes.c_int8,
    DType.I16: ctypes.c_int16,
    DType.I32: ctypes.c_int32,
    DType.I64: ctypes.c_int64,
    DType.UI8: ctypes.c_uint8,
    DType.UI16: ctypes.c_uint16,
    DType.UI32: ctypes.c_uint32,
    DType.UI64: ctypes.c_uint64,
    DType.F32: ctypes.c_float,
    DType.F64: ctypes.c_double,
}
TOLERANCE = {DType.F64: 1e-11, DType.F32: 2e-5}


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="exalift-c-")


def build(text: str, function: str, *, flags: Sequence[str] = (), extra: str = "") -> ctypes.CDLL:
    """A shared object in which `exalift_entry` points to the function, static or not."""
    source = f"{text}\n{extra}\nvoid *exalift_entry = (void *){function};\n"
    key = hashlib.sha256("\0".join([source, *flags]).encode()).hexdigest()[:24]
    base = Path(_folder().name) / key
    library = base.with_suffix(".so")
    if not library.exists():
        base.with_suffix(".c").write_text(source)
        command = [
            "gcc",
            "-std=gnu17",
            "-O1",
            "-fwrapv",
            "-ffp-contract=off",
            "-w",
            "-shared",
            "-fPIC",
            *flags,
        ]
        subprocess.run(
            [*command, str(base.with_suffix(".c")), "-o", str(library), "-lm"], check=True, timeout=120
        )
    return ctypes.CDLL(str(library))


def random_values(generator: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
    native = np.dtype(dtype.numpy_name)
    if dtype.is_float:
        return np.asarray(generator.uniform(0.25, 2.0, shape) * generator.choice([-1, 1], shape)).astype(
            native
        )
    if dtype is DType.I1:
        return np.asarray(generator.integers(0, 2, shape)).astype(native)
    low, high = (-60, 60) if dtype.is_signed else (0, 120)
    return np.asarray(generator.integers(low, high, shape)).astype(native)


def pick_sizes(program: Program, generator: np.random.Generator, wanted: Mapping[str, int]) -> dict[str, int]:
    """Random small sizes that the program's constraints admit."""
    free = [size for size in program.sizes if size.name not in wanted]
    for attempt in itertools.count():
        assert attempt < 3000, f"no sizes satisfy {program.constraints}"
        top = 8 + attempt // 100
        sizes = {size.name: int(generator.integers(max(1, size.minimum), top)) for size in free} | dict(
            wanted
        )
        if program.constraints.at(sizes):
            return sizes
    raise AssertionError


def _address(library: ctypes.CDLL, name: str) -> int | None:
    """A function that the library exports by its name, else the one that it was built for."""
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        return ctypes.c_void_p.in_dll(library, "exalift_entry").value


def call_native(
    library: ctypes.CDLL,
    program: Program,
    inputs: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """Final contents of all parameter arrays, and "return"."""
    buffers = {name: np.array(value, order="C", copy=True) for name, value in inputs.items()}
    arrays = {array.name: array for array in program.arrays}
    dtypes = {size.name: size.dtype for size in program.sizes}
    arguments: list[object] = []
    for name in program.parameters:
        if name in program.globals:
            kind = CTYPES[dtypes.get(name) or arrays[name].dtype]
            place = ctypes.addressof(kind.in_dll(library, name))
            if name in sizes:
                kind.from_address(place).value = sizes[name]
            else:
                ctypes.memmove(place, buffers[name].ctypes.data, buffers[name].nbytes)
        elif name in sizes:
            arguments.append(CTYPES[dtypes[name]](sizes[name]))
        elif name in program.by_value:
            arguments.append(CTYPES[arrays[name].dtype](buffers[name][()].item()))
        else:
            arguments.append(buffers[name].ctypes.data_as(ctypes.c_void_p))
    entry = _address(library, program.name)
    result = None if program.returns is None else CTYPES[program.returns.dtype]
    function = ctypes.CFUNCTYPE(result, *(type(argument) for argument in arguments))(entry)
    returned = function(*arguments)
    for name in program.globals:
        if name in buffers:
            place = ctypes.addressof(CTYPES[arrays[name].dtype].in_dll(library, name))
            ctypes.memmove(buffers[name].ctypes.data, place, buffers[name].nbytes)
    if program.returns is not None:
        buffers["return"] = np.asarray(returned, np.dtype(program.returns.dtype.numpy_name))
    return buffers


def make_inputs(
    program: Program, sizes: Mapping[str, int], generator: np.random.Generator
) -> dict[str, np.ndarray]:
    shapes = {a.name: tuple(e.at(sizes) for e in a.shape) for a in program.arrays}
    parameters = [a for a in program.arrays if a.role is Role.PARAMETER]
    return {a.name: random_values(generator, a.dtype, shapes[a.name]) for a in parameters}


def compare(
    program: Program, expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray], note: str
) -> None:
    for name, value in expected.items():
        if name in program.by_value:
            continue
        dtype = program.returns.dtype if name == "return" and program.returns else program.array(name).dtype
        other = actual[name]
        if dtype.is_float:
            tolerance = TOLERANCE[dtype]
            # What cancels leaves the rounding of its terms, which the largest element bounds.
            scale = float(np.max(np.abs(value), initial=1.0, where=np.isfinite(value)))
            np.testing.assert_allclose(
                other, value, rtol=tolerance, atol=tolerance * scale, err_msg=f"{name} {note}"
            )
        else:
            np.testing.assert_array_equal(other, value, err_msg=f"{name} {note}")


def check_program(
    library: ctypes.CDLL,
    program: Program,
    *,
    sizes: Mapping[str, int] | None = None,
    rounds: int = 3,
    seed: int = 0,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Compare a program with a compiled library on random inputs, at random small sizes."""
    generator = np.random.default_rng(seed)
    for _ in range(rounds):
        chosen = pick_sizes(program, generator, sizes or {})
        given = make_inputs(program, chosen, generator) | dict(inputs or {})
        expected = call_native(library, program, given, chosen)
        actual = interpret(program, given, chosen, Machine())
        compare(program, expected, actual, f"at {chosen}")


def check(
    text: str,
    function: str = "f",
    *,
    sizes: Mapping[str, int] | None = None,
    rounds: int = 3,
    defines: Sequence[str] = (),
) -> Program:
    """Parse a function, compare it with gcc's, and give the program."""
    (program,) = parse_c(text, "test.c", function=function, defines=defines)
    library = build(text, function, flags=[f"-D{define}" for define in defines])
    check_program(library, program, sizes=sizes, rounds=rounds)
    return program
