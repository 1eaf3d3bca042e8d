"""`exalift verify` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from exalift.cli import main

KERNELS = Path(__file__).parents[2] / "benchmarks" / "kernels"
GEMM = str(KERNELS / "gemm.c")

PORT = """
import jax.numpy as jnp

def right(alpha, beta, C, A, B):
    return alpha * (A @ B) + beta * C

def wrong(alpha, beta, C, A, B):
    return alpha * (A @ B) + C

def fails(alpha, beta, C, A, B):
    raise ValueError("not today")

def unknown(alpha, beta, C, A, B, D):
    return C

def shape(alpha, beta, C, A, B):
    return C[0]

def count(alpha, beta, C, A, B):
    return C, A

def positional(*arrays):
    return arrays

def sorted_rows(alpha, beta, C, A, B):
    return jnp.sort(jnp.sort(alpha * (A @ B) + beta * C) * 0 + alpha * (A @ B) + beta * C)[..., ::-1]

def with_sort(alpha, beta, C, A, B):
    return alpha * (A @ B) + beta * C + 0 * jnp.sort(C)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "verify_port", raising=False)
    (tmp_path / "verify_port.py").write_text(PORT)
    return tmp_path


@pytest.fixture
def module(folder: Path) -> Path:
    """What `lift` writes, at sizes that are asked for."""
    sizes = ["--size", "ni=4", "--size", "nj=5", "--size", "nk=6"]
    assert main(["lift", GEMM, *sizes, "-o", "gemm.mlir", "--quiet"]) == 0
    return folder / "gemm.mlir"


