"""Hand-written JAX ports of the suite's kernels: right ones are proved, wrong ones refuted."""

from __future__ import annotations

import numpy as np
import pytest
from port_cases import RIGHT, WRONG

from exalift.affine import abstract_sizes
from exalift.base import DType
from exalift.checker import FunctionPort, Refutation
from exalift.checker.refuting import first_difference
from exalift.devices import XlaDevice
from exalift.pipeline import compile_source, suggest_sizes
from exalift.proof import Level, Status

# Cholesky's sums run over elements that the same loop writes.
BOUNDED = {"cholesky"}


def test_there_are_enough() -> None:
    assert len(RIGHT) >= 35
    assert len(WRONG) >= 35


@pytest.mark.parametrize("name", RIGHT)
def test_right_ports_are_proved(name: str) -> None:
    judgement = RIGHT[name].judge()
    assert judgement.status is Status.PROVED, judgement.claim
    assert judgement.level is not None
    assert judgement.level.reaches(Level.BOUNDED if name in BOUNDED else Level.ALL_SIZES), judgement.notes
    assert judgement.exit_status(Level.BOUNDED) == 0


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ports_are_refuted_and_differ_when_run(name: str) -> None:
    judgement = WRONG[name].judge()
    assert judgement.status is Status.REFUTED, judgement.claim
    assert judgement.exit_status(Level.TESTED) == 1
    assert judgement.refutation is not None
    expected, actual = _run_both(name, judgement.refutation)
    result, place = judgement.refutation.result, judgement.refutation.index
    dtype = next((a.dtype for a in WRONG[name].program.arrays if a.name == result), DType.I32)
    assert first_difference(expected, actual, dtype) is not None
    assert expected[place] == pytest.approx(judgement.refutation.expected, rel=1e-4)
    assert actual[place] == pytest.approx(judgement.refutation.actual, rel=1e-4)


def _run_both(name: str, found: Refutation) -> tuple[np.ndarray, np.ndarray]:
    """The compiled C code and the function run by XLA, on the inputs that are said to tell them apart."""
    case = WRONG[name]
    program = case.program
    known, assumed = suggest_sizes(program, {})
    abstracted = abstract_sizes(program, {**known, **assumed})
    sizes = {s.name: found.sizes[s.name] for s in program.sizes}
    # Sizes that are macros are set anew, so that the compiled code has those of the counterexample.
    fixed = [(s.value, found.sizes[s.name]) for s in abstracted.sizes if s.value is not None]
    macros = {key: dict(fixed).get(int(value), int(value)) for key, value in case.defines.items()}
    source = case.source.with_defines(tuple(f"{key}={value}" for key, value in macros.items()))
    native = compile_source(source, source.parse(case.function_name))
    expected = native(found.inputs, sizes, isolated=True)
    native.close()
    port = FunctionPort(case.function).trace(abstracted, found.sizes)
    match = port.match(abstracted, found.sizes)
    values = XlaDevice().compile(port.text).run([found.inputs[n] for n in match.arguments])
    actual = dict(zip(match.results, values, strict=True))
    return expected[found.result], np.asarray(actual[found.result])


@pytest.mark.slow
def test_table_of_ports() -> None:
    """Prints what docs/proof.md has: `pytest tests/checker/test_ports.py -m slow -s -k table`."""
    counts: dict[str, int] = {}
    for name, case in RIGHT.items():
        judgement = case.judge()
        level = str(judgement.level or judgement.status)
        counts[level] = counts.get(level, 0) + 1
        print(f"{name:16} {level:10} {judgement.seconds:5.1f} s")
    print(", ".join(f"{level}: {count}" for level, count in counts.items()))
    refuted = {name: case.judge() for name, case in WRONG.items()}
    for name, judgement in refuted.items():
        print(f"{name:32} {judgement.status} {judgement.seconds:5.1f} s  {judgement.refutation}")
    count = sum(judgement.status is Status.REFUTED for judgement in refuted.values())
    print(f"{count} of {len(refuted)} wrong ports are refuted")
