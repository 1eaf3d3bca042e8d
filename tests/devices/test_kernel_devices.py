"""Kernels on unlike devices: the right values, and the same bits however a run is cut and moved."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from kernel_devices import Array, available, each_device, routine, session

from exalift.base import DeviceError, DType
from exalift.capsule import Routine, Signature
from exalift.capsule.kernels import (
    DTYPES,
    FUNCTIONS,
    Apply,
    Buffer,
    Convert,
    Expression,
    Index,
    Kernel,
    Load,
    Nest,
    Range,
    Role,
    Store,
    apply,
    convert,
    native,
    parse_module,
    scratch_of,
)
from exalift.devices import Session

sys.path.insert(0, str(Path(__file__).parents[1] / "capsule" / "kernels"))

from kernel_runs import run_whole
from kernel_samples import SAMPLES, Sample

N = 200
PARAMETERS: dict[str, tuple[int, ...]] = {"framed": (1,)}

# Relative; what is elementary arithmetic comes out the same, what calls a library does not.
NEAR = {DType.F32: 1e-6, DType.F64: 1e-12}


def numbers(dtype: DType, seed: int) -> Array:
    """Numbers of all sizes, those at the ends among them."""
    generator = np.random.default_rng(seed)
    if dtype is DType.I1:
        return generator.integers(0, 2, N).astype(bool)
    kind = native(dtype)
    if dtype.is_float:
        value = generator.standard_normal(N) * np.exp(generator.uniform(-3, 3, N))
        value[:8] = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5]
        generator.shuffle(value)
        return value.astype(kind)
    ends = np.iinfo(kind)
    wide = generator.integers(ends.min, ends.max, N, dtype=kind, endpoint=True)
    small = generator.integers(-4 if dtype.is_signed else 0, 10 if dtype.bits == 8 else 70, N).astype(kind)
    value = np.where(generator.integers(0, 2, N) == 0, wide, small)
    value[:2] = ends.min, ends.max
    return value


def one_of_each(dtype: DType, functions: list[str]) -> tuple[Kernel, list[Array]]:
    """A kernel that applies functions to `a`, `b` and `c`, each into a row of its own: of `r`, or of `t`
    where the result is a truth value; and its inputs."""
    at = (Index.of("i"),)
    operands = [Load(name, at, dtype) for name in "ab"]
    condition = Load("c", at, DType.I1)
    rows = Buffer("r", dtype, (len(functions), N), Role.OUT)
    truths = Buffer("t", DType.I1, (len(functions), N), Role.OUT)
    inputs = (*(Buffer(name, dtype, (N,), Role.IN) for name in "ab"), Buffer("c", DType.I1, (N,), Role.IN))
    stores: list[Store] = []
    for row, name in enumerate(functions):
        arguments: tuple[Expression, ...] = tuple(operands[: FUNCTIONS[name].arity])
        if name == "select":
            arguments = (condition, *operands)
        target = truths if FUNCTIONS[name].compares else rows
        stores.append(Store(target.name, (Index((), row), *at), Apply(name, arguments, target.dtype)))
    nest = Nest((Range("i", (Index(),), (Index((), N),)),), tuple(stores))
    values = [numbers(dtype, 0), numbers(dtype, 1), numbers(DType.I1, 2)]
    return Kernel("functions", (), (*inputs, rows, truths), (nest,)), values


def accepted(opened: Session, dtype: DType) -> list[str]:
    """The functions of a type that the device has; it refuses others by name."""
    found: list[str] = []
    for name, function in FUNCTIONS.items():
        if function.accepts(dtype):
            kernel, _ = one_of_each(dtype, [name])
            try:
                opened.compile_kernel(routine(kernel))
                found.append(name)
            except DeviceError as error:
                assert f"has no {name} of {dtype}" in str(error)
    return found


MISSING_ON_WEBGPU = {
    DType.F32: {"atan2", "cbrt", "erf", "exponential_minus_one", "log_plus_one", "power", "remainder"}
    | {"round_nearest_afz"},
}


@each_device
@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str), ids=str)
def test_functions_mean_what_numpy_means(name: str, dtype: DType) -> None:
    with session(name) as opened:
        if name == "webgpu" and dtype.is_float:
            functions = accepted(opened, dtype)
            if dtype is DType.F32:
                missing = {f.name for f in FUNCTIONS.values() if f.accepts(dtype)} - set(functions)
                assert missing == MISSING_ON_WEBGPU[dtype]
        else:
            functions = [f.name for f in FUNCTIONS.values() if f.accepts(dtype)]
        kernel, inputs = one_of_each(dtype, functions)
        executable = opened.compile_kernel(routine(kernel))
        results = [np.zeros(buffer.shape, native(buffer.dtype)) for buffer in kernel.buffers[3:]]
        buffers = [opened.put(value) for value in (*inputs, *results)]
        assert executable.run(buffers) is None
        rows, truths = (opened.get(buffer) for buffer in buffers[3:])
        for row, function in enumerate(functions):
            operands = [*inputs[:2]][: FUNCTIONS[function].arity]
            if function == "select":
                operands = [inputs[2], *inputs[:2]]
            got = (truths if FUNCTIONS[function].compares else rows)[row]
            check_equal(got, apply(function, operands), dtype, function)


def check_equal(got: Array, wanted: Array, dtype: DType, what: str) -> None:
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind != "f":
        assert np.array_equal(got, wanted), what
        return
    tolerance = NEAR[dtype]
    assert np.array_equal(np.isnan(got), np.isnan(wanted)), what
    assert np.allclose(got, wanted, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True), what


@each_device
def test_conversions_mean_what_numpy_means(name: str) -> None:
    types = sorted(DTYPES, key=str)
    at = (Index.of("i"),)
    with session(name) as opened:
        for source in types:
            buffers = [Buffer("a", source, (N,), Role.IN)]
            buffers += [Buffer(f"r_{target}", target, (N,), Role.OUT) for target in types]
            stores = [Store(f"r_{target}", at, Convert(Load("a", at, source), target)) for target in types]
            nest = Nest((Range("i", (Index(),), (Index((), N),)),), tuple(stores))
            value = numbers(source, 3)
            if source.is_float:
                # What an integer type does not hold has no conversion that all agree on.
                value = np.nan_to_num(np.abs(value), nan=1.5, posinf=3.25).astype(native(source)) % 100
            kernel = Kernel("conversions", (), tuple(buffers), (nest,))
            arrays = [opened.put(value)]
            arrays += [opened.put(np.zeros(N, native(target))) for target in types]
            assert opened.compile_kernel(routine(kernel)).run(arrays) is None
            for target, array in zip(types, arrays[1:], strict=True):
                assert np.array_equal(opened.get(array), convert(value, target)), (source, target)


# Slices and moves.


def run_on(names: list[str], sample: Sample, parameters: tuple[int, ...], seed: int) -> list[Array]:
    """A run with random budgets that moves to a random device of `names` at each yield."""
    chance = random.Random(seed)
    kernel = sample.kernel
    state = [*sample.inputs(seed), *(np.ones(b.shape, native(b.dtype)) for b in scratch_of(kernel))]
    open_sessions = {name: session(name) for name in dict.fromkeys(names)}
    sessions = {name: manager.__enter__() for name, manager in open_sessions.items()}
    try:
        executables = {name: one.compile_kernel(routine(kernel)) for name, one in sessions.items()}
        cursor: tuple[int, ...] | None = ()
        while cursor is not None:
            name = chance.choice(names)
            buffers = [sessions[name].put(value) for value in state]
            for _ in range(chance.randrange(1, 4)):
                budget = chance.choice([0, 1, 2, 5, 30])
                cursor = executables[name].run([*parameters, *buffers], cursor, budget)
                if cursor is None:
                    break
            state = [np.array(sessions[name].get(buffer)) for buffer in buffers]
    finally:
        for manager in open_sessions.values():
            manager.__exit__(None, None, None)
    return state[: len(kernel.bound)]


@each_device
@pytest.mark.parametrize("sample", SAMPLES)
def test_whole_runs_agree_with_the_interpreter(name: str, sample: str) -> None:
    kernel, parameters = SAMPLES[sample].kernel, PARAMETERS.get(sample, ())
    values = dict(zip([p.name for p in kernel.parameters], parameters, strict=True))
    wanted = run_whole(kernel, values, SAMPLES[sample].inputs(7))
    with session(name) as opened:
        buffers = [opened.put(value) for value in SAMPLES[sample].inputs(7)]
        assert opened.compile_kernel(routine(kernel)).run([*parameters, *buffers]) is None
        got = [opened.get(buffer) for buffer in buffers]
    for one, other in zip(got, wanted, strict=True):
        if SAMPLES[sample].exact:
            assert np.array_equal(one, other)
        else:
            assert np.allclose(one, other, rtol=1e-5, atol=1e-6)


@each_device
@pytest.mark.parametrize("sample", SAMPLES)
def test_slices_give_the_same_bits_on_one_device(name: str, sample: str) -> None:
    parameters = PARAMETERS.get(sample, ())
    with session(name) as opened:
        executable = opened.compile_kernel(routine(SAMPLES[sample].kernel))
        buffers = [opened.put(value) for value in SAMPLES[sample].inputs(3)]
        assert executable.run([*parameters, *buffers]) is None
        whole = [opened.get(buffer) for buffer in buffers]
    for one, other in zip(run_on([name], SAMPLES[sample], parameters, 3), whole, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_moves_among_all_devices(sample: str, seed: int) -> None:
    """Where arithmetic is exact the same bits come out; a library's `tanh` differs in the last ones."""
    kernel, parameters = SAMPLES[sample].kernel, PARAMETERS.get(sample, ())
    values = dict(zip([p.name for p in kernel.parameters], parameters, strict=True))
    wanted = run_whole(kernel, values, SAMPLES[sample].inputs(seed))
    got = run_on(available(), SAMPLES[sample], parameters, seed)
    for one, other in zip(got, wanted, strict=True):
        if SAMPLES[sample].exact:
            assert np.array_equal(one, other)
        else:
            assert np.allclose(one, other, rtol=1e-5, atol=1e-6)


