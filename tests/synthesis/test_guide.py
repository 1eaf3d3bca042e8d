from __future__ import annotations

from toy_dialect import TOY

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constraint,
    Formula,
    Guard,
    IndexValue,
    Load,
    Reduce,
)
from exalift.affine.algebra import PrimeField
from exalift.base import DType
from exalift.dialects import ArrayValue, Hints, TensorType
from exalift.synthesis.bank import Bank
from exalift.synthesis.enumerate import boxes
from exalift.synthesis.environment import Environment
from exalift.synthesis.guide import Guide, features
from exalift.synthesis.pool import Pool
from exalift.synthesis.search import Goal, SearchOptions, search
from exalift.synthesis.statistics import Statistics

N, M = Affine.symbol("N"), Affine.symbol("M")
I_AXIS, J_AXIS = Axis("i", N), Axis("j", M)
i, j = Affine.symbol("i"), Affine.symbol("j")


def load(*indices: Affine) -> Load:
    return Load("A", indices, DType.F64)


def test_accesses_have_names() -> None:
    both = (I_AXIS, J_AXIS)
    assert features(Formula(both, load(i, j))) == frozenset()
    assert features(Formula(both, load(j, i))) == {"reordered"}
    assert features(Formula(both, load(i))) == {"broadcast"}
    assert features(Formula((I_AXIS,), load(i, i))) == {"diagonal"}
    assert features(Formula((I_AXIS,), load(i + 1))) == {"shifted"}
    assert features(Formula((I_AXIS,), load(N - 1 - i))) == {"reversed"}
    assert features(Formula((I_AXIS,), load(i * 2))) == {"strided"}
    assert features(Formula((I_AXIS,), load(i // 2))) >= {"divided"}
    assert features(Formula(both, load(i + j))) == {"mixed"}
    assert features(Formula((I_AXIS,), load(i, Affine.of(0)))) == {"fixed"}


def test_computations_have_names() -> None:
    guard = Guard.of(Constraint(i - j))
    body = Reduce("maximum", (J_AXIS,), Apply("sqrt", (load(i, j),), DType.F64), DType.F64, guard)
    assert features(Formula((I_AXIS,), body)) == {"reduce maximum", "guard", "function sqrt"}
    index = Cast(IndexValue(i, DType.I64), DType.F64)
    assert features(Formula((I_AXIS,), index)) == {"index", "cast"}


def test_a_guide_orders_and_does_not_remove() -> None:
    goal = Formula((I_AXIS, J_AXIS), Apply("add", (load(i, j), load(i, j)), DType.F64))
    guide = Guide.of([goal])
    bank = Bank(Environment({"N": 3, "M": 5}, PrimeField(), seed=2), TOY)
    entry = bank.seed(ArrayValue("A", TensorType((N, M), DType.F64)))
    grammar, pool = bank.grammar(Hints(extents=(N, M))), Pool(bank, [entry])
    likely = {b.signature.definition.name for b in boxes(grammar, pool, 1, guide, Statistics())}
    every = {b.signature.definition.name for b in boxes(grammar, pool, 1, None, Statistics())}
    assert likely == {"toy.add", "toy.transpose"}
    assert likely < every
    # A goal that the guide did not foresee is found all the same.
    root = bank.environment.algebra.apply("sqrt", (entry.values,), DType.F64, DType.F64)
    result = search(bank, Goal(entry.type, root), SearchOptions(max_level=2, guide=guide), None, [entry])
    assert result.node is not None


def test_a_guide_learns_that_an_op_is_unlikely() -> None:
    guide = Guide(frozenset({"function add"}))
    bank = Bank(Environment({"N": 3, "M": 5}, PrimeField(), seed=2), TOY)
    definition = TOY["toy.sqrt"]
    assert guide.definition(definition)
    for number in range(20):
        type = TensorType((N + number,), DType.F64)
        for signature in bank.grammar(Hints()).over((type,)).signatures:
            guide.signature(signature)
    assert not guide.definition(definition)
    assert guide.definition(TOY["toy.add"])
