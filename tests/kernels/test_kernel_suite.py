"""The kernels of `benchmarks/kernels` compute what they say, compile cleanly, and depend on no name."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from kernel_formulas import FORMULAS

from exalift.affine import Array
from exalift.frontend.c import parse_c
from exalift.pipeline.suite import Kernel, read_suite
from exalift.reference import compare, compile_c, random_inputs

FOLDER = Path(__file__).parents[2] / "benchmarks" / "kernels"
KERNELS = {kernel.name: kernel for kernel in read_suite(FOLDER)}
ALLOWED = {"double": 1e-10, "float": 2e-4}


def test_every_file_is_in_the_table_and_has_a_formula() -> None:
    files = {path.stem for path in FOLDER.glob("*.c")}
    assert files == set(KERNELS) == set(FORMULAS)
    assert sum(kernel.headline for kernel in KERNELS.values()) == 15
    assert sum(kernel.group == "polybench" for kernel in KERNELS.values()) == 30


@pytest.mark.parametrize("defines", [(), ("REAL=float",), ("REAL=double",)])
def test_kernels_compile_without_warnings(defines: tuple[str, ...]) -> None:
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-std=c11", "-fsyntax-only"]
    command += [f"-D{define}" for define in defines]
    command += [str(kernel.path) for kernel in KERNELS.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def results(kernel: Kernel, real: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, int]]:
    """The inputs, what the compiled kernel makes of them, and all sizes, macros included."""
    text = kernel.path.read_text()
    macros = (*kernel.mini.macros, *((f"REAL={real}",) if kernel.real else ()))
    (program,) = parse_c(text, str(kernel.path), function=kernel.function, defines=macros)
    sizes = {size.name: kernel.mini.sizes[size.name] for size in program.sizes if size.value is None}
    inputs = random_inputs(program, sizes, 3, kernel.inputs)
    native = compile_c(text, str(kernel.path), program, flags=("-O1",), defines=macros)
    actual = native(inputs, sizes, isolated=True)
    return inputs, actual, {**kernel.mini.sizes, **kernel.mini.defines}


@pytest.mark.parametrize("real", ["double", "float"])
@pytest.mark.parametrize("name", sorted(KERNELS))
def test_kernels_compute_what_they_say(name: str, real: str) -> None:
    kernel = KERNELS[name]
    if real == "float" and not kernel.real:
        return
    inputs, actual, sizes = results(kernel, real)
    values = {k: np.asarray(v, np.float64) if v.dtype.kind == "f" else v for k, v in inputs.items()}
    expected = FORMULAS[name](SimpleNamespace(**values, **sizes))
    unchanged = {name: inputs[name] for name in actual if name not in expected}
    for array, right in {**unchanged, **expected}.items():
        given = actual[array]
        assert right.size == given.size, (array, right.shape, given.shape)
        dtype = next(a.dtype for a in _arrays(kernel, real) if a.name == array)
        allowed = ALLOWED[real] if dtype.is_float else None
        found = compare(np.reshape(right, given.shape), given, dtype, allowed=allowed, scale=1.0)
        assert found.within, f"{array}: {found}"


def _arrays(kernel: Kernel, real: str) -> tuple[Array, ...]:
    macros = (*kernel.mini.macros, *((f"REAL={real}",) if kernel.real else ()))
    (program,) = parse_c(kernel.path.read_text(), str(kernel.path), function=kernel.function, defines=macros)
    return program.arrays
