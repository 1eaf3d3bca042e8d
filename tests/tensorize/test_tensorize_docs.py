"""The code in the documents on tensorized instructions runs; the one described there computes its formula."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from exalift.tensorize import Instruction

DOCS = Path(__file__).parents[2] / "docs"


def code_in(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)


USE, CODES = code_in("tensorize.md")
DESCRIPTION, ITS_TEST, GRID = code_in("instructions.md")


def test_the_example_of_use_runs() -> None:
    names: dict[str, object] = {}
    exec(USE, names)
    assert (np.asarray(names["out"]) == 1100).all()


def test_the_example_of_four_bits_runs() -> None:
    names: dict[str, object] = {}
    exec(CODES, names)
    assert np.asarray(names["out"]).any()


def test_the_example_of_a_grid_runs() -> None:
    names: dict[str, object] = {}
    exec(GRID, names)
    assert ".visible .entry kernel" in str(names["ptx"])


def test_a_new_instruction_is_a_description_alone() -> None:
    """Natively where the CPU has it, in software everywhere, as the text does it."""
    assert len(DESCRIPTION.splitlines()) <= 40
    names: dict[str, object] = {}
    exec(DESCRIPTION, names)
    assert isinstance(names["vpdpbusd_ymm"], Instruction)
    exec(ITS_TEST, names)
    assert np.asarray(names["out"]).any()
