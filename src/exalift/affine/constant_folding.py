"""Arithmetic on literals, done as the machine does it: `1.0 / 3.0` is the double next to a third.

A compiler folds such constants with the rounding of their type, so a proof over the reals that takes them
as exact would tell apart two programs that a compiler makes the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from exalift.base import DType

from .algebra.machine import Machine
from .expressions import Apply, Cast, Constant, Expression
from .ir import Program
from .statement_maps import Scope, StatementMap
from .traversal import rewrite

_FOLDED = frozenset({"add", "subtract", "multiply", "divide", "negate"})
_MACHINE = Machine()
_NATIVE = frozenset({DType.F32, DType.F64})

Literal = int | bool | float | Fraction


def fold_literals(function: str, values: Sequence[Literal], dtype: DType) -> Literal | None:
    """A function of floating-point literals, rounded to the type; None for what is not folded."""
    if function not in _FOLDED or dtype not in _NATIVE:
        return None
    with np.errstate(all="ignore"):
        operands = [_MACHINE.constant(value, dtype) for value in values]
        found = float(_MACHINE.apply(function, operands, dtype, dtype)[()])
    return _literal(found) if math.isfinite(found) else None


def _literal(value: float) -> Literal:
    """A finite number as literals are kept; a rational would lose the sign of minus zero."""
    return value if not value and math.copysign(1, value) < 0 else Fraction(value)


def fold_constants(program: Program) -> Program:
    """The program with arithmetic on floating-point literals done."""
    folding = _Folding()
    returns = None if program.returns is None else folding.expression(program.returns, {})
    return replace(program, body=folding.body(program.body), returns=returns)


class _Folding(StatementMap):
    def expression(self, value: Expression, scope: Scope) -> Expression:
        return rewrite(value, _folded)


def _folded(node: Expression) -> Expression:
    match node:
        case Apply(function, operands, dtype):
            literals = [operand.value for operand in operands if isinstance(operand, Constant)]
            if len(literals) == len(operands):
                found = fold_literals(function, literals, dtype)
                return node if found is None else Constant(found, dtype)
        case Cast(Constant(value, before), dtype) if before in _NATIVE and dtype in _NATIVE:
            rounded = float(_MACHINE.constant(value, dtype)[()])
            return Constant(_literal(rounded), dtype) if math.isfinite(rounded) else node
        case _:
            pass
    return node
