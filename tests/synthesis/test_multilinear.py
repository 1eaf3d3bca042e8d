from __future__ import annotations

import numpy as np
import pytest

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    evaluate,
)
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.synthesis.multilinear import Multilinear, multilinear

P = 2**31 - 1
SIZES = {"N": 4, "M": 3, "t": 2}
SHAPES = [(4, 3), (3, 4), (4, 3)]
i, j, k = (Affine.symbol(name) for name in "ijk")
AXES = (Axis("i", Affine.symbol("N")), Axis("j", Affine.symbol("M")))
INNER = (Axis("k", Affine.symbol("M")),)
F64 = DType.F64


def load(operand: int, *indices: Affine) -> Load:
    return Load(str(operand), indices, F64)


def apply(function: str, *operands: Expression) -> Apply:
    return Apply(function, operands, F64)


def rebuilt(form: Multilinear, operands: list[np.ndarray]) -> np.ndarray:
    """The value that the terms denote."""
    total = [0] * form.elements
    for term in form.terms:
        for point, (out, coefficient) in enumerate(zip(term.out, term.coefficients, strict=True)):
            value = int(coefficient)
            for factor in term.factors:
                element = int(operands[factor.operand].reshape(-1)[factor.positions[point]])
                value = value * (pow(element, -1, P) if factor.inverted else element) % P
            total[out] = (total[out] + value) % P
    return np.array(total, dtype=np.int64)


LOWER = GuardValue(Guard.of(Constraint(i - j)))
PRODUCT = apply("multiply", load(0, i, k), load(1, k, i))


@pytest.mark.parametrize(
    "body",
    [
        load(0, i - 1, j + 1),
        apply("add", load(0, i, j), apply("negate", load(1, j, i))),
        apply("subtract", apply("multiply", load(0, i, j), Constant(3, F64)), IndexValue(i * 2 - j, F64)),
        apply("multiply", load(0, i, j), load(2, i, j)),
        apply("divide", load(0, i, j), load(2, i, j)),
        apply("select", LOWER, load(0, i, j), load(2, i, j)),
        Reduce("add", INNER, PRODUCT, F64),
        Reduce("add", INNER, PRODUCT, F64, Guard.of(Constraint(k - j - Affine.symbol("t") + 1))),
        apply("add", Reduce("add", INNER, load(1, k, i), F64), load(0, i, j)),
        Cast(Cast(load(0, i, j), DType.F32), F64),
    ],
)
def test_terms_denote_the_formula(body: Expression) -> None:
    field = PrimeField()
    generator = np.random.default_rng(4)
    operands = [field.random(generator, shape, F64) for shape in SHAPES]
    formula = Formula(AXES, body)
    form = multilinear(formula, SHAPES, SIZES, field)
    assert form is not None
    wanted = evaluate(formula, {str(n): v for n, v in enumerate(operands)}, SIZES, field)
    assert np.array_equal(rebuilt(form, operands), wanted.reshape(-1))


@pytest.mark.parametrize(
    "body",
    [
        apply("sqrt", load(0, i, j)),
        apply("maximum", load(0, i, j), load(2, i, j)),
        apply("multiply", load(0, i, j), load(0, i, j)),
        apply("multiply", load(0, i, j), Reduce("add", INNER, load(1, k, i), F64)),
        apply("divide", load(0, i, j), apply("add", load(2, i, j), load(2, i, j))),
        apply("multiply", load(0, i, j), apply("multiply", load(1, j, i), load(2, i, j))),
        apply("add", load(0, i, j), apply("divide", load(2, i, j), load(0, i, j))),
        Reduce("multiply", INNER, load(1, k, i), F64),
        Cast(Load("0", (i, j), DType.I32), F64),
        GuardValue(Guard.of(Constraint(i - j))),
    ],
)
def test_what_is_not_multilinear_is_told_apart(body: Expression) -> None:
    assert multilinear(Formula(AXES, body), SHAPES, SIZES, PrimeField()) is None
