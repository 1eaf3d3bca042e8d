"""Hand-written Linalg modules of the suite's kernels: right ones are proved, wrong ones refuted."""

from __future__ import annotations

import numpy as np
import pytest
from linalg_cases import RIGHT, WRONG

from exalift.base import DType
from exalift.checker import Refutation
from exalift.checker.refuting import first_difference
from exalift.pipeline import compile_source
from exalift.proof import Level, Status

# Two dimensions are one there, and their product is no affine expression.
BOUNDED = {"doitgen"}
# IREE takes tensors only.
NOT_RUN = {"gemm_memory__not_scaled"}


def test_there_are_enough() -> None:
    assert len({case.kernel for case in RIGHT.values()}) >= 15
    assert len(WRONG) >= 20


@pytest.mark.parametrize("name", RIGHT)
def test_right_modules_are_proved(name: str) -> None:
    judgement = RIGHT[name].judge()
    assert judgement.status is Status.PROVED, judgement.claim
    assert judgement.level is not None
    wanted = Level.BOUNDED if name in BOUNDED else Level.ALL_SIZES
    assert judgement.level.reaches(wanted), (judgement.reason, judgement.notes)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_modules_are_refuted_and_differ_when_run(name: str) -> None:
    judgement = WRONG[name].judge()
    assert judgement.status is Status.REFUTED, judgement.claim
    found = judgement.refutation
    assert found is not None
    if name in NOT_RUN:
        return
    expected, actual = _run_both(name, found)
    dtype = next((a.dtype for a in _program(name).arrays if a.name == found.result), DType.I32)
    assert first_difference(expected, actual, dtype) is not None
    assert expected[found.index] == pytest.approx(found.expected, rel=1e-4, nan_ok=True)
    assert actual[found.index] == pytest.approx(found.actual, rel=1e-4, nan_ok=True)


def _program(name: str):
    return WRONG[name].source.parse(WRONG[name].kernel)


def _run_both(name: str, found: Refutation) -> tuple[np.ndarray, np.ndarray]:
    """The compiled C and the module run by IREE, on the inputs that are said to tell them apart."""
    case = WRONG[name]
    program = _program(name)
    native = compile_source(case.source, program)
    expected = native(found.inputs, {s.name: found.sizes[s.name] for s in program.sizes}, isolated=True)
    native.close()
    match = case.port.match(program, found.sizes)
    compiled = case.port.language.compiled(case.text, case.port.signature().name)
    values = compiled.run([found.inputs[n] for n in match.arguments])
    actual = dict(zip(match.results, values, strict=True))
    return expected[found.result], np.asarray(actual[found.result])


@pytest.mark.slow
def test_table_of_linalg_ports() -> None:
    """Prints what docs/proof.md has: `pytest tests/checker/test_linalg_ports.py -m slow -s -k table`."""
    for name, case in RIGHT.items():
        judgement = case.judge()
        print(f"{name:16} {judgement.level or judgement.status} {judgement.seconds:5.1f} s")
    refuted = {name: case.judge() for name, case in WRONG.items()}
    for name, judgement in refuted.items():
        print(f"{name:32} {judgement.status} {judgement.seconds:5.1f} s  {judgement.refutation}")
    count = sum(judgement.status is Status.REFUTED for judgement in refuted.values())
    print(f"{count} of {len(refuted)} wrong modules are refuted")
