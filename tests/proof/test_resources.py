"""Programs made to blow the prover up: it ends, with a reason, near its budget and in little memory."""

import resource
import time

import pytest
from proof_kernels import F, N, add, array_of, call, i, lifted, load, loop, mul, number, program, store

from exalift.affine import Array, Constraint, Guard, GuardValue
from exalift.base import DType
from exalift.dialects import Update
from exalift.dialects.stablehlo import STABLEHLO, op
from exalift.proof import Level, prove
from exalift.proof.all_sizes import prove_all_sizes

BUDGET_S = 2.0
# Slow machines and single steps of isl and z3: a hang would take for ever.
LONGEST_S = 90.0
MOST_BYTES = 4 << 30


def elementwise(value, names="abcdefgh"):
    arrays = [Array(name, F, (N,)) for name in names] + [Array("y", F, (N,))]
    return program("large", arrays, [loop("i", 0, "N", store("y", [i], value))])


def product_of_sums(factors=16):
    """(a + b)(c + d)... multiplied out has 2^16 terms."""
    value = number(1.0)
    for k in range(factors):
        pair = "abcdefgh"[2 * k % 8 : 2 * k % 8 + 2]
        value = mul(value, add(load(pair[0], i), load(pair[1], i)))
    return value


def nested_maxima(depth=10):
    value = load("a", i)
    for k in range(depth):
        other = load("bcdefgh"[k % 7], i)
        value = call("maximum", mul(value, other), add(value, call("sqrt", value)))
    return value


def many_cases(count=9):
    """Selects on remainders by different numbers: 2^9 cases, of which none is a simple set."""
    value = load("a", i)
    for k in range(count):
        rest = i * (k + 2) % (2 * k + 3)
        guard = Guard.of(Constraint(rest - k))
        value = call("select", GuardValue(guard), call("sqrt", value), mul(value, load("b", i)))
    return value


@pytest.mark.parametrize("build", [product_of_sums, nested_maxima, many_cases])
def test_large_programs_end_near_the_budget(build):
    value = build()
    source = elementwise(value)
    # Not the same, so that no early equality saves the day.
    a, y = array_of(source, "a"), array_of(source, "y")
    target = lifted(source, [Update("y", op("add", a, y))])
    started = time.monotonic()
    outcome = prove_all_sizes(source, target, STABLEHLO, budget_s=BUDGET_S)
    assert not outcome.proved and outcome.reason
    verdict = prove(source, target, STABLEHLO, budget_s=BUDGET_S)
    assert verdict.level in (None, Level.TESTED)
    assert time.monotonic() - started < LONGEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST_BYTES


def test_hard_questions_for_the_solver_end_near_the_budget():
    """64-bit division and its inverse, over three unknowns."""
    arrays = [Array(name, DType.I64, (N,)) for name in "aby"]
    a, b = (load(name, i, dtype=DType.I64) for name in "ab")
    value = call("add", mul(call("divide", mul(a, b), b), b), call("remainder", mul(a, a, b), b))
    source = program("hard", arrays, [loop("i", 0, "N", store("y", [i], value))])
    left, right = (array_of(source, name) for name in "ab")
    target = lifted(source, [Update("y", op("multiply", left, op("multiply", right, left)))])
    started = time.monotonic()
    prove(source, target, STABLEHLO, budget_s=BUDGET_S)
    assert time.monotonic() - started < LONGEST_S
