"""The value of a normal form at given inputs, worked out here independently of prover and solver."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from exalift.affine.algebra import apply_integer, wrap_integer
from exalift.base import DType


def value_of(term, terms, inputs):
    """The number that a polynomial takes; `inputs` by number of the variable's atom."""
    values = dict(inputs)
    needed, pending = set(), [term]
    while pending:
        for number in pending.pop().atoms - needed:
            needed.add(number)
            pending += terms.atom_of(number).arguments
    for number in sorted(needed - values.keys()):
        atom = terms.atom_of(number)
        values[number] = _atom(atom, [_polynomial(argument, values) for argument in atom.arguments])
    return _polynomial(term, values)


def _polynomial(term, values):
    total = Fraction(0) if not term.ring else 0
    for monomial, coefficient in term.terms.items():
        total += coefficient * math.prod((values[atom] for atom in monomial), start=1)
    return total % 2**term.ring if term.ring else total


def _atom(atom, arguments):
    dtype = DType(str(atom.data[0])) if atom.data else None
    if dtype is not None:
        arguments = [wrap_integer(int(x), dtype) if atom.kind != "integer" else x for x in arguments]
    match atom.kind:
        case "infinity":
            return math.inf
        case "reciprocal":
            return 1 / Fraction(arguments[0]) if arguments[0] else Fraction(0)
        case "positive":
            return int(arguments[0] > 0)
        case "zero":
            return int(arguments[0] == 0)
        case "less":
            return int(arguments[0] < arguments[1])
        case "maximum":
            return max(arguments)
        case "minimum":
            return min(arguments)
        case "real":
            return Fraction(arguments[0])
        case "integer":
            return wrap_integer(math.trunc(arguments[0]), dtype)
        case "extend" | "narrow":
            return arguments[0] % 2**atom.ring
        case _:
            native = np.dtype(dtype.numpy_name)
            operands = [np.asarray(x, native) for x in arguments]
            return int(apply_integer(atom.kind, operands, dtype))
