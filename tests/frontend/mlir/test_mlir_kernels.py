"""Hand-written modules in the style of `cgeist`: right values against NumPy and MLIR run directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from ssa_machine import read_function, run

from exalift.affine import Program, interpret, print_program, verify_program
from exalift.affine.algebra import Machine
from exalift.frontend.mlir import parse_mlir

MODULES = Path(__file__).parent / "modules"
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Case:
    """A function of a module, sizes to run it with, and what it computes by NumPy (arrays in place)."""

    module: str
    function: str
    sizes: Mapping[str, int]
    reference: Callable[..., object] | None = None
    scalars: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def text(self) -> str:
        return (MODULES / f"{self.module}.mlir").read_text()


def gemm(
    arg0: int, arg1: int, arg2: int, alpha: float, beta: float, C: NDArray, A: NDArray, B: NDArray
) -> None:
    C[:, :arg1] = beta * C[:, :arg1] + alpha * A[:, :arg2] @ B[:, :arg1]


def symm(m: int, n: int, alpha: float, beta: float, C: NDArray, A: NDArray, B: NDArray) -> None:
    full = np.tril(A) + np.tril(A, -1).T
    C[...] = beta * C + alpha * full @ B


def trmm(m: int, n: int, alpha: float, A: NDArray, B: NDArray) -> None:
    B[...] = alpha * (np.tril(A, -1).T + np.eye(19, dtype=A.dtype)) @ B


def covariance(m: int, n: int, float_n: float, data: NDArray, cov: NDArray, mean: NDArray) -> None:
    mean[...] = data.sum(0) / float_n
    data -= mean
    cov[...] = data.T @ data / (float_n - 1)


def doitgen(arg0: int, arg1: int, arg2: int, A: NDArray, C4: NDArray, sum: NDArray) -> None:
    A[...] = A @ C4
    sum[...] = A[-1, -1]


def jacobi_1d(tsteps: int, n: int, A: NDArray, B: NDArray) -> None:
    for _ in range(tsteps):
        B[1:-1] = (A[:-2] + A[1:-1] + A[2:]) * 0.33333
        A[1:-1] = (B[:-2] + B[1:-1] + B[2:]) * 0.33333


def atax(m: int, n: int, A: NDArray, x: NDArray, y: NDArray) -> None:
    y[...] = A.T @ (A @ x)


def upsample(n: int, x: NDArray, y: NDArray) -> None:
    y[...] = x.repeat(2, 0).repeat(3, 1) + np.arange(2 * n)[:, None] // 2


def interleave(n: int, x: NDArray, y: NDArray) -> None:
    index = np.arange(n)
    y[...] = x[(7 * index + 3) % 5] * np.where(index % 2 == 0, 1, 3)


def border(n: int, x: NDArray) -> None:
    x[0] = x[-1] = x[:, 0] = x[:, -1] = 0


def clamped(n: int, x: NDArray, y: NDArray) -> None:
    y[...] = [x[max(0, i - 2) : i + 3].mean() for i in range(n)]


def argmax(n: int, x: NDArray, best: NDArray) -> int:
    best[0] = x.max()
    return int(x.argmax())


def softmax(n: int, x: NDArray) -> None:
    e = np.exp(x - x.max())
    x[...] = e / e.sum()


def quantized(A: NDArray, B: NDArray, C: NDArray, zero: int) -> None:
    product = (A.astype(np.int32) - zero) @ B.view(np.uint8).astype(np.int32)
    C[...] = np.clip(product >> 7, -128, 127)


def smooth(n: int, x: NDArray, old: NDArray) -> None:
    old[...] = x
    x[1:] = (old[1:] + old[:-1]) * 0.5


def swap(n: int, x: NDArray, y: NDArray) -> None:
    x[...], y[...] = y.copy(), x.copy()


def extents(x: NDArray, y: NDArray) -> None:
    x *= y[: x.shape[0], None] * y[: x.shape[1]]


CASES = [
    Case("gemm", "gemm", {"arg0": 5, "arg1": 31, "arg2": 3}, gemm, {"alpha": 1.5, "beta": -0.5}),
    Case("symm", "symm", {"m": 7, "n": 5}, symm, {"alpha": 1.5, "beta": 1.25}),
    Case("trmm", "trmm", {}, trmm, {"alpha": 0.5, "m": 1, "n": 1}),
    Case("covariance", "covariance", {"m": 5, "n": 7}, covariance, {"float_n": 7.0}),
    Case("doitgen", "doitgen", {}, doitgen, {"arg0": 0, "arg1": 0, "arg2": 0}),
    Case("jacobi", "jacobi_1d", {"tsteps": 3, "n": 11}, jacobi_1d),
    Case("jacobi", "seidel", {"n": 6}),
    Case("reductions", "dot", {"n": 9}, lambda n, x, y: x @ y),
    Case("reductions", "fibonacci", {"n": 12}, lambda n: 144),
    Case("reductions", "atax", {"m": 4, "n": 6}, atax),
    Case("reductions", "guarded", {"n": 7}),
    Case("reductions", "parallel", {"n": 4}, lambda n, x, y: x @ y[:, 1::2].sum(1) + y[:, 1::2].max()),
    Case("maps", "upsample", {"n": 4}, upsample),
    Case("maps", "interleave", {"n": 13}, interleave),
    Case("maps", "border", {"n": 5}, border),
    Case("maps", "tiled", {"n": 10}),
    Case("maps", "tiled", {"n": 3}),
    Case("maps", "clamped", {"n": 9}, clamped),
    Case("conditions", "relu", {"n": 3, "m": 4}, lambda n, m, x, y: np.maximum(x, 0, out=y)),
    Case("conditions", "argmax", {"n": 9}, argmax),
    Case("conditions", "triangle", {"n": 5}),
    Case("conditions", "softmax", {"n": 6}, softmax),
    Case("integers", "quantized", {}, quantized, {"zero": 3}),
    Case("integers", "bits", {"n": 20}, None, {"k": 12345}),
    Case("locals", "smooth", {"n": 8}, smooth),
    Case("locals", "swap", {"n": 6}, swap),
    Case("locals", "prefix", {"n": 7}),
    Case("locals", "extents", {"x_dim0": 3, "x_dim1": 5, "y_dim0": 6}, extents),
]


def make_inputs(program: Program, case: Case) -> Arrays:
    generator = np.random.default_rng(1)
    algebra = Machine()
    made: Arrays = {}
    for name in program.parameters:
        if name in {size.name for size in program.sizes}:
            continue
        array = program.array(name)
        shape = tuple(extent.at(case.sizes) for extent in array.shape)
        if name in case.scalars:
            made[name] = np.array(case.scalars[name], array.dtype.numpy_name)
        elif array.dtype.is_float:
            made[name] = generator.normal(size=shape).astype(array.dtype.numpy_name)
        else:
            made[name] = algebra.random(generator, shape, array.dtype)
    return made


def arguments(program: Program, case: Case, arrays: Arrays) -> list[object]:
    """What to call a reference with: sizes as numbers, scalars by value, arrays to be changed in place."""
    return [
        case.sizes[name]
        if name not in arrays
        else arrays[name][()]
        if name in program.by_value
        else arrays[name]
        for name in program.parameters
    ]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.function}-{'x'.join(map(str, case.sizes.values()))}"
)
def test_values(case: Case) -> None:
    (program,) = parse_mlir(case.text, f"{case.module}.mlir", function=case.function)
    verify_program(program)
    assert program.constraints.at(case.sizes)
    inputs = make_inputs(program, case)
    found = interpret(program, inputs, case.sizes, Machine())
    function = read_function(case.text, case.function)
    direct = {name: array.copy() for name, array in inputs.items()}
    count = len(function.arguments)
    given = [
        np.int64(value) if isinstance(value, int) else value
        for value in arguments(program, case, direct)[:count]
    ]
    returned = run(function, given)
    expected: list[tuple[Arrays, object]] = []
    if program.returns is not None:
        expected.append((direct, returned[0]))
    else:
        outputs = program.parameters[count:]
        expected.append((direct | dict(zip(outputs, returned, strict=True)), None))  # type: ignore[arg-type]
    if case.reference is not None:
        changed = {name: array.copy() for name, array in inputs.items()}
        expected.append((changed, case.reference(*arguments(program, case, changed))))
    for arrays, result in expected:
        for name, array in arrays.items():
            if name not in program.by_value:
                np.testing.assert_allclose(
                    found[name], array, rtol=1e-5 if array.dtype == np.float32 else 1e-11
                )
        if program.returns is not None:
            np.testing.assert_allclose(found["return"], result, rtol=1e-5)


@pytest.mark.parametrize("module", sorted({case.module for case in CASES}))
def test_printed(module: str, golden: Callable[[str, str], None]) -> None:
    text = (MODULES / f"{module}.mlir").read_text()
    programs = parse_mlir(text, f"{module}.mlir")
    golden("\n".join(print_program(program) for program in programs), f"{module}.txt")


def test_every_function_is_run() -> None:
    for module in {case.module for case in CASES}:
        programs = parse_mlir((MODULES / f"{module}.mlir").read_text(), module)
        assert {p.name for p in programs} == {c.function for c in CASES if c.module == module}
