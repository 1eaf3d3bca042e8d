"""Random lifted programs, compiled for several processors, against the evaluation of their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stablehlo_random_programs import SIZES, TYPES, programs

from exalift.affine.algebra import Machine
from exalift.dialects import TensorProgram, evaluate_program
from exalift.dialects.stablehlo import STABLEHLO
from exalift.llvm import Target, host_target, plain_target
from exalift.native import NativeDevice

_MACHINE = Machine()
_TARGETS = {
    "host": host_target(),
    "without avx512f": host_target().without("avx512f"),
    "plain": plain_target(),
}


def _agree(program: TensorProgram, seed: int, sizes: dict[str, int], target: Target, threads: int) -> None:
    generator = np.random.default_rng(seed)
    inputs = {
        argument.name: _MACHINE.random(generator, argument.type.at(sizes), argument.type.dtype)
        for argument in program.arguments
    }
    before = {name: value.copy() for name, value in inputs.items()}
    expected = evaluate_program(program, inputs, sizes, _MACHINE, STABLEHLO)
    compiled = NativeDevice(target, threads).compile_program(program, sizes)
    actual = compiled.run([inputs[argument.name] for argument in program.arguments])
    for result, value in zip(program.results, actual, strict=True):
        right = np.asarray(expected[result.name])
        assert value.shape == right.shape and value.dtype == right.dtype
        assert _MACHINE.equal(right, value, TYPES[result.array].dtype).all(), result.name
    for name, value in inputs.items():
        assert np.array_equal(value, before[name]), "inputs are not written"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), seed=st.integers(0, 99), target=st.sampled_from(sorted(_TARGETS)))
def test_compiled_programs_agree_with_their_formulas(program: TensorProgram, seed: int, target: str) -> None:
    _agree(program, seed, SIZES, _TARGETS[target], 1)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), seed=st.integers(0, 99))
def test_longer_axes_have_vectors_and_rests(program: TensorProgram, seed: int) -> None:
    _agree(program, seed, {"N": 37, "M": 21}, host_target(), 1)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    program=programs(),
    seed=st.integers(0, 99),
    target=st.sampled_from(sorted(_TARGETS)),
    n=st.integers(3, 40),
    m=st.integers(3, 40),
)
def test_many_programs_agree_with_their_formulas(
    program: TensorProgram, seed: int, target: str, n: int, m: int
) -> None:
    _agree(program, seed, {"N": n, "M": m}, _TARGETS[target], 2)
