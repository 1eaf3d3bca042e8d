"""What the README shows, runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exalift.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})
    assert "stablehlo.dot_general" in capsys.readouterr().out


def test_the_module_shown_is_the_module_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (shown,) = re.findall(r"```mlir\n(.*?)```", README, re.DOTALL)
    assert main(["lift", "examples/symmetric.c", "--size", "m=37", "--size", "n=53", "--quiet"]) == 0
    assert capsys.readouterr().out == shown


def test_the_c_shown_is_the_example() -> None:
    (shown,) = re.findall(r"```c\n(.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "examples" / "symmetric.c").read_text(encoding="utf-8")


def test_the_ports_are_the_example_and_decided_as_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (shown,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "examples" / "ports.py").read_text(encoding="utf-8")
    (session,) = re.findall(r"```\n(\$ exalift verify.*?)```", README, re.DOTALL)
    for part in re.split(r"^\$ exalift ", session, flags=re.MULTILINE)[1:]:
        command, output = part.split("\n", 1)
        assert main(command.split()) == (1 if "careless" in command else 0)
        assert capsys.readouterr().out == output


def test_files_named_in_the_readme_are_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
