"""Lifted programs run by their ops' formulas, with a dialect of three ops made here."""

import numpy as np
import pytest

from exalift.affine import Affine, Apply, Axis, Formula, Load
from exalift.affine.algebra import Machine, PrimeField
from exalift.base import DType, UsageError, VerificationError
from exalift.dialects import (
    Argument,
    ArrayValue,
    ConstantValue,
    Dialect,
    IndexScalar,
    OpDefinition,
    Operation,
    Result,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    evaluate_node,
    evaluate_program,
)

F, MACHINE = DType.F64, Machine()
N, ROW = Affine.symbol("N"), Affine.symbol("i")
VECTOR, SCALAR = TensorType((N,), F), TensorType((), F)


def _add(types, attributes, result):
    axes = tuple(Axis(f"d{k}", extent) for k, extent in enumerate(result.shape))
    names = tuple(Affine.symbol(axis.name) for axis in axes)
    return Formula(axes, Apply("add", tuple(Load(str(k), names, F) for k in range(2)), F))


def _splat(types, attributes, result):
    return Formula((Axis("d0", result.shape[0]),), Load("0", (), types[0].dtype))


def _shift(types, attributes, result):
    offset = dict(attributes)["by"]
    return Formula((Axis("d0", result.shape[0]),), Load("0", (Affine.symbol("d0") - offset,), F))


TOY = Dialect(
    "toy",
    (
        OpDefinition("toy.add", 2, lambda types, _: types[0], _add),
        OpDefinition("toy.splat", 1, lambda types, _: VECTOR, _splat),
        OpDefinition("toy.shift", 1, lambda types, _: types[0], _shift),
        OpDefinition("toy.opaque", 1, lambda types, _: types[0], None),
    ),
)
X = ArrayValue("x", VECTOR)
RESULTS = (Result("out", "x", VECTOR),)


def add(left, right):
    return Operation("toy.add", (left, right), (), left.type)


def shift(operand, by):
    return Operation("toy.shift", (operand,), (("by", Affine.of(by)),), operand.type)


def splat(operand):
    return Operation("toy.splat", (operand,), (), VECTOR)


def test_a_shared_node_is_evaluated_once():
    node = X
    for _ in range(50):
        node = add(node, node)
    result = evaluate_node(node, {"x": np.ones(3)}, {"N": 3}, MACHINE, TOY)
    assert result.tolist() == [2.0**50] * 3


def test_leaves_take_sizes_and_induction_variables():
    index = IndexScalar(N * 2 - ROW, SCALAR)
    node = add(splat(index), splat(ConstantValue(1, SCALAR)))
    assert evaluate_node(node, {}, {"N": 3, "i": 1}, MACHINE, TOY).tolist() == [6, 6, 6]
    field = evaluate_node(node, {}, {"N": 3, "i": 8}, PrimeField(), TOY)
    assert field.tolist() == [2**31 - 2] * 3


def program(*body, results=RESULTS, local=()):
    return TensorProgram("f", "toy", ("N",), (Argument("x", VECTOR),), tuple(local), tuple(body), results)


def test_updates_run_in_order_and_loops_carry_state():
    """y = sum over i < N of (x shifted by i); then x = x + y."""
    y = ArrayValue("y", VECTOR)
    gather = Update("y", add(y, shift(X, ROW)))
    loop = TensorLoop("i", (Affine.of(0),), (N, N + 3), (gather,))
    code = program(
        loop,
        Update("x", add(X, y)),
        results=(Result("out", "x", VECTOR), Result("sum", "y", VECTOR)),
        local=(Argument("y", VECTOR),),
    )
    given = np.arange(1.0, 5)
    results = evaluate_program(code, {"x": given, "unused": given}, {"N": 4}, MACHINE, TOY)
    assert results["sum"].tolist() == [1, 3, 6, 10] and results["out"].tolist() == [2, 5, 9, 14]
    assert given.tolist() == [1, 2, 3, 4]


def test_loops_nest_and_may_be_empty():
    inner = TensorLoop("j", (ROW,), (N,), (Update("x", add(X, splat(ConstantValue(1, SCALAR)))),))
    code = program(TensorLoop("i", (Affine.of(0),), (N,), (inner,)))
    assert evaluate_program(code, {"x": np.zeros(4)}, {"N": 4}, MACHINE, TOY)["out"].tolist() == [10] * 4
    empty = program(TensorLoop("i", (N,), (Affine.of(0),), (inner,)))
    assert evaluate_program(empty, {"x": np.zeros(4)}, {"N": 4}, MACHINE, TOY)["out"].tolist() == [0] * 4


def test_errors_name_what_is_wrong():
    code = program(Update("x", add(X, X)))
    with pytest.raises(UsageError, match="no value for the size 'N'"):
        evaluate_program(code, {"x": np.zeros(4)}, {}, MACHINE, TOY)
    with pytest.raises(UsageError, match="no input for 'x'"):
        evaluate_program(code, {}, {"N": 4}, MACHINE, TOY)
    with pytest.raises(UsageError, match=r"shape \(3,\), expected \(4,\)"):
        evaluate_program(code, {"x": np.zeros(3)}, {"N": 4}, MACHINE, TOY)
    with pytest.raises(VerificationError, match="'x' is given shape"):
        evaluate_program(
            program(Update("x", ConstantValue(1, SCALAR))), {"x": np.zeros(4)}, {"N": 4}, MACHINE, TOY
        )
    for name, message in [("toy.opaque", "has no formula for"), ("toy.absent", "does not define")]:
        with pytest.raises(UsageError, match=message):
            evaluate_node(Operation(name, (X,), (), VECTOR), {"x": np.zeros(4)}, {"N": 4}, MACHINE, TOY)
