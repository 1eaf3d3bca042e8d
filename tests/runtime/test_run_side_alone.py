"""A machine that only runs needs no C parser, no solver and no isl."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from exalift.base import read_arrays

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "capsule" / "samples" / "format-1.xcap"

# Refuses to import what the extra `run` does not bring, as a machine does that has none of it.
BLOCKED = """
import sys
from importlib.abc import MetaPathFinder

ABSENT = {"clang", "z3", "islpy", "numba", "llvmlite", "matplotlib"}
ABSENT |= {"iree", "pyopencl", "wgpu", "textual", "aiohttp", "ray"}

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from exalift.cli import main
status = main(sys.argv[1:])
compile_side = ("affine", "dialects", "frontend", "proof", "reference", "synthesis", "pipeline")
loaded = [name for name in sys.modules if name.split(".")[:1] == ["exalift"]]
assert not [name for name in loaded if len(name.split(".")) > 1 and name.split(".")[1] in compile_side]
sys.exit(status)
"""


def test_a_capsule_runs_without_the_compile_side(tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    assert alone("run", str(SAMPLE), "--seed", "1", "-o", str(out)).returncode == 0
    assert read_arrays(out).keys() == {"x", "total"}
    shown = alone("capsule", "show", str(SAMPLE.with_name("format-2.xcap")))
    assert shown.returncode == 0 and "iree is not installed" in shown.stdout
    again = tmp_path / "again.xcap"
    packed = alone("pack", str(SAMPLE), "-o", str(again))
    assert packed.returncode == 0 and again.read_bytes() == SAMPLE.read_bytes()
    asked = alone("pack", str(SAMPLE), "--cache", "iree-cpu", "-o", str(again))
    assert asked.returncode != 0 and "iree is not installed" in asked.stderr


def alone(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line on such a machine."""
    command = [sys.executable, "-c", BLOCKED, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_run_extra_installs_and_runs_alone(tmp_path: Path) -> None:
    """Needs a package index, or a cache of one."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{ROOT}[run]"]
    subprocess.run(install, check=True)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True)
    for absent in ("libclang", "z3-solver", "islpy", "numba", "matplotlib"):
        assert absent not in listed.stdout
    out = tmp_path / "out.npz"
    exalift = tmp_path / "env" / "bin" / "exalift"
    subprocess.run([exalift, "run", SAMPLE, "--seed", "1", "-o", out, "--quiet"], check=True, cwd=tmp_path)
    again = tmp_path / "again.npz"
    here = [sys.executable, "-m", "exalift", "run", SAMPLE, "--seed", "1", "-o", again, "--quiet"]
    subprocess.run(here, check=True)
    for name, value in read_arrays(out).items():
        np.testing.assert_array_equal(value, read_arrays(again)[name])
    refused = subprocess.run([exalift, "lift", SAMPLE], capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "not installed as a whole" in refused.stderr
