"""The command line as a whole: finding commands, wrong usage, errors without tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from exalift.cli import main
from exalift.cli.main import COMMANDS


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_nothing_at_all_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert not captured.out and "usage" in captured.err


def test_an_unknown_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lfit"]) == 2
    assert "did you mean lift?" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"exalift {name}" in capsys.readouterr().out


def test_versions_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    versions = json.loads(capsys.readouterr().out)
    assert {"exalift", "python", "jax"} <= versions.keys()


@pytest.mark.parametrize(
    "words",
    [
        ["lift"],
        ["lift", "x.c", "--size", "n"],
        ["lift", "x.c", "--size", "n=ten"],
        ["lift", "x.c", "-D", "1=2"],
        ["lift", "x.c", "--budget", "0"],
        ["lift", "absent.c"],
        ["lift", "README.md"],
        ["check", "x.c", "--seed", "-1"],
        ["run", "x.c", "--seed", "1", "--inputs", "x.npz"],
        ["bench", "absent"],
    ],
)
def test_wrong_usage_has_status_2_and_no_traceback(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err and "Traceback" not in captured.err and not captured.out


def test_it_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exalift", "version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("exalift ")
    assert not done.stderr


def test_help_needs_none_of_the_large_libraries() -> None:
    code = (
        "import sys; from exalift.cli import main; main(['--help']);"
        "sys.exit(any(name in sys.modules for name in ('jax', 'numba', 'islpy', 'z3', 'clang')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0


def test_outputs_of_a_failed_command_are_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "out.mlir"
    output.write_text("precious")
    assert main(["lift", str(tmp_path / "absent.c"), "-o", str(output)]) == 2
    assert output.read_text() == "precious"
