"""Suites: their table, and folders without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.base import UsageError
from exalift.pipeline.suite import read_suite

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["benchmarks/kernels", "examples"])
def test_our_own_suites_read(folder: str) -> None:
    kernels = read_suite(ROOT / folder)
    assert {k.path for k in kernels} == set((ROOT / folder).glob("*.c"))
    assert all(k.function and (k.mini.sizes or k.mini.defines) for k in kernels)


def test_a_row_has_settings_and_rules(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("")
    (tmp_path / "suite.toml").write_text(
        'schema = 1\n[a]\nfunction = "f"\nheadline = true\nsizes.mini = { n = 7 }\n'
        'defines.large = { N = 9 }\ninputs.spd = ["A"]\ninputs.range.x = [0, 1.5]\n'
    )
    (kernel,) = read_suite(tmp_path)
    assert (kernel.function, kernel.headline, kernel.mini.sizes) == ("f", True, {"n": 7})
    assert kernel.large.macros == ("N=9",)
    assert kernel.inputs.names == {"A", "x"}
    assert kernel.inputs.ranges["x"] == (0.0, 1.5)


def test_a_folder_without_a_table_has_its_c_files(tmp_path: Path) -> None:
    for name in ("b.c", "a.c", "c.h"):
        (tmp_path / name).write_text("")
    assert [k.name for k in read_suite(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = 2", "schema = 1 is needed"),
        ("schema = ", "suite.toml"),
        ("schema = 1\n[b]\n", "no file b.c"),
        ("schema = 1\n[a]\nspeed = 3\n", "unknown fields speed"),
        ('schema = 1\n[a]\nsizes.mini = { n = "x" }\n', "expected integers"),
        ("schema = 1\n[a]\ninputs.range.x = [1]\n", "expected \\[low, high\\]"),
        ("schema = 1\n[a]\ninputs.odd = [1]\n", "unknown input rules odd"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.c").write_text("")
    (tmp_path / "suite.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_suite(tmp_path)


def test_a_folder_without_kernels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither"):
        read_suite(tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        read_suite(tmp_path / "absent")
