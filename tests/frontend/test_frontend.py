"""The choice of a front end by the file's suffix."""

from __future__ import annotations

import pytest

from exalift.base import UsageError
from exalift.frontend import parse

C_TEXT = "double twice(double x) { return FACTOR * x; }"
MLIR_TEXT = """
func.func @twice(%x: f64) -> f64 {
  %two = arith.constant 2.0 : f64
  %y = arith.mulf %two, %x : f64
  return %y : f64
}
"""


def test_suffixes() -> None:
    (program,) = parse(C_TEXT, "some/where.c", defines=["FACTOR=2"])
    assert program.name == "twice"
    (program,) = parse(C_TEXT, "where.H", function="twice", defines=["FACTOR=2"])
    assert program.name == "twice"
    (program,) = parse(MLIR_TEXT, "where.mlir")
    assert program.name == "twice"


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="suffix"):
        parse(C_TEXT, "where.f90")
    with pytest.raises(UsageError, match="for C only"):
        parse(MLIR_TEXT, "where.mlir", defines=["A=1"])
    with pytest.raises(UsageError, match="it defines: twice"):
        parse(C_TEXT, "where.c", function="thrice", defines=["FACTOR=2"])
