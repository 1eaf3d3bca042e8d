"""The real PolyBench/C 4.2.1 sources, where they are present; they are not part of this repository.

The environment variable POLYBENCH_DIR names their folder; without it these tests are skipped.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from c_harness import build, check_program

from exalift.frontend.c import parse_c

FOLDER = os.environ.get("POLYBENCH_DIR", "")
ROOT = Path(FOLDER)
FILES = sorted(
    path
    for path in (ROOT.glob("*/**/*.c") if FOLDER else ())
    if path.with_suffix(".h").exists() and path.parent != ROOT / "utilities"
)
SIZES = ["N", "M", "NI", "NJ", "NK", "NL", "NM", "NR", "NQ", "NP", "W", "H", "NX", "NY", "TSTEPS", "TMAX"]

pytestmark = pytest.mark.skipif(not FILES, reason="set POLYBENCH_DIR to the folder of PolyBench/C 4.2.1")


def _kernel(text: str) -> str:
    found = re.search(r"void (kernel_\w+)", text)
    assert found is not None
    return found[1]


def _small(path: Path) -> list[str]:
    header = path.with_suffix(".h").read_text()
    used = [name for name in SIZES if re.search(rf"defined\({name}\)", header)]
    return [f"{name}={position % 4 + 6}" for position, name in enumerate(used)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "option", ["POLYBENCH_USE_SCALAR_LB", "DATA_TYPE_IS_FLOAT", "POLYBENCH_USE_C99_PROTO"]
)
def test_kernels_like_gcc(path: Path, option: str) -> None:
    text = path.read_text()
    folders = [str(ROOT / "utilities"), str(path.parent)]
    defines = [*_small(path), option]
    (program,) = parse_c(
        text, str(path), function=_kernel(text), include_directories=folders, defines=defines
    )
    flags = [*(f"-D{define}" for define in defines), *(f"-I{folder}" for folder in folders)]
    library = build(text, program.name, flags=[*flags, str(ROOT / "utilities" / "polybench.c")])
    check_program(library, program, rounds=1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_large_sizes(path: Path) -> None:
    text = path.read_text()
    folders = [str(ROOT / "utilities"), str(path.parent)]
    (program,) = parse_c(
        text, str(path), function=_kernel(text), include_directories=folders, defines=["LARGE_DATASET"]
    )
    assert program.constraints.disjuncts[0], "the extents are fixed and the loops are not"
    names = {name for constraint in program.constraints.disjuncts[0] for name in constraint.expression.names}
    assert names <= {size.name for size in program.sizes}
