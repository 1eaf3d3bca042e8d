"""The level `tested`: equal on many inputs, at several sizes, in several algebras.

Its other use is to refute quickly. The prime field finds differences that machine numbers hide in
rounding, but obeys no law of square roots or of order; so what it finds is a reason to look closely,
and only a difference between exact rationals, or a clear one between machine results, refutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from exalift.affine.algebra import Machine, PrimeField, Rational

from .runs import IllFormed, Inadmissible, OutOfTime, Pair
from .samples import STYLES, sample
from .verdict import Counterexample, Sizes

_MACHINE, _FIELD, _RATIONAL = Machine(), PrimeField(), Rational()
# Draws that have to agree before a difference in the prime field is put down to the field.
_DRAWS = 4


@dataclass
class TestOutcome:
    """What the tests found: sizes at which all runs agreed, and the first confirmed difference.

    suspicions: runs in which only the prime field told the programs apart.
    ill_formed: why the lifted program could not run at some sizes at which the source could.
    finished: whether time sufficed for all tuples.
    """

    sizes: list[Sizes] = field(default_factory=list["Sizes"])
    runs: int = 0
    suspicions: int = 0
    counterexample: Counterexample | None = None
    ill_formed: str = ""
    inadmissible: str = ""
    finished: bool = True


def run_tests(pair: Pair, tuples: Sequence[Sizes], seed: int, deadline: float) -> TestOutcome:
    """Test at every tuple of sizes until something differs or the deadline (monotonic clock) passes.

    Raises UsageError for an op without a formula.
    """
    outcome = TestOutcome()
    for position, sizes in enumerate(tuples):
        generator = np.random.default_rng([seed, position])
        try:
            found = _test(pair, sizes, generator, deadline, outcome)
        except Inadmissible as reason:
            outcome.inadmissible = str(reason)
            continue
        except IllFormed as reason:
            outcome.ill_formed = f"at {_shown(sizes)}: {reason}"
            break
        except OutOfTime:
            outcome.finished = False
            break
        if found is not None:
            outcome.counterexample = found
            break
        outcome.sizes.append(dict(sizes))
    return outcome


def _test(
    pair: Pair, sizes: Sizes, generator: np.random.Generator, deadline: float, outcome: TestOutcome
) -> Counterexample | None:
    field_differs = False
    for style in ("normal", "normal", "ties"):
        inputs = sample(pair.parameters, sizes, style, _FIELD, generator)
        outcome.runs += 1
        if pair.difference(inputs, sizes, _FIELD, deadline) is not None:
            field_differs = True
            break
    if field_differs:
        found = _look_closely(pair, sizes, generator, deadline)
        if found is not None:
            return found
        outcome.suspicions += 1
    for style in STYLES:
        inputs = sample(pair.parameters, sizes, style, _MACHINE, generator)
        outcome.runs += 1
        if pair.difference(inputs, sizes, _MACHINE, deadline) is not None:
            found = pair.confirmed(inputs, sizes, deadline, field_differs=field_differs)
            if found is not None:
                return found
    return None


def _look_closely(
    pair: Pair, sizes: Sizes, generator: np.random.Generator, deadline: float
) -> Counterexample | None:
    """Try to turn a difference in the prime field into one between numbers."""
    for draw in range(_DRAWS):
        style = "ties" if draw % 2 else "normal"
        inputs = sample(pair.parameters, sizes, style, _RATIONAL, generator)
        found = pair.confirmed_exact(inputs, sizes, deadline)
        if found is not None:
            return found
    for style in STYLES:
        inputs = sample(pair.parameters, sizes, style, _MACHINE, generator)
        found = pair.confirmed(inputs, sizes, deadline, field_differs=True)
        if found is not None:
            return found
    return None


def _shown(sizes: Sizes) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())
