# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
"""Terms to z3: the one place where the solver is used."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Protocol, cast

import z3

from exalift.base import DType

from .polynomials import REAL, Coefficient, Polynomial
from .second_opinion import cvc5_says, has_cvc5
from .terms import Atom, Terms

_LOG = logging.getLogger("exalift.proof")
_MEMORY_MIB = 1024


class Answer(Enum):
    """What the solver says of two terms. UNKNOWN is neither of the others."""

    EQUAL = "equal for all values"
    DIFFERENT = "different for some values"
    UNKNOWN = "not decided"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer; for DIFFERENT, values of input variables by the number of their atom.

    Unknown functions make the values candidates only, which need to be confirmed by running.
    """

    answer: Answer
    values: dict[int, Fraction | int | bool] = field(default_factory=dict[int, "Fraction | int | bool"])


class Term(Protocol):
    """As much of z3's expressions as is used here; its own types do not say enough."""

    def __add__(self, other: object) -> Term: ...
    def __sub__(self, other: object) -> Term: ...
    def __mul__(self, other: object) -> Term: ...
    def __truediv__(self, other: object) -> Term: ...
    def __gt__(self, other: object) -> Term: ...
    def __lt__(self, other: object) -> Term: ...
    def __ge__(self, other: object) -> Term: ...
    def __and__(self, other: object) -> Term: ...
    def __or__(self, other: object) -> Term: ...
    def __xor__(self, other: object) -> Term: ...
    def __lshift__(self, other: object) -> Term: ...
    def __rshift__(self, other: object) -> Term: ...


def decide(terms: Terms, left: Polynomial, right: Polynomial, timeout_s: float) -> Decision:
    """Whether two terms of one ring are equal for all values of their variables.

    Reals are exact. Functions are arbitrary but the same at equal arguments, and so is `1 / 0`; of
    square roots and exponentials a little more is known. Never raises for what the solver cannot do:
    that is UNKNOWN. Where cvc5 is installed it is asked too; if the two contradict each other the answer
    is UNKNOWN, and an error is logged.
    """
    if left == right:
        return Decision(Answer.EQUAL)
    encoder = _Encoder(terms)
    try:
        first, second = encoder.polynomial(left), encoder.polynomial(right)
        solver = z3.Solver(ctx=encoder.context)
        solver.set("timeout", max(1, int(timeout_s * 1000)))
        solver.set("max_memory", _MEMORY_MIB)
        solver.add(*encoder.axioms, first != second)
        started = time.monotonic()
        said = str(solver.check())
        values = encoder.values(solver.model()) if said == "sat" else {}
        left_s = timeout_s - (time.monotonic() - started)
        said = _agreed(said, cvc5_says(str(solver.to_smt2()), left_s) if has_cvc5() else "unknown")
        if said == "unsat":
            return Decision(Answer.EQUAL)
        if said == "sat":
            return Decision(Answer.DIFFERENT, values)
    except z3.Z3Exception:
        # Out of memory, cancelled, or a value that has no finite form.
        pass
    return Decision(Answer.UNKNOWN)


def _agreed(first: str, second: str) -> str:
    """What two solvers say together: what either knows, unless they contradict each other."""
    if {first, second} == {"sat", "unsat"}:
        _LOG.error("two solvers contradict each other (z3: %s, cvc5: %s); taken as undecided", first, second)
        return "unknown"
    return second if first == "unknown" else first