def test_a_right_function(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", GEMM, "--jax", "verify_port:right", "--at-least", "all-sizes"]) == 0
    assert "gemm: proved (all-sizes): the traces of verify_port:right" in capsys.readouterr().out


def test_a_file_instead_of_a_module_name(folder: Path) -> None:
    assert main(["verify", GEMM, "--jax", "verify_port.py:right", "--quiet"]) == 0


def test_a_wrong_function(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--report", "out.json", "--counterexample", "inputs.npz"]
    assert main(["verify", GEMM, "--jax", "verify_port:wrong", *options]) == 1
    shown = capsys.readouterr().out
    assert "gemm: refuted" in shown
    assert "gemm.c:14:17" in shown
    report = json.loads((folder / "out.json").read_text())
    found = report["counterexample"]
    assert (report["schema"], report["status"], report["level"]) == (1, "refuted", None)
    assert found["sizes"] == {"ni": 1, "nj": 1, "nk": 1}
    assert (found["result"], found["index"], found["line"]) == ("C", [0, 0], 14)
    with np.load(folder / "inputs.npz") as inputs:
        values = {name: float(inputs[name].reshape(-1)[0]) for name in inputs.files}
    expected = values["alpha"] * values["A"] * values["B"] + values["beta"] * values["C"]
    assert found["source"] == expected
    assert found["port"] == expected + (1 - values["beta"]) * values["C"]


def test_what_lift_writes(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", GEMM, str(module), "--report", "out.json", "--at-least", "all-sizes"]) == 0
    assert "at ni = 4, nj = 5, nk = 6 is an instance of" in capsys.readouterr().out
    report = json.loads(Path("out.json").read_text())
    assert report["certificate"] == "matches: it says all-sizes"
    assert report["sizes"] == [{"ni": 4, "nj": 5, "nk": 6}]


def test_a_certificate_of_something_else(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module.write_text(module.read_text().replace("stablehlo.add", "stablehlo.subtract"))
    assert main(["verify", GEMM, str(module)]) == 1
    shown = capsys.readouterr()
    assert "certificate does not match: the source or the module has changed since" in shown.err
    Path(f"{module}.cert.json").write_text("[1]")
    assert main(["verify", GEMM, str(module)]) == 1
    assert "certificate does not match" in capsys.readouterr().err


def test_a_certificate_for_other_macros(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is the same, and so is the module; what the text means is not."""
    (folder / "add.h").write_text("#define SHIFT 1.0")
    (folder / "add.c").write_text(
        '#include "add.h"\n'
        "void add(double x[8]) { for (int i = 0; i < 8; i++) x[i] = FACTOR * x[i] + SHIFT; }"
    )
    assert main(["lift", "add.c", "-D", "FACTOR=2.0", "-o", "add.mlir", "--quiet"]) == 0
    assert main(["verify", "add.c", "add.mlir", "-D", "FACTOR=2.0"]) == 0
    assert "certificate" not in capsys.readouterr().err
    assert main(["verify", "add.c", "add.mlir", "-D", "FACTOR=3.0"]) == 1
    assert "read with -D FACTOR=2.0, and now with -D FACTOR=3.0" in capsys.readouterr().err
    # Another header, found by the same name.
    (folder / "add.h").write_text("#define SHIFT 2.0")
    assert main(["verify", "add.c", "add.mlir", "-D", "FACTOR=2.0"]) == 1
    assert "the source is read otherwise now" in capsys.readouterr().err


def test_large_modules_are_decided(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--size", "ni=1000", "--size", "nj=1100", "--size", "nk=1200"]
    assert main(["lift", GEMM, *sizes, "-o", "large.mlir", "--quiet"]) == 0
    assert main(["verify", GEMM, "large.mlir", "--at-least", "all-sizes"]) == 0
    text = Path("large.mlir").read_text()
    Path("large.mlir").write_text(text.replace("stablehlo.add", "stablehlo.subtract"))
    assert main(["verify", GEMM, "large.mlir"]) == 1
    assert "1000x1200 elements, first" in capsys.readouterr().out


def test_an_op_without_a_formula_is_tested(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", GEMM, "--jax", "verify_port:with_sort"]) == 3
    shown = capsys.readouterr()
    assert "gemm: unknown (tested)" in shown.out
    assert "stablehlo.sort" in shown.err
    assert main(["verify", GEMM, "--jax", "verify_port:with_sort", "--at-least", "tested", "--quiet"]) == 0
    assert main(["verify", GEMM, "--jax", "verify_port:sorted_rows", "--quiet"]) == 1


WRONG_USAGE = {
    "neither": ([], "give either a module or --jax"),
    "both": (["x.mlir", "--jax", "verify_port:right"], "give either a module or --jax"),
    "no file": (["x.mlir"], "cannot read x.mlir"),
    "no module": (["--jax", "no_such_module:right"], "cannot load no_such_module"),
    "no function": (["--jax", "verify_port:nothing"], "has no function 'nothing'"),
    "no colon": (["--jax", "verify_port"], "expected MODULE:FUNCTION"),
    "fails": (["--jax", "verify_port:fails"], "ValueError: not today"),
    "parameter": (["--jax", "verify_port:unknown"], "gemm has no parameter 'D'"),
    "shape": (["--jax", "verify_port:shape"], "result 1 of main is tensor<"),
    "count": (["--jax", "verify_port:count"], "gives 2 results, but gemm has 1: C"),
    "positional": (["--jax", "verify_port:positional"], "by the C function's names"),
    "size": (["--jax", "verify_port:right", "--size", "nothing=3"], "no size parameter 'nothing'"),
    "C": ([GEMM], "not a valid StableHLO module"),
}


@pytest.mark.parametrize("name", WRONG_USAGE)
def test_wrong_usage(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message = WRONG_USAGE[name]
    assert main(["verify", GEMM, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_arguments_can_be_named(folder: Path) -> None:
    text = """func.func @copy(%0: tensor<2x3xf64>, %1: tensor<2x3xf64>) -> tensor<2x3xf64> {
      return %0 : tensor<2x3xf64> }"""
    (folder / "copy.mlir").write_text(text)
    source = "void f(int n, int m, double y[n][m], const double a[n][m], const double b[n][m]) {"
    (folder / "copy.c").write_text(
        source + "for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) y[i][j] = a[i][j]; }"
    )
    assert main(["verify", "copy.c", "copy.mlir", "--arguments", "a,b", "--quiet"]) == 0
    assert main(["verify", "copy.c", "copy.mlir", "--arguments", "b,a", "--quiet"]) == 1
    assert main(["verify", "copy.c", "copy.mlir", "--arguments", "a", "--quiet"]) == 2
    assert main(["verify", "copy.c", "copy.mlir", "--arguments", "a,x", "--quiet"]) == 2


def test_several_functions(folder: Path) -> None:
    (folder / "two.c").write_text(
        "void scale(int n, double a, double x[n]) { for (int i = 0; i < n; i++) x[i] *= a; }"
        "double total(int m, const double x[m])"
        "{ double s = 0; for (int i = 0; i < m; i++) s += x[i]; return s; }"
    )
    assert main(["lift", "two.c", "--size", "n=5", "-o", "two.mlir", "--quiet"]) == 0
    assert main(["verify", "two.c", "two.mlir", "--size", "n=5", "--report", "two.json", "--quiet"]) == 0
    reports = json.loads(Path("two.json").read_text())
    assert [(r["function"], r["level"]) for r in reports] == [("scale", "all-sizes"), ("total", "all-sizes")]
    assert [r["certificate"] for r in reports] == ["matches: it says all-sizes"] * 2
    assert main(["verify", "two.c", "two.mlir", "--size", "k=5", "--quiet"]) == 2
    Path("two.mlir").write_text(Path("two.mlir").read_text().replace("stablehlo.multiply", "stablehlo.add"))
    assert main(["verify", "two.c", "two.mlir", "--quiet"]) == 1
    assert main(["verify", "two.c", "two.mlir", "-f", "total", "--quiet"]) == 0


def test_a_refused_source_is_unknown(folder: Path) -> None:
    (folder / "bad.c").write_text("void f(int n, int *p) { while (p[0]) p[0] -= n; }")
    (folder / "m.mlir").write_text(
        "func.func @f(%0: tensor<1xi32>) -> tensor<1xi32> { return %0 : tensor<1xi32> }"
    )
    assert main(["verify", "bad.c", "m.mlir"]) == 3
