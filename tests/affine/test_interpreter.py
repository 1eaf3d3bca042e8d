import numpy as np
import pytest

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Assign,
    Axis,
    Constant,
    Constraint,
    Guard,
    GuardValue,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Reduce,
    Role,
    Size,
    interpret,
)
from exalift.affine.algebra import Machine, PrimeField, Rational
from exalift.base import DType, Span, UsageError, VerificationError

F, MACHINE = DType.F64, Machine()
ROW, J, N = (Affine.symbol(name) for name in "ijN")
HERE = Span("f.c", 7, 5, 7, 9)
SIZES = (Size("N"),)


def load(array, *indices, dtype=F):
    return Load(array, tuple(Affine.of(index) for index in indices), dtype)


def add(left, right, dtype=F):
    return Apply("add", (left, right), dtype)


def assign(array, indices, value):
    return Assign(array, tuple(Affine.of(index) for index in indices), value, HERE)


def loop(iv, lower, upper, *body):
    return Loop(iv, (Affine.of(lower),), (Affine.of(upper),), body)


def program(arrays, body, returns=None, sizes=SIZES):
    names = tuple(s.name for s in sizes) + tuple(a.name for a in arrays if a.role is Role.PARAMETER)
    return Program("f", names, sizes, tuple(arrays), tuple(body), returns)


def test_statements_run_in_order():
    """A prefix sum: each iteration reads what the one before it wrote."""
    body = loop("i", 1, "N", assign("x", [ROW], add(load("x", ROW), load("x", ROW - 1))))
    given = np.arange(5.0)
    results = interpret(program([Array("x", F, (N,))], [body]), {"x": given}, {"N": 5}, MACHINE)
    assert results["x"].tolist() == [0, 1, 3, 6, 10] and given.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("algebra", [Machine(), PrimeField(), Rational()], ids=lambda a: a.name)
