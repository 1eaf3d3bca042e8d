"""Random affine programs, without a front end: their regions compute what they compute."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz_ir import SIZES, generate_program
from fuzz_ir_shrink import shrink_program

from exalift.affine import (
    Program,
    Role,
    evaluate_regions,
    interpret,
    print_program,
    split_into_regions,
    verify_program,
)
from exalift.affine.algebra import Machine
from exalift.base import ExaliftError
from exalift.reference import InputRules, compare, random_inputs


def problem(program: Program, seed: int) -> str:
    """Empty where the regions give the program's results at all sizes, else what differs."""
    floats = [a.name for a in program.arrays if a.dtype.is_float and a.role is Role.PARAMETER]
    rules = InputRules(ranges=dict.fromkeys(floats, (-1.5, 1.5)))
    regions = split_into_regions(program)
    for sizes in SIZES:
        inputs = random_inputs(program, sizes, seed, rules)
        with np.errstate(all="ignore"):
            expected = interpret(program, inputs, sizes, Machine())
            actual = evaluate_regions(regions, inputs, sizes, Machine())
        # A sum that a pass reorders rounds relative to the largest number in it, not to its result.
        largest = max([1.5, *(float(np.abs(v).max()) for v in expected.values() if v.dtype.kind == "f")])
        if not largest < 1e200:
            return ""
        for array in program.arrays:
            if array.role is Role.PARAMETER:
                left, right = expected[array.name], actual[array.name]
                found = compare(left, right, array.dtype, allowed=1e-9, scale=largest)
                if not found.within:
                    return f"{array.name} at {sizes}: {found}"
    return ""


def fails(program: Program, seed: int) -> bool:
    """Whether a program that is right by itself goes wrong as regions."""
    try:
        verify_program(program)
        for sizes in SIZES:
            interpret(program, random_inputs(program, sizes, seed), sizes, Machine())
    except (ExaliftError, ValueError, KeyError):
        return False
    try:
        return bool(problem(program, seed))
    except ExaliftError:
        return True


def run(seeds: range) -> None:
    for seed in seeds:
        program = generate_program(seed)
        verify_program(program)
        if fails(program, seed):
            small = shrink_program(program, lambda candidate, seed=seed: fails(candidate, seed), 30.0)
            pytest.fail(
                f"seed {seed}:\n{print_program(small)}\nfrom\n{print_program(program)}", pytrace=False
            )


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_regions_compute_what_the_program_computes(start: int) -> None:
    run(range(start, start + 10))


@pytest.mark.parametrize("seed", [1515, 2047, 2503, 3090, 3931, 4615, 4726, 4954])
def test_programs_that_went_wrong_before(seed: int) -> None:
    run(range(seed, seed + 1))


@pytest.mark.slow
def test_fuzz_regions_by_the_thousand() -> None:
    run(range(1000, 7000))


def test_shrinking_a_program_keeps_what_fails() -> None:
    def reads_b(program: Program) -> bool:
        try:
            verify_program(program)
        except ExaliftError:
            return False
        return "maximum(" in print_program(program)

    program = next(p for p in map(generate_program, range(100)) if reads_b(p) and len(print_program(p)) > 600)
    small = shrink_program(program, reads_b, 20.0)
    assert reads_b(small)
    assert len(print_program(small)) < 150
