"""The level `bounded`: equal for all values of all elements, at every small size.

Each array element is an unknown; both programs are run on the unknowns, and every element of every
result is compared, by normal forms first and by z3 where these differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from exalift.affine.algebra import Machine, Rational, Values
from exalift.base import DType

from .polynomials import Polynomial, constant
from .runs import IllFormed, Inadmissible, OutOfTime, Pair
from .samples import sample
from .sizes import SmallSizes
from .smt import Answer, decide
from .symbolic import Symbolic
from .terms import TermLimit, Terms
from .verdict import Counterexample, Sizes

# One solver query takes at most this long, however much time is left.
_QUERY_S = 3.0
_MOST_MONOMIALS = 2_000_000
# Tuples that stay undecided before the attempt is given up.
_MOST_UNDECIDED = 3
# Random inputs tried where the solver's own show no difference.
_DRAWS = 8

_MACHINE = Machine()


@dataclass
class BoundedOutcome:
    """Sizes at which equality was decided, and what got in the way.

    by_normal_form, by_solver: how many elements each of the two decided.
    undecided: reasons, one a tuple of sizes.
    finished: whether every tuple was looked at; covered: whether those that cover all pairs were.
    """

    sizes: list[Sizes] = field(default_factory=list["Sizes"])
    by_normal_form: int = 0
    by_solver: int = 0
    undecided: list[str] = field(default_factory=list[str])
    inadmissible: int = 0
    counterexample: Counterexample | None = None
    ill_formed: str = ""
    finished: bool = True
    covered: bool = True


def prove_bounded(
    pair: Pair, small: SmallSizes, deadline: float, enough: float = float("inf")
) -> BoundedOutcome:
    """Decide equality at the tuples in order, until one refutes or the deadline passes.

    `enough`: when to stop, once the tuples that cover all pairs are decided.
    Raises UsageError for an op without a formula.
    """
    outcome = BoundedOutcome()
    for position, sizes in enumerate(small.tuples):
        until = deadline if position < small.covering else min(deadline, enough)
        if time.monotonic() > until or len(outcome.undecided) >= _MOST_UNDECIDED:
            outcome.finished, outcome.covered = False, position >= small.covering
            break
        try:
            reason = _decide(pair, sizes, deadline, outcome)
        except Inadmissible:
            outcome.inadmissible += 1
            continue
        except IllFormed as error:
            outcome.ill_formed = str(error)
            break
        except (TermLimit, OutOfTime) as limit:
            if time.monotonic() > deadline:
                outcome.finished, outcome.covered = False, position >= small.covering
                break
            reason = str(limit)
        if outcome.counterexample is not None:
            break
        if reason:
            shown = ", ".join(f"{name} = {value}" for name, value in sizes.items())
            outcome.undecided.append(f"at {shown}: {reason}" if shown else reason)
        else:
            outcome.sizes.append(dict(sizes))
    return outcome


def _decide(pair: Pair, sizes: Sizes, deadline: float, outcome: BoundedOutcome) -> str:
    """Decide one tuple; the reason where that fails, "" where the programs are equal or refuted."""
    terms = Terms(_MOST_MONOMIALS, deadline)
    algebra = Symbolic(terms)
    inputs = {
        array.name: algebra.inputs(array.name, tuple(max(0, e.at(sizes)) for e in array.shape), array.dtype)
        for array in pair.parameters
    }
    expected = pair.run_source(inputs, sizes, algebra)
    actual = pair.run_lifted(inputs, sizes, algebra)
    for name, dtype in pair.observed():
        left, right = expected[name], actual[name]
        if left.shape != right.shape:
            raise IllFormed(f"{name} has shape {right.shape}, expected {left.shape}")
        for place in np.ndindex(*left.shape):
            first, second = _term(left[place], dtype), _term(right[place], dtype)
            if first == second:
                outcome.by_normal_form += 1
                continue
            decision = decide(terms, first, second, min(_QUERY_S, deadline - time.monotonic()))
            if decision.answer is Answer.EQUAL:
                outcome.by_solver += 1
                continue
            element = f"{name}{''.join(f'[{i}]' for i in place)}"
            if decision.answer is Answer.DIFFERENT:
                outcome.counterexample = _confirm(pair, algebra, sizes, decision.values, deadline)
                if outcome.counterexample is not None:
                    return ""
                return f"a counterexample for {element} does not stand up to running both programs"
            return f"the solver cannot decide {element}"
    return ""


def _term(value: object, dtype: DType) -> Polynomial:
    """An element as a term; a known truth value is kept as a bool."""
    if isinstance(value, Polynomial):
        return value
    ring = 0 if dtype is DType.I1 or dtype.is_float else dtype.bits
    return constant(int(bool(value)), ring)


def _confirm(
    pair: Pair,
    algebra: Symbolic,
    sizes: Sizes,
    values: Mapping[int, Fraction | int | bool],
    deadline: float,
) -> Counterexample | None:
    """Run both programs on the solver's inputs, in numbers; elements it does not mention are random."""
    generator = np.random.default_rng(0)
    inputs: dict[str, Values] = {}
    exact = Rational()
    for array in pair.parameters:
        shape = tuple(max(0, extent.at(sizes)) for extent in array.shape)
        contents = exact.random(generator, shape, array.dtype)
        for place in np.ndindex(*shape):
            value = values.get(algebra.variables[array.name, place])
            if value is not None:
                contents[place] = exact.constant(value, array.dtype)[()]
        inputs[array.name] = contents
    found = pair.confirmed_exact(inputs, sizes, deadline)
    # Unknown functions may have led the solver astray; what it saw may still be there for the taking.
    for _ in range(_DRAWS if found is None else 0):
        drawn = sample(pair.parameters, sizes, "scaled", _MACHINE, generator)
        found = found or pair.confirmed(drawn, sizes, deadline, field_differs=True)
    return found