def test_triangles_bounds_and_conditions(algebra):
    """Loops with several bounds, floor divisions in subscripts, an if with an else."""
    lower = (ROW, Affine.of(2))
    upper = (N, ROW + 3)
    guard = Guard.of(Constraint(J % 2, equality=True))
    inner = If(guard, (assign("a", [ROW, J // 2], Constant(1, F)),), (assign("b", [ROW, J], Constant(2, F)),))
    body = loop("i", 0, "N", Loop("j", lower, upper, (inner,)))
    n = 6
    expected = {name: np.zeros((n, n), int) for name in "ab"}
    for i in range(n):
        for j in range(max(i, 2), min(n, i + 3)):
            if j % 2 == 0:
                expected["a"][i, j // 2] = 1
            else:
                expected["b"][i, j] = 2
    arrays = [Array(name, F, (N, N), Role.LOCAL) for name in "ab"]
    results = interpret(program(arrays, [body]), {}, {"N": n}, algebra)
    for name in "ab":
        assert algebra.equal(results[name], algebra.index(expected[name], F), F).all()


def test_returns_and_scalars():
    scalar = Array("s", F, ())
    body = loop("i", 0, "N", assign("s", [], add(load("s"), Constant(2, F))))
    results = interpret(program([scalar], [body], load("s")), {"s": np.asarray(1.0)}, {"N": 3}, MACHINE)
    assert results["return"] == 7 and results["return"].shape == () and results["s"] == 7


def test_an_operand_that_is_not_taken_is_not_evaluated():
    """x[i] = i > 0 ? x[i-1] : 5, as a select whose other operand would be out of bounds."""
    positive = GuardValue(Guard.of(Constraint(ROW - 1)))
    value = Apply("select", (positive, load("x", ROW - 1), Constant(5, F)), F)
    nested = Apply("select", (positive, value, add(value, Constant(1, F))), F)
    body = loop("i", 0, "N", assign("x", [ROW], nested))
    results = interpret(program([Array("x", F, (N,))], [body]), {"x": np.zeros(3)}, {"N": 3}, MACHINE)
    assert results["x"].tolist() == [6, 6, 6]


def test_selects_that_share_their_operands_do_not_blow_up():
    condition = Apply("compare_gt", (load("x", ROW), Constant(0, F)), DType.I1)
    value = load("x", ROW)
    for _ in range(300):
        value = Apply("select", (condition, add(value, Constant(1, F)), add(value, Constant(-1, F))), F)
    body = loop("i", 0, "N", assign("x", [ROW], value))
    results = interpret(
        program([Array("x", F, (N,))], [body]), {"x": np.array([1.0, -1.0])}, {"N": 2}, MACHINE
    )
    assert results["x"].tolist() == [301, -301]


def test_deep_expressions_do_not_recurse():
    value = load("x", 0)
    for _ in range(20_000):
        value = add(value, Constant(1, F))
    results = interpret(
        program([Array("x", F, (N,))], [assign("x", [0], value)]), {"x": np.zeros(1)}, {"N": 1}, MACHINE
    )
    assert results["x"].tolist() == [20_000]


def test_reductions_inside_expressions():
    guard = Guard.of(Constraint(ROW - J))
    total = Reduce("add", (Axis("j", N),), load("x", J), F, guard)
    body = loop("i", 0, "N", assign("y", [ROW], total))
    arrays = [Array("x", F, (N,)), Array("y", F, (N,), Role.LOCAL)]
    results = interpret(program(arrays, [body]), {"x": np.arange(4.0)}, {"N": 4}, MACHINE)
    assert results["y"].tolist() == [0, 1, 3, 6]


def test_integers_wrap_and_indices_are_data():
    dtype = DType.I8
    value = Apply("multiply", (IndexValue(ROW, dtype), Constant(100, dtype)), dtype)
    body = loop("i", 0, "N", assign("x", [ROW], value))
    results = interpret(program([Array("x", dtype, (N,), Role.LOCAL)], [body]), {}, {"N": 4}, MACHINE)
    assert results["x"].dtype == np.int8 and results["x"].tolist() == [0, 100, -56, 44]


def test_an_access_out_of_bounds_names_its_place():
    store = loop("i", 0, "N", assign("x", [ROW + 1], Constant(0, F)))
    with pytest.raises(VerificationError, match=r"f\.c:7:5: x\[3\] is out of bounds of 3"):
        interpret(program([Array("x", F, (N,))], [store]), {"x": np.zeros(3)}, {"N": 3}, MACHINE)
    read = loop("i", 0, "N", assign("x", [ROW], load("x", ROW - 1)))
    with pytest.raises(VerificationError, match=r"f\.c:7:5: x\[-1\] is out of bounds of 3"):
        interpret(program([Array("x", F, (N,))], [read]), {"x": np.zeros(3)}, {"N": 3}, MACHINE)


def test_missing_and_misshapen_inputs_are_usage_errors():
    code = program([Array("x", F, (N,))], [])
    with pytest.raises(UsageError, match="no input for the parameter 'x'"):
        interpret(code, {}, {"N": 3}, MACHINE)
    with pytest.raises(UsageError, match="no value for the size 'N'"):
        interpret(code, {"x": np.zeros(3)}, {}, MACHINE)
    with pytest.raises(UsageError, match=r"shape \(4,\), expected \(3,\)"):
        interpret(code, {"x": np.zeros(4)}, {"N": 3}, MACHINE)
    with pytest.raises(UsageError, match="below its minimum"):
        interpret(code, {"x": np.zeros(0)}, {"N": 0}, MACHINE)
    fixed = program([Array("x", F, (N,))], [], sizes=(Size("N", value=3, is_parameter=False),))
    assert interpret(fixed, {"x": np.zeros(3)}, {}, MACHINE)["x"].shape == (3,)


def test_many_iterations_need_no_stack():
    body = loop("i", 0, "N", assign("s", [], add(load("s"), Constant(1, F))))
    results = interpret(program([Array("s", F, (), Role.LOCAL)], [body]), {}, {"N": 3000}, MACHINE)
    assert results["s"] == 3000
