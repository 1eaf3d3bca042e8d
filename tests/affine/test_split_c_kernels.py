"""The suite's C kernels: how many loops stay, and that their regions compute what they do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import pytest
from affine_notation import check_regions, loop_count

from exalift.affine import Program, abstract_sizes, verify_program
from exalift.frontend.c import parse_c

KERNELS = Path(__file__).parents[2] / "benchmarks" / "kernels"
# Loops whose dependences are truly sequential; every other kernel keeps none.
LOOPS = {
    "adi": 5,
    "cholesky": 2,
    "deriche": 4,
    "durbin": 1,
    "fdtd-2d": 1,
    "floyd-warshall": 1,
    "gramschmidt": 1,
    "heat-3d": 1,
    "jacobi-1d": 1,
    "jacobi-2d": 1,
    "lu": 1,
    "ludcmp": 4,
    "nussinov": 2,
    "seidel-2d": 3,
    "trisolv": 1,
}


def small_sizes(program: Program) -> Iterator[dict[str, int]]:
    """Small sizes that the program admits, unlike each other where they can be."""
    names = [size.name for size in program.sizes]
    for start, step in product(range(2, 9), (2, 1, 0)):
        values = {name: start + step * k for k, name in enumerate(names)}
        if program.constraints.at(values) and all(value >= 1 for value in values.values()):
            yield values


@pytest.mark.parametrize("name", sorted(path.stem for path in KERNELS.glob("*.c")))
def test_kernel(name: str) -> None:
    path = KERNELS / f"{name}.c"
    programs = [abstract_sizes(p, {}) for p in parse_c(path.read_text(), str(path))]
    loops = 0
    for program in programs:
        verify_program(program)
        sizes = list(islice(small_sizes(program), 2))
        assert sizes
        loops += loop_count(check_regions(program, *sizes).body)
    assert loops == LOOPS.get(name, 0)