LONG = """kernels 1

kernel long {
  inout A: ui32[64]
  parallel (i = 0 to 64) {
    var x: ui32 = A[i]
    for k = 0 to 40000 {
      for m = 0 to 500 {
        x = xor(x * 1664525:ui32 + 1013904223:ui32, shift_right_logical(x, 7:ui32))
      }
      yield
    }
    A[i] = x
  }
}
"""


@pytest.mark.parametrize("name", [name for name in available() if name in ("opencl", "aarch64")])
def test_a_launch_in_progress_is_interrupted(name: str) -> None:
    """Work-items stop at yield points of their own, and go on from there; the bits are those of a run that
    nobody interrupted."""
    (kernel,) = parse_module(LONG.replace("40000", "4000")).kernels
    start = np.arange(64, dtype=np.uint32)
    with session(name) as opened:
        executable = opened.compile_kernel(routine(kernel))
        buffers = [opened.put(start)]
        assert executable.run(buffers) is None
        wanted = opened.get(buffers[0])
        buffers = [opened.put(start)]
        cursor: tuple[int, ...] | None = ()
        interrupted = 0
        while cursor is not None:
            timer = threading.Timer(0.02, executable.interrupt)
            timer.start()
            cursor = executable.run(buffers, cursor)
            timer.join()
            interrupted += cursor is not None
        assert np.array_equal(opened.get(buffers[0]), wanted)
    assert interrupted


