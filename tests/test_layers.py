"""The rules of docs/layout.md that import-linter does not hold: who wraps what, and how long files are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "exalift"
FILES = sorted(SOURCE.rglob("*.py"))

# NumPy is everywhere; every other library stands behind the one folder that wraps it.
WRAPPERS = {
    "numpy": ("",),
    "numba": ("synthesis",),
    "pyopencl": ("devices",),
    "wgpu": ("devices",),
    "islpy": ("affine",),
    "llvmlite": ("llvm",),
    "clang": ("frontend/c",),
    "iree": ("devices", "frontend/mlir"),
    "z3": ("proof",),
    "jax": ("devices", "dialects/stablehlo"),
    "jaxlib": ("capsule", "devices", "dialects/stablehlo"),
    "ml_dtypes": ("dialects/stablehlo", "runtime"),
    "cryptography": ("capsule",),
    "msgpack": ("runtime",),
    "matplotlib": ("pipeline",),
    "rich": ("cli",),
    "textual": ("cli/dashboard",),
    "aiohttp": ("runtime/web",),
    "ray": ("runtime/cluster",),
}

# "About 500", says the style; what is far beyond is two things.
LONGEST = 650


def _imports(path: Path) -> set[str]:
    """The top-level names of what a file imports from outside the package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return {name for name in found if name != "exalift" and name not in sys.stdlib_module_names}


def test_a_library_is_imported_where_it_is_wrapped() -> None:
    offences = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in FILES
        for name in sorted(_imports(path))
        if not any(
            path.relative_to(SOURCE).as_posix().startswith(prefix) for prefix in WRAPPERS.get(name, ())
        )
    ]
    assert not offences


def test_no_star_imports_and_no_long_files() -> None:
    offences: list[str] = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if re.search(r"^from .* import \*", text, re.MULTILINE):
            offences.append(f"{path.relative_to(SOURCE)} imports *")
        if len(text.splitlines()) > LONGEST:
            offences.append(f"{path.relative_to(SOURCE)} has {len(text.splitlines())} lines")
    assert not offences


def test_imports_go_down_the_layers() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed: pip install import-linter")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_constraints_are_pins_without_addresses() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line), line
