"""`exalift lift` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exalift.cli import main
from exalift.dialects.stablehlo import verify_module

ROOT = Path(__file__).parents[2]
MATMUL = str(ROOT / "examples" / "matmul.c")

TWO = """
void scale(int n, double a, double *x) { for (int i = 0; i < n; i++) x[i] *= a; }
void shift(int n, int m, double a, double *x) { for (int i = 0; i < n; i++) x[i] += a; }
"""

REFUSED = """#include <stdio.h>
void loud(int n, double *x) {
  for (int i = 0; i < n; i++)
    printf("%f", x[i]);
}
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "two.c"
    path.write_text(TWO)
    return path


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    path = tmp_path / "loud.c"
    path.write_text(REFUSED)
    return path


def test_the_module_goes_to_stdout_and_the_summary_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", MATMUL, "--size", "m=5", "--size", "n=6", "--size", "k=7"]) == 0
    captured = capsys.readouterr()
    verify_module(captured.out)
    assert "@matmul" in captured.out and "stablehlo.dot_general" in captured.out
    assert "tensor<5x7xf32>" in captured.out
    assert "matmul: lifted whole" in captured.err and "dot_general" in captured.err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "matmul.mlir"
    assert main(["lift", MATMUL, "-o", str(output), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    verify_module(output.read_text())


def test_a_size_that_is_not_given_is_chosen_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", MATMUL, "--size", "m=5"]) == 0
    captured = capsys.readouterr()
    assert "size n not given; printed for n = " in captured.err and "--size n=..." in captured.err
    assert "size m not given" not in captured.err


def test_the_report_keeps_its_contract(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ["lift", MATMUL, "--size", "m=5", "--size", "n=6", "--size", "k=7", "--quiet"]
    assert main([*words, "-o", str(tmp_path / "m.mlir"), "--report", str(report)]) == 0
    found = json.loads(report.read_text())
    assert set(found) == {
        *("schema", "function", "target", "status", "proof", "residual_loops", "seconds", "candidates"),
        *("arguments", "results", "regions", "diagnostics"),
    }
    assert (found["schema"], found["function"], found["target"]) == (1, "matmul", "stablehlo")
    assert (found["status"], found["residual_loops"]) == ("lifted", 0)
    assert found["proof"] in ("bounded", "tested", "all-sizes")
    assert found["arguments"] == [
        {"name": "A", "kind": "array", "dtype": "float32", "shape": [5 * 7]},
        {"name": "B", "kind": "array", "dtype": "float32", "shape": [7 * 6]},
    ] or found["arguments"] == [
        {"name": "A", "kind": "array", "dtype": "float32", "shape": [5, 7]},
        {"name": "B", "kind": "array", "dtype": "float32", "shape": [7, 6]},
    ]
    assert [r["name"] for r in found["results"]] == ["C"]
    for region in found["regions"]:
        assert set(region) == {"lines", "ops", "proof", "residual_loops", "candidates", "seconds"}
    assert "dot_general" in [op for region in found["regions"] for op in region["ops"]]
    assert found["candidates"] > 0 and found["seconds"] > 0


def test_all_functions_of_a_file_are_lifted(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", str(two), "--size", "n=5", "--size", "m=6", "--quiet"]) == 0
    module = capsys.readouterr().out
    verify_module(module)
    assert "@scale" in module and "@shift" in module
    assert main(["lift", str(two), "-f", "shift", "--size", "n=5", "--quiet"]) == 0
    assert "@scale" not in capsys.readouterr().out


def test_several_functions_go_into_one_module_and_an_array_of_reports(two: Path, tmp_path: Path) -> None:
    words = ["--size", "n=5", "--size", "m=6", "--quiet"]
    outputs = ["-o", str(tmp_path / "out.mlir"), "--report", str(tmp_path / "out.json")]
    assert main(["lift", str(two), *words, *outputs]) == 0
    verify_module((tmp_path / "out.mlir").read_text())
    reports = json.loads((tmp_path / "out.json").read_text())
    assert [report["function"] for report in reports] == ["scale", "shift"]


def test_a_size_of_no_function_is_wrong_usage(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", str(two), "--size", "q=5"]) == 2
    assert "'q'" in capsys.readouterr().err
    assert main(["lift", MATMUL, "--size", "q=5"]) == 2
    assert "-D q=5" in capsys.readouterr().err


def test_an_unknown_function_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", MATMUL, "-f", "matmull"]) == 2
    assert "matmul" in capsys.readouterr().err


def test_an_unknown_dialect_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lift", MATMUL, "--to", "vhdl"]) == 2
    assert "stablehlo" in capsys.readouterr().err


def test_a_refusal_shows_the_place(refused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, output = tmp_path / "report.json", tmp_path / "out.mlir"
    output.write_text("precious")
    assert main(["lift", str(refused), "-o", str(output), "--report", str(report)]) == 1
    captured = capsys.readouterr()
    assert f"{refused}:4:5: error:" in captured.err
    assert '    printf("%f", x[i]);' in captured.err and "^" in captured.err
    assert "Traceback" not in captured.err and not captured.out
    assert output.read_text() == "precious"
    found = json.loads(report.read_text())
    assert (found["status"], found["proof"], found["regions"]) == ("refused", None, [])
    assert (found["diagnostics"][0]["line"], found["diagnostics"][0]["column"]) == (4, 5)


def test_what_is_accepted_is_lifted_beside_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "both.c"
    path.write_text(REFUSED + TWO)
    assert main(["lift", str(path), "--size", "n=5", "--size", "m=6"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("func.func") == 2
    assert "both.c:4:5: warning:" in captured.err


def test_a_file_that_does_not_parse_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.c"
    path.write_text("void f(int n { }\n")
    assert main(["lift", str(path)]) == 1
    assert "broken.c:1:" in capsys.readouterr().err


def test_include_directories_and_macros_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "sizes.h").write_text("#define M (N + 1)\n")
    path = tmp_path / "fixed.c"
    path.write_text('#include "sizes.h"\nvoid f(float x[M]) { for (int i = 0; i < M; i++) x[i] = N; }\n')
    assert main(["lift", str(path), "-I", str(tmp_path / "include"), "-D", "N=12", "--quiet"]) == 0
    assert "tensor<13xf32>" in capsys.readouterr().out
    assert main(["lift", str(path), "-I", str(tmp_path / "include"), "--size", "N=12"]) != 0


def test_strict_fp_and_a_harness(tmp_path):
    path = tmp_path / "dot.c"
    path.write_text(
        "double dot(int n, const double *a, const double *b)\n{\n    double s = 0;\n"
        "    for (int i = 0; i < n; i++)\n        s += a[i] * b[i];\n    return s;\n}\n"
    )
    harness, report = tmp_path / "harness.c", tmp_path / "report.json"
    options = ["--strict-fp", "--emit-cbmc", str(harness), "--report", str(report), "-o", str(tmp_path / "o")]
    assert main(["lift", str(path), *options, "--quiet"]) == 0
    found = json.loads(report.read_text())
    assert (found["status"], found["residual_loops"], found["proof"]) == ("partial", 1, "all-sizes")
    assert "__CPROVER_assert" in harness.read_text()
