"""No false proof: mutants of target and source of the suite's kernels, as they are lifted."""

import tomllib
from pathlib import Path

import pytest
from mutation import check

from exalift.dialects.stablehlo import STABLEHLO
from exalift.pipeline import Options, lift_program, read_source
from exalift.proof import Level

FOLDER = Path(__file__).parents[2] / "benchmarks" / "kernels"
SUITE = {
    name: row for name, row in tomllib.loads((FOLDER / "suite.toml").read_text()).items() if name != "schema"
}


def lifted_kernel(name):
    source = read_source(FOLDER / f"{name}.c")
    found = lift_program(source, source.parse_only(SUITE[name]["function"]), Options(budget_s=60))
    return found.abstracted, found.program, found.verdict


@pytest.mark.parametrize("name", ["trisolv", "rgb-to-gray", "attention-causal", "gemm"])
def test_no_mutant_of_a_sample_is_proved(name):
    source, lifted, _ = lifted_kernel(name)
    counts = check(source, lifted, STABLEHLO, most=8)
    assert counts.differ and not counts.false


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SUITE))
def test_every_kernel_is_proved_for_all_sizes_and_none_of_its_mutants(name):
    source, lifted, verdict = lifted_kernel(name)
    assert verdict.level is Level.ALL_SIZES
    counts = check(source, lifted, STABLEHLO, most=220)
    print(f"{name}: {counts}")
    assert not counts.false
