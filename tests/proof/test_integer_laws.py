"""Integers of all types against their near misses: what is proved is so when it is run."""

import random

import numpy as np
import pytest
from random_integers import TYPES, expression, lifted_of, partner, source_of

from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import STABLEHLO
from exalift.proof.all_sizes import prove_all_sizes

_MACHINE = Machine()


def inputs_of(generator, size):
    """Numbers of all types, the least and the greatest among them."""
    found = {}
    for dtype in TYPES:
        signed = dtype.is_signed
        low, high = (-(1 << (dtype.bits - 1)), 1 << (dtype.bits - 1)) if signed else (0, 1 << dtype.bits)
        wide = generator.integers(low, high, size, dtype=np.int64 if signed else np.uint64)
        edges = np.array([low, low + 1, high - 1, high - 2, 0, 1, 2, 3, 8, 127], dtype=wide.dtype)
        values = np.where(generator.random(size) < 0.4, generator.choice(edges, size), wide)
        found[f"a_{dtype}"] = _MACHINE.cast(values, DType.I64 if signed else DType.UI64, dtype)
    return found


def disagree(left, right):
    """Whether two lifted programs differ on numbers that include all the edges."""
    size = 4000
    inputs = inputs_of(np.random.default_rng(0), size)
    inputs["y"] = _MACHINE.index(np.zeros(size, np.int64), left.results[0].type.dtype)
    sizes = {"N": size}
    with np.errstate(all="ignore"):
        one, other = (evaluate_program(p, inputs, sizes, _MACHINE, STABLEHLO)["y"] for p in (left, right))
    return bool((one != other).any())


def run(seed, count):
    """Proved and differing pairs of `count` random ones."""
    generator = random.Random(seed)
    proved = differing = 0
    for _ in range(count):
        value = expression(generator, generator.choice(TYPES), 3)
        other = partner(generator, value)
        source = source_of(value)
        target = lifted_of(source, other)
        different = disagree(lifted_of(source, value), target)
        outcome = prove_all_sizes(source, target, STABLEHLO, budget_s=5)
        proved += outcome.proved
        differing += different
        assert not (outcome.proved and different), f"{value}\n{other}"
    return proved, differing


def test_no_near_miss_of_integer_arithmetic_is_proved():
    proved, differing = run(0, 150)
    assert proved > 20 and differing > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_no_near_miss_of_more_integer_arithmetic_is_proved(seed):
    proved, differing = run(seed, 1000)
    print(f"{differing} of 1000 pairs differ, none of them proved; {proved} proved")
