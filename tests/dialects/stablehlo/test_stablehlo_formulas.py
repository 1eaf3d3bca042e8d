"""Every formula against StableHLO's reference interpreter, on modules that printing made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stablehlo_strategies import FLOATS, SIZES, Case, cases, hints, types, values

from exalift.affine import Affine, evaluate
from exalift.affine.algebra import Machine
from exalift.base import DType, UsageError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Attributes,
    Hints,
    OpDefinition,
    Operation,
    Result,
    TensorProgram,
    TensorType,
    Update,
)
from exalift.dialects.stablehlo import STABLEHLO, interpret_module, print_module


def program_of(
    name: str, operands: tuple[TensorType, ...], attributes: Attributes, result: TensorType
) -> TensorProgram:
    arguments = tuple(Argument(f"a{p}", type) for p, type in enumerate(operands))
    node = Operation(name, tuple(ArrayValue(a.name, a.type) for a in arguments), attributes, result)
    out = Argument("out", result)
    return TensorProgram(
        "f",
        "stablehlo",
        tuple(SIZES),
        arguments,
        (out,),
        (Update("out", node),),
        (Result("out", "out", result),),
    )


def compare(
    definition: OpDefinition, operands: tuple[TensorType, ...], attributes: Attributes, seed: int
) -> bool:
    """Whether the static check takes the case; then its formula and the interpreter must agree.

    The check may take what only larger sizes than `SIZES` allow; printing then refuses.
    """
    result = definition.result_type(operands, attributes)
    if result is None or min((*result.at(SIZES), 0)) < 0 or definition.formula is None:
        return False
    generator = np.random.default_rng(seed)
    short = definition.name.split(".")[1]
    inputs = tuple(values(generator, type, short) for type in operands)
    formula = definition.formula(operands, attributes, result)
    assert formula.shape == result.shape
    assert formula.body.dtype is result.dtype
    machine = Machine()
    expected = evaluate(formula, {str(p): v for p, v in enumerate(inputs)}, SIZES, machine)
    try:
        text = print_module(program_of(definition.name, operands, attributes, result), SIZES)
    except UsageError as error:
        assert "too small" in str(error)
        return False
    # The interpreter does not run `dot`; NumPy's has the same meaning.
    if definition.name == "stablehlo.dot":
        got = np.asarray(np.dot(*inputs))
    else:
        (got,) = interpret_module(text, inputs)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert machine.equal(got, expected, result.dtype).all(), f"{text}\n{inputs}\n{got}\n{expected}"
    return True


@pytest.mark.parametrize("definition", STABLEHLO.definitions, ids=lambda d: d.name)
def test_formula_is_what_the_interpreter_computes(definition: OpDefinition) -> None:
    # Cases are drawn by arity; those of element types that an op does not take are filtered out.
    unhealthy = [HealthCheck.too_slow, HealthCheck.filter_too_much]

    @settings(max_examples=40, deadline=None, suppress_health_check=unhealthy)
    @given(case=cases(definition.name, definition.arity), seed=st.integers(0, 1000))
    def check(case: Case, seed: int) -> None:
        assume(compare(definition, *case, seed))

    check()


@pytest.mark.parametrize(
    "definition", [d for d in STABLEHLO.definitions if d.arity <= 2], ids=lambda d: d.name
)
def test_attribute_domains_are_bounded_valid_and_right(definition: OpDefinition) -> None:
    """What enumeration proposes passes the static check (most of it), and means what is printed."""

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        operands=st.tuples(*[types((*FLOATS, DType.I32), 0, 3)] * definition.arity),
        hints=hints(),
        data=st.data(),
    )
    def check(operands: tuple[TensorType, ...], hints: Hints, data: st.DataObject) -> None:
        proposed = list(definition.attributes(operands, hints))
        assert len(proposed) <= 128
        assert len(set(proposed)) == len(proposed)
        taken = [a for a in proposed if definition.result_type(operands, a) is not None]
        if taken:
            compare(definition, operands, data.draw(st.sampled_from(taken)), 0)

    check()


def test_slices_out_of_bounds_at_small_sizes_are_refused() -> None:
    n = Affine.symbol("N")
    operand = TensorType((n,), DType.F64)
    attributes: Attributes = (
        ("limit_indices", (Affine.of(4),)),
        ("start_indices", (Affine(),)),
        ("strides", (1,)),
    )
    program = program_of("stablehlo.slice", (operand,), attributes, TensorType((Affine.of(4),), DType.F64))
    assert "slice" in print_module(program, {"N": 5, "M": 1, "K": 1})
    with pytest.raises(UsageError, match=r"N = 3.* too small a size.* stablehlo.slice for out"):
        print_module(program, {"N": 3, "M": 1, "K": 1})


def test_sizes_too_small_are_refused_by_name() -> None:
    n = Affine.symbol("N")
    attributes: Attributes = (
        ("limit_indices", (n - 2,)),
        ("start_indices", (Affine.of(2),)),
        ("strides", (1,)),
    )
    definition = STABLEHLO["stablehlo.slice"]
    operand = TensorType((n,), DType.F64)
    result = definition.result_type((operand,), attributes)
    assert result is not None
    program = program_of("stablehlo.slice", (operand,), attributes, result)
    program = TensorProgram(
        "f", "stablehlo", ("N",), program.arguments, program.locals, program.body, program.results
    )
    with pytest.raises(UsageError, match="N = 3 is too small"):
        print_module(program, {"N": 3})
    assert "tensor<0xf64>" in print_module(program, {"N": 4})
    with pytest.raises(UsageError, match="no value for the size N"):
        print_module(program, {})
