"""Random functions: what the front end takes must compute what gcc's code computes."""

from __future__ import annotations

import pytest
from c_fuzz import Fuzzer
from c_harness import build, check_program

from exalift.base import RefusedError
from exalift.frontend.c import parse_c

BATCH = 20


def _run(first: int) -> int:
    """A batch of functions in one file; how many of them were refused."""
    seeds = range(first, first + BATCH)
    texts = {seed: Fuzzer(seed).function().replace("void f(", f"void f{seed}(") for seed in seeds}
    library = build("\n".join(texts.values()), f"f{first}")
    refused = 0
    for seed, text in texts.items():
        try:
            (program,) = parse_c(text, "fuzz.c")
        except RefusedError:
            refused += 1
            continue
        check_program(library, program, rounds=2, seed=seed)
    return refused


@pytest.mark.parametrize("first", range(0, 2 * BATCH, BATCH))
def test_random_functions_like_gcc(first: int) -> None:
    assert _run(first) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, BATCH))
def test_many_random_functions_like_gcc(first: int) -> None:
    assert _run(first) <= 5
