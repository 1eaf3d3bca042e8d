"""All of mlirSynth's modules (Apache-2.0, github.com/alexanderb14/mlirSynth), from a local clone.

`MLIRSYNTH` names the git directory of one; `git clone --bare` makes it. Nothing of it is kept here.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ssa_machine import read_function, run

from exalift.affine import interpret, verify_program
from exalift.affine.algebra import Machine
from exalift.base import RefusedError
from exalift.frontend.mlir import parse_mlir, parse_mlir_all

CLONE = Path(os.environ.get("MLIRSYNTH", "mlirSynth.git"))
KERNELS = "2mm 3mm atax bicg correlation covariance doitgen gemm gemver gesummv mvt symm syr2k syrk"
needs_clone = pytest.mark.skipif(not CLONE.exists(), reason="set MLIRSYNTH to a clone of mlirSynth")


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(CLONE), *arguments], check=True, capture_output=True, text=True
    ).stdout


@cache
def modules() -> tuple[str, ...]:
    names = git("ls-tree", "-r", "--name-only", "HEAD", "benchmark/polybench", "test").split()
    return tuple(name for name in names if name.endswith(".mlir"))


@needs_clone
@pytest.mark.parametrize("kernel", KERNELS.split())
def test_benchmarks_are_read(kernel: str) -> None:
    text = git("show", f"HEAD:benchmark/polybench/{kernel}.mlir")
    (program,) = parse_mlir(text, f"{kernel}.mlir")
    verify_program(program)
    assert program.name == f"kernel_{kernel}"
    assert program.constraints.is_always


@needs_clone
def test_every_module_is_read_or_refused() -> None:
    read, refused = 0, 0
    for name in modules():
        text = git("show", f"HEAD:{name}")
        try:
            programs, diagnostics = parse_mlir_all(text, name)
        except RefusedError as error:  # dialects of other tools, or no valid MLIR
            programs, diagnostics = (), error.diagnostics
        read += len(programs)
        refused += len(diagnostics)
        for diagnostic in diagnostics:
            assert diagnostic.span.file == name
            assert "^" in diagnostic.render(text)
        for program in programs:
            verify_program(program)
    assert read >= 65
    assert refused <= 35  # tensors, dialects of other tools, and subscripts out of bounds


@needs_clone
def test_small_modules_have_right_values() -> None:
    """The loops of `test/equiv`, whose extents are tiny, against MLIR run value by value."""
    compared = 0
    for name in modules():
        if "/equiv/" not in name:
            continue
        text = git("show", f"HEAD:{name}")
        function = "fn_2" if "@fn_2(" in text else "fn_0"
        (program,) = parse_mlir(text, name, function=function)
        generator = np.random.default_rng(3)
        shapes = {n: tuple(e.at({}) for e in program.array(n).shape) for n in program.parameters}
        inputs = {n: generator.normal(size=shape) for n, shape in shapes.items()}
        parsed = read_function(text, function)
        count = len(parsed.arguments)
        for output in program.parameters[count:]:
            inputs[output] = np.zeros(shapes[output])
        found = interpret(program, inputs, {}, Machine())
        direct = [inputs[n].copy() for n in program.parameters[:count]]
        returned = run(parsed, [a[()] if not a.shape else a for a in direct])
        for output, array in zip(program.parameters[count:], returned, strict=True):
            np.testing.assert_allclose(found[output], array, rtol=1e-12)
        compared += 1
    assert compared >= 15
