"""The code in docs/tensorize.md runs, and the instruction that it describes computes its formula."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from exalift.base import DType
from exalift.tensorize import Instruction, Plan, Schedule, compile_kernel, matrix_product, usable_features
from exalift.tensorize.emission.emulate import emulated

DOCS = Path(__file__).parents[2] / "docs" / "tensorize.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)


def test_the_example_of_use_runs() -> None:
    names: dict[str, object] = {}
    exec(BLOCKS[0], names)
    assert (np.asarray(names["out"]) == 1100).all()


def test_the_example_of_a_grid_runs() -> None:
    names: dict[str, object] = {}
    exec(BLOCKS[2], names)
    assert ".visible .entry kernel" in str(names["ptx"])


@pytest.mark.parametrize("real", [False, True])
def test_a_new_instruction_is_a_description_alone(real: bool) -> None:
    assert len(BLOCKS[1].splitlines()) <= 40
    names: dict[str, object] = {}
    exec(BLOCKS[1], names)
    instruction = names["vpdpbusd_ymm"]
    assert isinstance(instruction, Instruction)
    if real and not instruction.features <= usable_features():
        pytest.skip("needs a CPU with AVX512-VNNI")
    instruction = instruction if real else emulated(instruction)
    contraction = matrix_product(9, 20, 30, DType.UI8, DType.I8, DType.I32)
    kernel = compile_kernel(Plan(contraction, instruction, Schedule(3, 2, 9, 32)))
    generator = np.random.default_rng(0)
    lhs = generator.integers(0, 255, (9, 30), np.uint8, endpoint=True)
    rhs = generator.integers(-128, 127, (30, 20), np.int8, endpoint=True)
    out = np.zeros((9, 20), np.int32)
    kernel(lhs, rhs, out)
    np.testing.assert_array_equal(out, lhs.astype(np.int32) @ rhs.astype(np.int32))
