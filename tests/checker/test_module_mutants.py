"""Mutated modules: none that differs when it is run may be proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from module_mutants import sample
from port_cases import RIGHT, PortCase

from exalift.affine import Program, Role, abstract_sizes, at_sizes, fold_constants, interpret
from exalift.affine.algebra import Machine
from exalift.base import DType, ExaliftError, RefusedError, UsageError
from exalift.checker import CheckOptions, FunctionPort, ModulePort, check_port
from exalift.checker.refuting import first_difference
from exalift.devices import XlaDevice, XlaExecutable
from exalift.pipeline import suggest_sizes
from exalift.proof import Level, Status, size_tuples

IN_CI = ("gemm", "symm", "jacobi_1d", "trisolv", "covariance", "softmax", "overlay")
_MACHINE = Machine()

Sizes = Mapping[str, int]
Inputs = Mapping[str, np.ndarray]


def _differ_on(
    source: Program, executable: XlaExecutable, port: ModulePort, sizes: Sizes, inputs: Inputs
) -> bool:
    """Whether XLA's results on these inputs clearly differ from the source's."""
    match = port.match(source, sizes)
    dtypes = {array.name: array.dtype for array in source.arrays}
    with np.errstate(all="ignore"):
        expected = interpret(at_sizes(source, sizes), inputs, {}, _MACHINE)
    found = executable.run([inputs[name] for name in match.arguments])
    return any(
        first_difference(expected[name], np.asarray(value), dtypes.get(name, DType.I32)) is not None
        for name, value in zip(match.results, found, strict=True)
    )


def _random_inputs(source: Program, sizes: Sizes, seed: int) -> Inputs:
    """Whole numbers, positive where the seed is odd."""
    generator = np.random.default_rng(seed)
    low, high = (1, 6) if seed % 2 else (-3, 4)
    return {
        array.name: np.asarray(
            generator.integers(low, high, tuple(extent.constant for extent in array.shape))
        ).astype(_MACHINE.storage(array.dtype))
        for array in at_sizes(source, sizes).arrays
        if array.role is Role.PARAMETER
    }


def _survey(case: PortCase, count: int, seed: int) -> Counter[str]:
    program = case.program
    known, assumed = suggest_sizes(program, {})
    source = abstract_sizes(fold_constants(program), {**known, **assumed})
    sizes = size_tuples(source, {})[0]
    original = FunctionPort(case.function).trace(source, sizes)
    given = {name: value for name, value in sizes.items() if name in {s.name for s in program.sizes}}
    found: Counter[str] = Counter()
    for text in sample(original.text, count, seed):
        port = ModulePort(text, "mutant.mlir", None, original.names)
        try:
            judgement = check_port(source, port, CheckOptions(sizes=sizes | given, budget_s=10.0))
        except (RefusedError, UsageError):
            found["invalid"] += 1
            continue
        proved = judgement.level is not None and judgement.level.reaches(Level.BOUNDED)
        try:
            executable = XlaDevice().compile(text)
        except ExaliftError:
            found["not compiled"] += 1
            continue
        if judgement.refutation is not None:
            inputs = judgement.refutation.inputs
            assert _differ_on(source, executable, port, sizes, inputs), f"a false refutation:\n{text}"
        drawn = (_random_inputs(source, sizes, seed) for seed in range(6))
        if any(_differ_on(source, executable, port, sizes, inputs) for inputs in drawn):
            found["differs"] += 1
            assert not proved, f"a false proof, {judgement.claim}:\n{text}"
            found["refuted"] += judgement.status is Status.REFUTED
        elif judgement.status is Status.REFUTED:
            found["refuted beyond the sample"] += 1
        else:
            found["proved"] += proved
    return found


@pytest.mark.parametrize("name", IN_CI)
def test_a_sample_of_mutants(name: str) -> None:
    found = _survey(RIGHT[name], 12, 0)
    assert found["differs"] + found["proved"] + found["refuted beyond the sample"] > 0


@pytest.mark.slow
def test_all_mutants() -> None:
    """Prints the counts: `pytest tests/checker/test_module_mutants.py -m slow -s`."""
    total: Counter[str] = Counter()
    for name, case in RIGHT.items():
        found = _survey(case, 20, 1)
        print(f"{name:16} {dict(found)}", flush=True)
        total += found
    print(dict(total))
    assert total["refuted"] > 0.9 * total["differs"]
