"""Kernels of the suite on the native device, against the compiled source, at larger odd sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exalift.native import NativeDevice
from exalift.pipeline import Lifted, check
from exalift.pipeline.lifting import Options, lift_program
from exalift.pipeline.source import read_source
from exalift.pipeline.suite import Kernel, read_suite
from exalift.reference import random_inputs

FOLDER = Path(__file__).parents[2] / "benchmarks" / "kernels"
KERNELS = {kernel.name: kernel for kernel in read_suite(FOLDER)}


def lifted(kernel: Kernel) -> Lifted:
    source = read_source(kernel.path, defines=kernel.mini.macros)
    program = source.parse_only(kernel.function)
    return lift_program(source, program, Options(sizes=kernel.mini.sizes, level="tested"))


# Sizes at which contractions go to tensorized kernels and loops to threads; odd, so that there are rests.
LARGER = {
    "gemm": {"ni": 131, "nj": 143, "nk": 157},
    "symm": {"m": 133, "n": 151},
    "syrk": {"n": 301, "m": 67},
    "syr2k": {"n": 301, "m": 67, "ldc": 301},
    "trmm": {"m": 149, "n": 157},
    "correlation": {"m": 161, "n": 143},
    "doitgen": {"nr": 23, "nq": 31, "np": 67},
    "lu": {"n": 341},
    "gramschmidt": {"m": 251, "n": 203},
    "floyd-warshall": {"n": 301},
    "nussinov": {"n": 203},
    "jacobi-2d": {"steps": 3, "n": 361},
    "fdtd-2d": {"steps": 3, "nx": 301, "ny": 283},
    "adi": {"steps": 2, "n": 203},
    "deriche": {"w": 203, "h": 171},
    "atax": {"m": 401, "n": 403},
    "gesummv": {"n": 533},
}


@pytest.mark.parametrize("name", LARGER)
def test_larger_sizes_are_right_too(name: str) -> None:
    kernel = KERNELS[name]
    one = lifted(kernel)
    sizes = {key: value for key, value in LARGER[name].items() if key in one.sizes.values}
    rules = kernel.inputs if kernel.inputs.names else None
    found = check(one, sizes=sizes, seed=2, rules=rules, device="native")
    assert found.agrees, found


def test_a_size_that_is_missing_is_refused() -> None:
    one = lifted(KERNELS["gemm"])
    with pytest.raises(Exception, match="no value for the size"):
        NativeDevice().compile_program(one.program, {})


def test_an_op_that_the_dialect_lacks_is_refused() -> None:
    one = lifted(KERNELS["gemm"])
    value = one.program.body[0].value  # type: ignore[union-attr]
    strange = replace(value, name="stablehlo.nonsense")
    program = replace(one.program, body=(replace(one.program.body[0], value=strange),))
    with pytest.raises(Exception, match="does not define"):
        NativeDevice().compile_program(program, one.sizes.values)


def test_wrong_inputs_are_refused() -> None:
    one = lifted(KERNELS["atax"])
    executable = NativeDevice().compile_program(one.program, one.sizes.values)
    inputs = random_inputs(one.original, one.sizes.values, 0)
    arguments = [inputs[argument.name] for argument in one.program.arguments]
    with pytest.raises(Exception, match="takes 2 arguments"):
        executable.run(arguments[:1])
    with pytest.raises(Exception, match="must have shape"):
        executable.run([arguments[0].astype(np.float32), *arguments[1:]])
