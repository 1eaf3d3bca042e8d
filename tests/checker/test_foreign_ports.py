"""Modules as other tools print them, with their habits: an answer, or an unknown that says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.cli import main

HERE = Path(__file__).parent
PORTS = HERE / "foreign_ports"
KERNELS = HERE.parents[1] / "benchmarks" / "kernels"
PREFIX = """
void prefix(int n, const double x[n], double y[n])
{
    double s = 0;
    for (int i = 0; i < n; i++) {
        s += x[i];
        y[i] = s;
    }
}
"""


def verify(source: Path, module: str | Path, *more: str) -> int:
    return main(["verify", str(source), str(PORTS / module), *more])


@pytest.mark.parametrize(
    ("kernel", "module", "more"),
    [
        ("dense-relu", "dense_as_torch_mlir.mlir", ()),
        ("jacobi-1d", "jacobi_as_jax.mlir", ("--size", "steps=3")),
    ],
)
def test_right_ones_are_proved(kernel: str, module: str, more: tuple[str, ...]) -> None:
    assert verify(KERNELS / f"{kernel}.c", module, *more, "--at-least", "all-sizes") == 0


def test_a_scan_is_proved_and_an_exclusive_one_refuted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "prefix.c"
    source.write_text(PREFIX)
    assert verify(source, "prefix_as_scan.mlir") == 0
    text = (PORTS / "prefix_as_scan.mlir").read_text()
    exclusive = tmp_path / "exclusive.mlir"
    exclusive.write_text(text.replace("broadcast_in_dim %7", "broadcast_in_dim %iterArg_1"))
    assert verify(source, exclusive) == 1
    assert "prefix.c:7" in capsys.readouterr().out


def test_one_more_bias_is_refuted(tmp_path: Path) -> None:
    """A bias that is spread over the wrong dimension needs as many rows as columns to be valid."""
    text = (PORTS / "dense_as_torch_mlir.mlir").read_text()
    wrong = tmp_path / "wrong.mlir"
    wrong.write_text(text.replace("chlo.broadcast_add %2", "chlo.broadcast_subtract %2"))
    assert verify(KERNELS / "dense-relu.c", wrong) == 1


def test_what_only_a_library_knows_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(KERNELS / "trisolv.c", "trisolv_by_lapack.mlir") == 3
    assert "a custom call of lapack_dtrsm_ffi" in capsys.readouterr().err
