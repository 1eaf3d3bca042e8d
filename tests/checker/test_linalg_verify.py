"""Linalg modules as users pass them: what is decided, what is refused and then run, what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.cli import main

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "benchmarks" / "kernels"


def verify(kernel: str, module: Path, *more: str) -> int:
    return main(["verify", str(KERNELS / f"{kernel}.c"), str(module), *more])


def test_a_module_on_memory_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("gemm", HERE / "linalg_ports" / "gemm_memory.mlir", "--at-least", "all-sizes") == 0
    assert "proved (all-sizes)" in capsys.readouterr().out


def test_an_update_of_all_at_once_is_not_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """With a negative cycle, the row that is read changes while the loop runs."""
    assert verify("floyd-warshall", HERE / "linalg_other" / "floyd_warshall.mlir") == 1
    said = capsys.readouterr().out
    assert "refuted" in said and "floyd-warshall.c:7" in said


def test_small_sizes_stay_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (HERE / "linalg_ports" / "conv2d.mlir").read_text()
    module = tmp_path / "conv2d.mlir"
    module.write_text(text.replace("3x4x14x19", "1x4x14x19").replace("3x5x9x13", "1x5x9x13"))
    assert verify("conv2d", module, "--at-least", "all-sizes") == 0
    assert "at all sizes with batch = 1" in capsys.readouterr().out


def test_what_is_not_read_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "softmax.mlir"
    module.write_text(
        "func.func @softmax(%x: tensor<5x7xf32>) -> tensor<5x7xf32> {\n"
        "  %e = tensor.empty() : tensor<5x7xf32>\n"
        "  %o = linalg.softmax dimension(1) ins(%x : tensor<5x7xf32>) outs(%e : tensor<5x7xf32>)"
        " -> tensor<5x7xf32>\n"
        "  return %o : tensor<5x7xf32>\n}\n"
    )
    assert verify("softmax", module) == 3
    out, err = capsys.readouterr()
    assert "agree on" in out
    assert "not read: linalg.softmax" in err
    assert verify("softmax", module, "--at-least", "tested") == 0


def test_what_cannot_be_run_either_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "gemm.mlir"
    text = (HERE / "linalg_ports" / "gemm.mlir").read_text()
    module.write_text(text.replace("  return", '  "my.effect"() : () -> ()\n  return'))
    assert verify("gemm", module) == 3
    assert "my.effect" in capsys.readouterr().err


def test_what_is_no_module_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "gemm.mlir"
    module.write_text((HERE / "linalg_ports" / "gemm.mlir").read_text().replace("linalg.map", "linalg.mop"))
    assert verify("gemm", module) == 2
    assert "gemm.mlir:7" in capsys.readouterr().err


def test_shapes_must_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("gemm", HERE / "linalg_ports" / "atax.mlir") == 2
    assert "atax" in capsys.readouterr().err
