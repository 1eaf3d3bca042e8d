"""The harness for CBMC: it compiles, right liftings pass on random inputs, and changed sources do not."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from exalift.base import UsageError
from exalift.dialects.stablehlo import STABLEHLO
from exalift.pipeline import Options, lift_program, read_source
from exalift.pipeline.cbmc import cbmc_harness, harness_sizes

KERNELS = Path(__file__).parents[2] / "benchmarks" / "kernels"
STUBS = """
#include <stdio.h>
#include <stdlib.h>
static unsigned long long state;
int nondet_int(void)
{
    if (!state) state = 2 * strtoull(getenv("SEED"), 0, 10) + 1;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (int)((state >> 33) % 9) - 4;
}
void __CPROVER_assume(_Bool holds) { if (!holds) exit(0); }
void __CPROVER_assert(_Bool holds, const char *what) { if (!holds) { puts(what); exit(1); } }
"""

# Kernels, and changes of their text that mean something else.
CHANGES = {
    "gemm": [("k < nk", "k < nk - 1"), ("A[i][k] * B[k][j]", "A[i][k] + B[k][j]"), ("*= beta", "+= beta")],
    "trmm": [("k = i + 1", "k = i"), ("*= alpha", "+= alpha")],
    "jacobi-1d": [("t < steps", "t < steps - 1"), ("a[i - 1] + a[i]", "a[i] + a[i]")],
    "nussinov": [
        ("(a) + (b) == 3", "(a) + (b) == 2"),
        ("k = i + 1", "k = i + 2"),
        ("(a) > (b)", "(a) < (b)"),
    ],
    "rgb-to-gray": [("77 * r", "78 * r"), (">> 8", ">> 7")],
    "threshold": [],
    "softmax": [],
    "transpose": [],
}


def harness_of(path, change=None):
    source = read_source(path)
    program = source.parse_only(None)
    found = lift_program(source, program, Options(budget_s=30))
    text = source.text
    if change is not None:
        assert change[0] in text
        text = text.replace(*change)
    sizes = harness_sizes(found.abstracted, {})
    return cbmc_harness(replace(source, text=text), found.abstracted, found.program, sizes, STABLEHLO)


def outcomes(harness, folder, runs=100):
    """What runs with random inputs end with: 0 where all assertions hold."""
    (folder / "harness.c").write_text(harness)
    (folder / "stubs.c").write_text(STUBS)
    compiled = ["gcc", "-std=gnu11", "-O1", "-fwrapv", "-o", "run", "harness.c", "stubs.c", "-lm"]
    subprocess.run(compiled, cwd=folder, check=True, capture_output=True, timeout=120)
    return [
        subprocess.run(
            ["./run"], cwd=folder, env={"SEED": str(seed)}, capture_output=True, timeout=60
        ).returncode
        for seed in range(runs)
    ]


@pytest.mark.parametrize("name", CHANGES)
def test_right_liftings_pass_and_changed_sources_do_not(name, tmp_path):
    path = KERNELS / f"{name}.c"
    assert set(outcomes(harness_of(path), tmp_path)) == {0}
    for change in CHANGES[name]:
        assert 1 in outcomes(harness_of(path, change), tmp_path), change


def test_the_harness_says_what_it_is_for():
    text = harness_of(KERNELS / "gemm.c")
    assert "__CPROVER_assume" in text and "__CPROVER_assert" in text and "cbmc --unwind" in text


def test_other_languages_and_files_of_its_own_are_refused(tmp_path):
    (tmp_path / "own.h").write_text("#define REAL double\n")
    source = read_source(
        '#include "own.h"\nvoid f(int n, REAL *x)\n{\n  for (int i = 0; i < n; i++) x[i] = 0;\n}\n',
        include_directories=[tmp_path],
    )
    program = source.parse_only(None)
    found = lift_program(source, program, Options(budget_s=30))
    with pytest.raises(UsageError, match="includes files of its own"):
        cbmc_harness(source, found.abstracted, found.program, {"n": 3}, STABLEHLO)
    other = replace(source, language="mlir")
    with pytest.raises(UsageError, match="C sources only"):
        cbmc_harness(other, found.abstracted, found.program, {"n": 3}, STABLEHLO)


def test_globals_and_returned_values_are_compared(tmp_path):
    text = "double table[5];\ndouble total(int n, const double *x)\n{\n    double s = 0;\n"
    text += "    for (int i = 0; i < n; i++)\n        s += x[i];\n"
    text += "    for (int k = 0; k < 5; k++)\n        table[k] = table[k] * 2 + s;\n    return s;\n}\n"
    (tmp_path / "total.c").write_text(text)
    assert set(outcomes(harness_of(tmp_path / "total.c"), tmp_path)) == {0}
    wrong = ("* 2 + s", "* 2 - s")
    assert 1 in outcomes(harness_of(tmp_path / "total.c", wrong), tmp_path)