class _Encoder:
    """Translates atoms in the order of their numbers, so that arguments come first and nothing recurses."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.context = z3.Context()
        self.atoms: dict[int, Term] = {}
        self.axioms: list[Term] = []

    def polynomial(self, term: Polynomial) -> Term:
        needed: set[int] = set()
        pending = [term]
        while pending:
            for number in pending.pop().atoms - needed:
                needed.add(number)
                pending += self.terms.atom_of(number).arguments
        for number in sorted(needed - self.atoms.keys()):
            self.atoms[number] = self.encode(number)
        return self.sum(term)

    def number(self, value: Coefficient, ring: int) -> Term:
        if ring == REAL:
            return cast(Term, z3.RealVal(str(Fraction(value)), self.context))
        return cast(Term, z3.BitVecVal(int(value), ring, self.context))

    def sum(self, term: Polynomial) -> Term:
        """A polynomial over atoms that have been encoded."""
        total: Term | None = None
        zero = self.number(0, term.ring)
        for monomial, coefficient in term.terms.items():
            product: Term = self.number(coefficient, term.ring)
            for atom in monomial:
                if not atom & 1:
                    product = product * self.atoms[atom]
            flags = [self.atoms[atom] for atom in monomial if atom & 1]
            if flags:
                product = self.choose(cast(Term, z3.And(*flags)), product, zero)
            total = product if total is None else total + product
        return zero if total is None else total

    @staticmethod
    def choose(condition: Term, then: Term, otherwise: Term) -> Term:
        return cast(Term, z3.If(condition, then, otherwise))

    def encode(self, number: int) -> Term:
        atom = self.terms.atom_of(number)
        arguments = [self.sum(argument) for argument in atom.arguments]
        match atom.kind:
            case "variable" | "infinity":
                return self.symbol(f"v{number}", atom)
            case "function":
                name = str(atom.data[0])
                result = self.uninterpreted(f"{name}/{len(arguments)}", arguments, REAL)
                self.know(name, arguments, result)
                return result
            case "reciprocal":
                result = self.uninterpreted("reciprocal", arguments, REAL)
                zero, one = self.number(0, REAL), self.number(1, REAL)
                nonzero = arguments[0] != zero
                self.axioms.append(cast(Term, z3.Implies(nonzero, arguments[0] * result == one)))
                return result
            case "positive":
                return arguments[0] > self.number(0, REAL)
            case "zero":
                return cast(Term, arguments[0] == self.number(0, atom.arguments[0].ring))
            case _:
                return self.typed(atom, arguments)

    def know(self, name: str, arguments: list[Term], result: Term) -> None:
        """What is known of a function beyond that it is one; true over the reals, where it is defined."""
        zero = self.number(0, REAL)
        if name == "sqrt":
            (x,) = arguments
            square = cast(Term, z3.And(result >= zero, result * result == x))
            self.axioms.append(cast(Term, z3.Implies(x >= zero, square)))
        elif name == "exponential":
            self.axioms.append(result > zero)

    def symbol(self, name: str, atom: Atom) -> Term:
        if atom.indicator:
            return cast(Term, z3.Bool(name, self.context))
        return cast(Term, z3.Const(name, self.sort(atom.ring)))

    def sort(self, ring: int) -> z3.SortRef:
        return z3.RealSort(self.context) if ring == REAL else z3.BitVecSort(ring, self.context)

    def uninterpreted(self, name: str, arguments: list[Term], ring: int) -> Term:
        sorts = [cast(z3.ExprRef, argument).sort() for argument in arguments]
        if not arguments:
            return cast(Term, z3.Const(name, self.sort(ring)))
        return cast(Term, z3.Function(name, *sorts, self.sort(ring))(*arguments))

    def typed(self, atom: Atom, arguments: list[Term]) -> Term:
        """Atoms that are about integers of some type, and the maximum of reals."""
        if atom.kind in ("maximum", "minimum"):
            return self.extremum(atom, arguments)
        dtype = DType(str(atom.data[0])) if atom.data else DType.I64
        match atom.kind, arguments:
            case "less", (x, y):
                return self.less(x, y, dtype.is_signed)
            case "real", (x,):
                return cast(Term, z3.ToReal(z3.BV2Int(x, dtype.is_signed)))
            case "integer", _:
                return self.uninterpreted(f"integer:{dtype}", arguments, atom.ring)
            case "extend", (x,):
                extend = z3.SignExt if dtype.is_signed else z3.ZeroExt
                return cast(Term, extend(atom.ring - dtype.bits, x))
            case "narrow", (x,):
                return cast(Term, z3.Extract(atom.ring - 1, 0, x))
            case "and", (x, y):
                return x & y
            case "or", (x, y):
                return x | y
            case "xor", (x, y):
                return x ^ y
            case "shift_left", (x, y):
                return x << y
            case "shift_right_arithmetic", (x, y):
                return x >> y
            case "shift_right_logical", (x, y):
                return cast(Term, z3.LShR(x, y))
            case (("divide" | "remainder"), (x, y)):
                return self.quotient(atom, x, y, dtype.is_signed)
            case _:
                return self.uninterpreted(f"{atom.kind}:{dtype}", arguments, atom.ring)

    def quotient(self, atom: Atom, left: Term, right: Term, signed: bool) -> Term:
        """What a division by 0 gives is any function of the dividend: no program may rely on it."""
        zero = self.number(0, atom.ring)
        unknown = self.uninterpreted(f"{atom.kind} by 0:{atom.data[0]}", [left], atom.ring)
        if atom.kind == "divide":
            value = left / right if signed else cast(Term, z3.UDiv(left, right))
        else:
            value = cast(Term, z3.SRem(left, right) if signed else z3.URem(left, right))
        return self.choose(cast(Term, right == zero), unknown, value)

    def less(self, left: Term, right: Term, signed: bool) -> Term:
        return left < right if signed else cast(Term, z3.ULT(left, right))

    def extremum(self, atom: Atom, arguments: list[Term]) -> Term:
        signed = atom.ring == REAL or DType(str(atom.data[0])).is_signed
        result = arguments[0]
        for argument in arguments[1:]:
            pair = (result, argument) if atom.kind == "maximum" else (argument, result)
            result = self.choose(self.less(*pair, signed), argument, result)
        return result

    def values(self, model: z3.ModelRef) -> dict[int, Fraction | int | bool]:
        """Values of the variables; irrational ones are approximated."""
        found: dict[int, Fraction | int | bool] = {}
        for number, term in self.atoms.items():
            if self.terms.atom_of(number).kind != "variable":
                continue
            value = model.eval(cast(z3.ExprRef, term), model_completion=True)
            match value:
                case z3.RatNumRef():
                    found[number] = value.as_fraction()
                case z3.AlgebraicNumRef():
                    found[number] = value.approx(20).as_fraction()
                case z3.BitVecNumRef():
                    found[number] = value.as_long()
                case _:
                    found[number] = z3.is_true(value)
        return found