# Wrong use.


@each_device
def test_wrong_operands_are_refused(name: str) -> None:
    sample = SAMPLES["framed"]
    kernel = sample.kernel
    with session(name) as opened:
        executable = opened.compile_kernel(routine(kernel))
        buffers = [opened.put(value) for value in sample.inputs()]
        for operands, message in [
            (buffers, "takes 1 integers, got 0"),
            ([9, *buffers], "first must be 0 to 3"),
            ([0, *buffers[:-1]], "takes 5 arrays"),
            ([0, *buffers[1:], buffers[0]], "must be"),
            ([0, buffers[0], buffers[1], buffers[2], buffers[3], buffers[3]], "O must be"),
        ]:
            with pytest.raises(DeviceError, match=message):
                executable.run(operands)
        for cursor in [(1,), (0, 0), (1, 5, 99), (77, 0, 0), (-1, 0, 0)]:
            with pytest.raises(DeviceError, match="no cursor"):
                executable.run([0, *buffers], cursor)


@each_device
def test_wrong_kernels_are_refused(name: str) -> None:
    with session(name) as opened:
        for text, message in [
            (None, "has no kernel"),
            ("kernels 9", "not valid: .*version 9"),
            ("kernels 1", "must have one kernel"),
            (
                "kernels 1 kernel k { inout A: f32[3] parallel (i = 0 to 4) { A[i] = 0.0:f32 } }",
                "outside 0 to 2",
            ),
        ]:
            with pytest.raises(DeviceError, match=message):
                opened.compile_kernel(Routine(Signature("k", (), ()), b"", text))
        with pytest.raises(DeviceError, match="kernels alone"):
            opened.compile_function(Routine(Signature("k", (), ()), b""))


@each_device
def test_arrays_of_every_type_and_shape_come_back(name: str) -> None:
    with session(name) as opened:
        for dtype in sorted(DTYPES, key=str):
            value = numbers(dtype, 9)
            for shaped in (value.reshape(20, 10), value[:1].reshape(()), value[:0].reshape(0, 3), value[::3]):
                got = opened.get(opened.put(shaped))
                assert got.dtype == shaped.dtype and got.shape == shaped.shape
                assert np.array_equal(got, shaped, equal_nan=dtype.is_float)


@each_device
def test_empty_nests_and_buffers(name: str) -> None:
    text = """kernels 1
    kernel k {
      param n = 0 to 9
      in A: f32[0, 3] inout B: f32[8] inout C: i16[]
      parallel (i = 0 to n) { B[i] = A?[0, 1] + 2.5:f32 }
      for t = 4 to n { parallel () { C[] = C[] + 1:i16 } yield }
      parallel (i = 0 to 0) { for k = 0 to 3 { yield } B[i] = 0.0:f32 }
    }"""
    with session(name) as opened:
        executable = opened.compile_kernel(Routine(Signature("k", (), ()), None, text))
        for n in (0, 3, 7):
            arrays = [np.zeros((0, 3), np.float32), np.zeros(8, np.float32), np.zeros((), np.int16)]
            buffers = [opened.put(value) for value in arrays]
            cursor: tuple[int, ...] | None = ()
            while cursor is not None:
                cursor = executable.run([n, *buffers], cursor, 0)
            assert opened.get(buffers[1]).tolist() == [2.5] * n + [0.0] * (8 - n)
            assert int(opened.get(buffers[2])) == max(0, n - 4)
