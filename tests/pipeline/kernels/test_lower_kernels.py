"""Lifted programs as kernels: the same values as their formulas give, on every device."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "devices"))
sys.path.insert(0, str(Path(__file__).parents[2] / "capsule" / "kernels"))

from kernel_devices import Array, each_device, routine, session
from kernel_runs import run_sliced

from exalift import Lifted, lift
from exalift.affine.algebra import Machine
from exalift.base import UsageError
from exalift.capsule.kernels import (
    Kernel,
    Loop,
    Nest,
    Yield,
    nests_of,
    parse_module,
    placed_nests,
    print_module,
)
from exalift.capsule.kernels import Module as KernelModule
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import STABLEHLO
from exalift.pipeline.kernels import lower_program
from exalift.pipeline.suite import read_suite
from exalift.reference import random_inputs

SUITE = {k.name: k for k in read_suite(Path(__file__).parents[3] / "benchmarks" / "kernels")}
MACHINE = Machine()

# One of each kind; the others in the slow test.
SAMPLE = (
    *("gemm", "3mm", "atax", "gesummv", "mvt", "doitgen", "symm", "syrk", "trmm", "covariance"),
    *("lu", "trisolv", "floyd-warshall", "jacobi-2d", "seidel-2d", "heat-3d", "fdtd-2d"),
    *("dense-relu", "conv2d", "maxpool", "softmax", "layernorm", "attention", "gelu", "matmul-int8"),
    *("sobel", "box-blur", "transpose", "threshold", "alpha-blend", "rgb-to-gray"),
)


@cache
def lifted(name: str) -> Lifted:
    """In single precision where the source can be had so."""
    kernel = SUITE[name]
    defines = (*kernel.mini.macros, *(("REAL=float",) if kernel.real else ()))
    return lift(kernel.path, kernel.function, sizes=dict(kernel.mini.sizes), defines=defines, level="tested")


@cache
def lowered(name: str) -> Kernel:
    return lower_program(lifted(name).program, STABLEHLO, lifted(name).sizes.values)


@cache
def inputs_of(name: str) -> dict[str, Array]:
    one = lifted(name)
    return dict(random_inputs(one.original, one.sizes.values, 1, SUITE[name].inputs))


@cache
def expected(name: str) -> dict[str, Array]:
    one = lifted(name)
    return evaluate_program(one.program, inputs_of(name), one.sizes.values, MACHINE, STABLEHLO)


def initial(name: str) -> list[Array]:
    """The arguments, then the locals, as the kernel binds them."""
    one = lifted(name)
    inputs = inputs_of(name)
    arrays = (*one.program.arguments, *one.program.locals)
    zeros = [np.zeros(a.type.at(one.sizes.values), MACHINE.storage(a.type.dtype)) for a in arrays]
    return [np.asarray(inputs.get(a.name, zero)) for a, zero in zip(arrays, zeros, strict=True)]


def check(name: str, final: list[Array]) -> None:
    """Integers bit for bit; floating point relative to the largest number of the result."""
    one = lifted(name)
    place = {a.name: n for n, a in enumerate((*one.program.arguments, *one.program.locals))}
    for result in one.program.results:
        got, wanted = final[place[result.array]], expected(name)[result.name]
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        if wanted.dtype.kind != "f":
            assert np.array_equal(got, wanted)
        else:
            tolerance = 1e-6 if wanted.dtype.itemsize == 4 else 1e-12
            scale = float(np.max(np.abs(wanted), initial=0.0)) or 1.0
            assert np.isfinite(wanted).all()
            assert float(np.max(np.abs(got - wanted), initial=0.0)) <= tolerance * scale


@pytest.mark.parametrize("name", SAMPLE)
def test_kernels_read_back_and_are_right(name: str) -> None:
    kernel = lowered(name)
    assert parse_module(print_module(KernelModule((kernel,)))).kernels == (kernel,)
    if name not in ("trisolv", "seidel-2d"):
        check(name, run_sliced(kernel, {}, initial(name), [None])[0])


@each_device
@pytest.mark.parametrize("name_of_kernel", [n for n in SAMPLE if n not in ("gelu", "transpose", "3mm")])
def test_kernels_are_right_on_devices(name: str, name_of_kernel: str) -> None:
    if name == "interpreter":
        pytest.skip("the test above is of the interpreter")
    with session(name) as opened:
        buffers = [opened.put(value) for value in initial(name_of_kernel)]
        assert opened.compile_kernel(routine(lowered(name_of_kernel))).run(buffers) is None
        check(name_of_kernel, [opened.get(buffer) for buffer in buffers])


@pytest.mark.slow
@pytest.mark.parametrize("name_of_kernel", [n for n in SUITE if n not in SAMPLE])
@each_device
def test_every_kernel_of_the_suite_is_right(name: str, name_of_kernel: str) -> None:
    test_kernels_read_back_and_are_right(name_of_kernel)
    test_kernels_are_right_on_devices(name, name_of_kernel)


# How programs are lowered.

GEMM = """
void gemm(int ni, int nj, int nk, double alpha, double beta,
          double C[ni][nj], double A[ni][nk], double B[nk][nj]) {
  for (int i = 0; i < ni; i++)
    for (int j = 0; j < nj; j++) {
      C[i][j] *= beta;
      for (int k = 0; k < nk; k++) C[i][j] += alpha * A[i][k] * B[k][j];
    }
}
"""


def test_a_scaled_product_is_one_nest() -> None:
    one = lift(GEMM, sizes={"ni": 4, "nj": 5, "nk": 6}, level="tested")
    kernel = lower_program(one.program, STABLEHLO, one.sizes.values)
    assert len(nests_of(kernel)) == 1 and len(kernel.bound) == len(kernel.buffers)


def test_long_reductions_can_stop_in_the_middle() -> None:
    one = lift(GEMM, sizes={"ni": 3, "nj": 5, "nk": 1000}, level="tested")
    kernel = lower_program(one.program, STABLEHLO, one.sizes.values)
    (placed,) = placed_nests(kernel)
    assert placed.frame is not None
    values = random_inputs(one.original, one.sizes.values, 2)
    arrays = [np.asarray(values[argument.name]) for argument in one.program.arguments]
    whole, _ = run_sliced(kernel, {}, arrays, [None])
    sliced, slices = run_sliced(kernel, {}, arrays, [3, 0])
    assert slices > 5
    assert all(a.tobytes() == b.tobytes() for a, b in zip(whole, sliced, strict=True))


def test_loops_that_stay_have_a_yield_each_iteration() -> None:
    loop = lowered("jacobi-2d").body[-1]
    assert isinstance(loop, Loop) and isinstance(loop.body[-1], Yield)
    assert all(isinstance(step, Nest) for step in loop.body[:-1])


def test_updates_of_parts_touch_those_parts_alone() -> None:
    """LU's steps write a shrinking square in place: no nest covers the whole matrix."""
    kernel = lowered("lu")
    n = lifted("lu").sizes.values["n"]
    whole = [
        nest
        for nest, _ in nests_of(kernel)
        if len(nest.axes) == 2
        and all(a.lower[0].is_constant and a.upper[0].constant - a.lower[0].constant == n for a in nest.axes)
    ]
    assert not whole


def test_missing_sizes_are_told() -> None:
    one = lift(GEMM, level="tested")
    with pytest.raises(UsageError, match="no value for the size"):
        lower_program(one.program, STABLEHLO, {"ni": 3})
