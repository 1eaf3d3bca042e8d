"""Arguments and results: which, in which order, and no dead work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exalift.affine import Affine, Apply, Array, Assign, Expression, Load, Loop, Program, Role, Size
from exalift.base import DType, VerificationError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Node,
    Operation,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
)
from exalift.pipeline.contract import conform, written_arrays

n = Affine.symbol("n")
i = Affine.symbol("i")
VECTOR = TensorType((n,), DType.F64)
SCALAR = TensorType((), DType.F64)


def _source(returns: Expression | None = None) -> Program:
    """void f(int n, double s, double B[n], double A[n], double C[n]): A and B are written, t is local."""
    arrays = (
        Array("t", DType.F64, (n,), Role.LOCAL),
        Array("s", DType.F64, ()),
        *(Array(name, DType.F64, (n,)) for name in "BAC"),
    )
    load = Load("C", (i,), DType.F64)
    body = (
        Loop(
            "i",
            (Affine(),),
            (n,),
            (
                Assign("t", (i,), load),
                Assign("A", (i,), Load("t", (i,), DType.F64)),
                Assign("B", (i,), Apply("add", (load, Load("B", (i,), DType.F64)), DType.F64)),
                Assign("s", (), load),
            ),
        ),
    )
    return Program(
        "f", ("n", "s", "B", "A", "C"), (Size("n"),), arrays, body, returns, by_value=frozenset({"s"})
    )


def _array(name: str) -> ArrayValue:
    return ArrayValue(name, VECTOR)


def _add(left: Node, right: Node) -> Operation:
    return Operation("stablehlo.add", (left, right), (), VECTOR)


def _lifted(body: tuple[Step, ...], *results: str) -> TensorProgram:
    arguments = (*(Argument(name, VECTOR) for name in "ABC"), Argument("s", SCALAR))
    return TensorProgram(
        "f",
        "stablehlo",
        ("n",),
        arguments,
        (Argument("t", VECTOR),),
        body,
        tuple(Result(name, name, VECTOR) for name in results),
    )


EVERYTHING = frozenset("ABCs")


def test_results_are_written_parameters_in_c_order_without_scalars_by_value() -> None:
    assert written_arrays(_source()) == ("B", "A")


def test_arguments_are_those_read_before_they_are_written_in_c_order() -> None:
    body = (Update("A", _array("C")), Update("B", _add(_array("A"), _array("B"))))
    program = conform(_lifted(body, "A", "B"), _source(), EVERYTHING)
    assert [a.name for a in program.arguments] == ["B", "C"]
    assert [r.name for r in program.results] == ["B", "A"]
    assert [a.name for a in program.locals] == ["A"]


def test_the_return_value_comes_first() -> None:
    lifted = _lifted((Update("A", _array("C")),), "A", "B")
    lifted = replace(lifted, results=(*lifted.results, Result("return", "t", SCALAR)))
    program = conform(lifted, _source(Load("s", (), DType.F64)), EVERYTHING)
    assert [r.name for r in program.results] == ["return", "B", "A"]


def test_updates_that_nobody_reads_go_away() -> None:
    body = (Update("t", _array("C")), Update("A", _array("C")), Update("t", _array("A")))
    program = conform(_lifted(body, "A", "B"), _source(), EVERYTHING)
    assert [step.array for step in program.body if isinstance(step, Update)] == ["A"]
    assert program.locals == (Argument("A", VECTOR),)


def test_a_loop_keeps_what_its_next_iteration_reads() -> None:
    body = (
        TensorLoop(
            "i",
            (Affine(),),
            (n,),
            (Update("A", _array("t")), Update("t", _add(_array("t"), _array("C"))), Update("B", _array("C"))),
        ),
    )
    program = conform(_lifted(body, "A", "B"), _source(), EVERYTHING)
    (loop,) = program.body
    assert isinstance(loop, TensorLoop)
    assert [step.array for step in loop.body if isinstance(step, Update)] == ["A", "t", "B"]
    # A loop may run no iteration: what it writes is needed before it as well.
    assert [a.name for a in program.arguments] == ["B", "A", "C"]


def test_contents_that_the_source_does_not_depend_on_start_local() -> None:
    body = (TensorLoop("i", (Affine(),), (n,), (Update("A", _array("C")), Update("B", _array("C")))),)
    program = conform(_lifted(body, "A", "B"), _source(), frozenset({"C"}))
    assert [a.name for a in program.arguments] == ["C"]
    assert {a.name for a in program.locals} == {"A", "B"}


def test_a_loop_without_live_updates_goes_away() -> None:
    body = (
        TensorLoop("i", (Affine(),), (n,), (Update("t", _add(_array("t"), _array("C"))),)),
        Update("A", _array("C")),
    )
    program = conform(_lifted(body, "A", "B"), _source(), EVERYTHING)
    assert len(program.body) == 1


def test_a_missing_result_is_a_defect() -> None:
    with pytest.raises(VerificationError, match="lacks the results B"):
        conform(_lifted((), "A"), _source(), EVERYTHING)
