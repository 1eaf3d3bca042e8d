"""Two solvers: what either knows holds, and where they contradict each other nothing does."""

import logging

import pytest
import z3

from exalift.proof import smt
from exalift.proof.polynomials import REAL, scale
from exalift.proof.second_opinion import cvc5_says, has_cvc5
from exalift.proof.smt import Answer, decide
from exalift.proof.terms import Atom, Terms


def question(build):
    solver = z3.Solver()
    x, y = z3.Reals("x y")
    solver.add(build(x, y))
    return solver.to_smt2()


@pytest.mark.skipif(not has_cvc5(), reason="cvc5 is an optional extra")
def test_cvc5_reads_what_z3_writes():
    assert cvc5_says(question(lambda x, y: x * y != y * x), 20) == "unsat"
    assert cvc5_says(question(lambda x, y: x * y != x), 20) == "sat"
    assert cvc5_says("(assert (no-such-function 1))(check-sat)", 20) == "unknown"


def pair():
    terms = Terms()
    x = terms.term(Atom("variable", REAL, (), ("x", 0)))
    root = terms.function("sqrt", terms.multiply(x, x))
    return terms, root, x


@pytest.mark.parametrize("second", ["sat", "unsat", "unknown"])
def test_a_contradiction_is_unknown_and_logged(monkeypatch, caplog, second):
    """sqrt(x * x) is not x, as z3 sees."""
    monkeypatch.setattr(smt, "has_cvc5", lambda: True)
    monkeypatch.setattr(smt, "cvc5_says", lambda question, timeout_s: second)
    terms, root, x = pair()
    with caplog.at_level(logging.ERROR, "exalift.proof"):
        decision = decide(terms, root, x, 20)
    expected = Answer.UNKNOWN if second == "unsat" else Answer.DIFFERENT
    assert decision.answer is expected
    assert bool(caplog.records) is (second == "unsat")


def test_what_the_first_does_not_know_the_second_may(monkeypatch):
    monkeypatch.setattr(smt, "has_cvc5", lambda: True)
    monkeypatch.setattr(smt, "cvc5_says", lambda question, timeout_s: "unsat")
    monkeypatch.setattr(z3.Solver, "check", lambda self: z3.unknown)
    terms, root, x = pair()
    assert decide(terms, root, scale(x, 2), 20).answer is Answer.EQUAL
