"""What an integer divided by zero is, machines decide; so no program may rely on the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import exalift
from exalift.cli import main

# For unsigned numbers x / x is this wherever it is defined, and on a machine where 0 / 0 is 0 always.
ONE = """
void one(int n, const unsigned *x, unsigned *y)
{
    for (int i = 0; i < n; i++)
        y[i] = x[i] < 1 ? x[i] : 1;
}
"""
RATIO = """
void ratio(int n, const int *x, const int *z, int *y)
{
    for (int i = 0; i < n; i++)
        y[i] = x[i] / z[i] + x[i] % z[i];
}
"""
ITSELF = """
func.func public @one(%x: tensor<3xui32>) -> tensor<3xui32> {
  %0 = stablehlo.divide %x, %x : tensor<3xui32>
  return %0 : tensor<3xui32>
}
"""
RATIO_PORT = """
func.func public @ratio(%x: tensor<3xi32>, %z: tensor<3xi32>) -> tensor<3xi32> {
  %0 = stablehlo.remainder %x, %z : tensor<3xi32>
  %1 = stablehlo.divide %x, %z : tensor<3xi32>
  %2 = stablehlo.add %0, %1 : tensor<3xi32>
  return %2 : tensor<3xi32>
}
"""


def verify(folder: Path, source: str, port: str, *more: str) -> int:
    (folder / "source.c").write_text(source)
    (folder / "port.mlir").write_text(port)
    return main(["verify", str(folder / "source.c"), str(folder / "port.mlir"), "--size", "n=3", *more])


def test_a_quotient_that_the_source_does_not_have_is_refuted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path, ONE, ITSELF) == 1
    assert "4294967295" in capsys.readouterr().out


@pytest.mark.parametrize("level", ["all-sizes", "bounded"])
def test_the_source_s_own_quotient_is_proved(tmp_path: Path, level: str) -> None:
    assert verify(tmp_path, RATIO, RATIO_PORT, "--at-least", level) == 0


def test_none_is_lifted_to() -> None:
    lifted = exalift.lift(ONE)
    x = np.array([0, 1, 2, 0xFFFFFFFF], np.uint32)
    assert np.array_equal(np.asarray(lifted(x)), [0, 1, 1, 1])
    assert "divide" not in lifted.text({"n": 4})


def test_the_source_s_own_quotient_is_lifted() -> None:
    lifted = exalift.lift(RATIO)
    x, z = np.array([7, -7, 5], np.int32), np.array([2, 2, -3], np.int32)
    assert np.array_equal(np.asarray(lifted(x, z)), [3 + 1, -3 - 1, -1 + 2])
