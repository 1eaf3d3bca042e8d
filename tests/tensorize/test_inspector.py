"""Reading contractions out of ops' formulas and out of regions; and saying why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_oracle import MACHINE, assert_close, random_values

from exalift.affine import Affine, Apply, Cast, Constant, Formula, Load, Reduce, evaluate, rewrite
from exalift.affine.index_notation import Axis
from exalift.base import DType
from exalift.dialects import TensorType
from exalift.dialects.stablehlo import STABLEHLO
from exalift.dialects.stablehlo.contractions import dot_attributes
from exalift.tensorize import (
    ONES,
    check_reading,
    choices,
    compile_kernel,
    inspect_formula,
    prove_reading,
    usable_features,
)
from exalift.tensorize.contraction import SUM, Access, Epilogue
from exalift.tensorize.inspector import Mismatch, match_arithmetic
from exalift.tensorize.inspector.select import summand
from exalift.tensorize.instructions import BY_NAME


def typed(*shape: int, dtype: DType = DType.F32) -> TensorType:
    return TensorType(tuple(map(Affine.of, shape)), dtype)


def formula_of(op: str, operands, attributes) -> Formula:
    definition = STABLEHLO[op]
    result = definition.result_type(operands, attributes)
    assert result is not None and definition.formula is not None
    return definition.formula(operands, attributes, result)


def widened(formula: Formula, kinds: dict[str, DType], dtype: DType) -> Formula:
    """The formula with its operands stored as other types, and cast when loaded."""

    def change(node):
        match node:
            case Load(array=array):
                return Cast(replace(node, dtype=kinds[array]), dtype)
            case Apply() | Reduce():
                return replace(node, dtype=dtype)
            case _:
                return node

    return Formula(formula.axes, rewrite(formula.body, change))


def run(
    formula: Formula, shapes: dict[str, tuple[int, ...]], kinds: dict[str, DType], instruction: str = ""
) -> None:
    """The best way found, run, against the formula itself."""
    inspection = inspect_formula(formula, shapes, {}, usable_features())
    assert not inspection.reason
    found = [c for c in choices(inspection, 2) if not instruction or c.plan.instruction.name == instruction]
    if not found:
        pytest.skip("this CPU has no instruction for it")
    generator = np.random.default_rng(0)
    arrays = {name: random_values(generator, shape, kinds[name]) for name, shape in shapes.items()}
    wanted = evaluate(formula, arrays, {}, MACHINE)
    for choice in (found[0], found[-1]):
        reading = choice.way.reading
        assert check_reading(reading) is True
        assert prove_reading(reading, shapes).proved
        every = {**arrays, ONES: np.ones((), kinds["0"].numpy_name)}
        out = np.zeros(wanted.shape, wanted.dtype)
        extra = [every[name] for name in reading.extra]
        compile_kernel(choice.plan)(every[reading.lhs], every[reading.rhs], out, extra, 2)
        assert_close(out, wanted, formula.body.dtype)


@pytest.mark.parametrize(
    ("lhs", "rhs", "batching", "contracting"),
    [
        ((9, 20), (20, 33), (), ((1, 0),)),
        ((20, 9), (20, 33), (), ((0, 0),)),
        ((9, 20), (33, 20), (), ((1, 1),)),
        ((20, 9), (33, 20), (), ((0, 1),)),
        ((3, 9, 20), (3, 20, 33), ((0, 0),), ((2, 1),)),
        ((9, 3, 20), (20, 3, 33), ((1, 1),), ((2, 0),)),
        ((4, 5, 6, 7), (7, 3, 5, 8), (), ((3, 0), (1, 2))),
        ((9, 20), (20,), (), ((1, 0),)),
        ((20,), (20,), (), ((0, 0),)),
    ],
)
def test_dot_general_in_all_transpositions(lhs, rhs, batching, contracting) -> None:
    formula = formula_of(
        "stablehlo.dot_general", (typed(*lhs), typed(*rhs)), dot_attributes(batching, contracting)
    )
    run(formula, {"0": lhs, "1": rhs}, {"0": DType.F32, "1": DType.F32})


@pytest.mark.parametrize("kinds", [(DType.UI8, DType.I8), (DType.I8, DType.UI8), (DType.I8, DType.I8)])
def test_products_of_bytes(kinds: tuple[DType, DType]) -> None:
    types = {"0": kinds[0], "1": kinds[1]}
    formula = formula_of(
        "stablehlo.dot_general", (typed(9, 50), typed(50, 33)), dot_attributes((), ((1, 0),))
    )
    run(widened(formula, types, DType.I32), {"0": (9, 50), "1": (50, 33)}, types, "vpdpbusd_zmm")


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("stride", "dilation", "pad"), [(1, 1, 0), (2, 1, 1), (1, 2, 2)])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_convolutions_in_their_layouts(
    layout: str, stride: int, dilation: int, pad: int, groups: int
) -> None:
    last = layout == "nhwc"
    lhs = (2, 9, 8, 6) if last else (2, 6, 9, 8)
    rhs = (3, 3, 6 // groups, 10) if last else (10, 6 // groups, 3, 3)
    attributes = (
        ("input_batch_dimension", 0),
        ("input_feature_dimension", 3 if last else 1),
        ("input_spatial_dimensions", (1, 2) if last else (2, 3)),
        ("kernel_input_feature_dimension", 2 if last else 1),
        ("kernel_output_feature_dimension", 3 if last else 0),
        ("kernel_spatial_dimensions", (0, 1) if last else (2, 3)),
        ("output_batch_dimension", 0),
        ("output_feature_dimension", 3 if last else 1),
        ("output_spatial_dimensions", (1, 2) if last else (2, 3)),
        ("feature_group_count", Affine.of(groups)),
        ("padding", ((Affine.of(pad), Affine.of(pad)),) * 2),
        ("window_strides", (stride, stride)),
        ("rhs_dilation", (dilation, dilation)),
    )
    formula = formula_of("stablehlo.convolution", (typed(*lhs), typed(*rhs)), attributes)
    run(formula, {"0": lhs, "1": rhs}, {"0": DType.F32, "1": DType.F32})


def test_a_plain_sum_is_a_product_with_ones() -> None:
    formula = Formula(
        (Axis("i", Affine.of(20)),),
        Reduce(
            "add",
            (Axis("k", Affine.of(30)),),
            Load("0", (Affine.symbol("i"), Affine.symbol("k")), DType.F32),
            DType.F32,
        ),
    )
    run(formula, {"0": (20, 30)}, {"0": DType.F32})


def product(*factors, axes=("i", "j"), function: str = "add", dtype: DType = DType.F32) -> Formula:
    body = factors[0]
    for factor in factors[1:]:
        body = Apply("multiply", (body, factor), dtype)
    total = Reduce(function, (Axis("k", Affine.of(5)),), body, dtype)
    return Formula(tuple(Axis(name, Affine.of(5)) for name in axes), total)


def load(array: str, *names: str, dtype: DType = DType.F32) -> Load:
    return Load(array, tuple(map(Affine.symbol, names)), dtype)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        (product(load("a", "i", "k"), load("b", "k", "j"), load("c", "k", "i")), "product of 3"),
        (product(load("a", "i", "k"), load("b", "k", "j"), function="maximum"), "by maximum"),
        (product(Apply("tanh", (load("a", "i", "k"),), DType.F32), load("b", "k", "j")), "computed"),
        (product(Cast(load("a", "i", "k", dtype=DType.F64), DType.F32), load("b", "k", "j")), "loses values"),
        (Formula((Axis("i", Affine.of(5)),), load("a", "i", "i")), "nothing is summed"),
        (product(load("a", "i", "t"), load("b", "k", "j")), "t, which a loop around it counts"),
        (product(load("out", "i", "k"), load("b", "k", "j")), "while writing it"),
    ],
)
def test_what_is_no_contraction_says_why(formula: Formula, reason: str) -> None:
    shapes = dict.fromkeys(("a", "b", "c", "out"), (5, 5))
    inspection = inspect_formula(formula, shapes, {}, usable_features())
    assert reason in inspection.reason
    assert not inspection.ways


def test_a_reading_that_is_wrong_is_caught() -> None:
    formula = product(load("a", "i", "k"), load("b", "k", "j"))
    inspection = inspect_formula(formula, dict.fromkeys(("a", "b"), (5, 5)), {}, usable_features())
    reading = inspection.ways[0].reading
    assert check_reading(reading) is True
    other = inspect_formula(
        product(load("a", "k", "i"), load("b", "k", "j")),
        dict.fromkeys(("a", "b"), (5, 5)),
        {},
        usable_features(),
    )
    mutants = [
        replace(reading, after=other.ways[0].reading.after),
        replace(reading, before=product(load("a", "i", "k"), load("b", "j", "k"))),
        replace(reading, before=product(load("a", "i", "k"), load("a", "i", "k"), axes=("i", "j"))),
    ]
    assert [check_reading(mutant) for mutant in mutants] == [False] * 3


def test_a_mapping_that_is_wrong_anywhere_is_not_proved() -> None:
    """Of bytes with a zero point, followed by a bias and a clamp: every part is changed in turn."""
    a, b = (Cast(load(name, *at, dtype=DType.I8), DType.I32) for name, at in (("a", "ik"), ("b", "kj")))
    axes = [Axis(name, Affine.of(5)) for name in "ijk"]
    shifted = Apply("add", (a, Constant(3, DType.I32)), DType.I32)
    total = Reduce("add", (axes[2],), Apply("multiply", (shifted, b), DType.I32), DType.I32)
    biased = Apply("add", (total, load("bias", "j", dtype=DType.I32)), DType.I32)
    clamped = Apply("maximum", (biased, Constant(0, DType.I32)), DType.I32)
    shapes = {"a": (5, 5), "b": (5, 5), "bias": (5,)}
    inspection = inspect_formula(Formula(tuple(axes[:2]), clamped), shapes, {}, usable_features())
    reading = next(way.reading for way in inspection.ways if way.reading.lhs == "a")
    assert prove_reading(reading, shapes).proved
    whole = reading.contraction
    assert whole.epilogue is not None
    (name, access), *_ = whole.epilogue.operands
    by_row = replace(access, indices=whole.out.indices[:1])
    mutants = [
        replace(whole, lhs_shift=2),
        replace(whole, lhs_shift=0),
        replace(whole, epilogue=None),
        replace(whole, accumulate=True),
        replace(whole, epilogue=replace(whole.epilogue, value=Load(SUM, (), DType.I32))),
        replace(whole, epilogue=renamed_loads(whole.epilogue, name, by_row)),
        replace(whole, lhs=replace(whole.lhs, indices=(whole.lhs.indices[0], whole.lhs.indices[1] - 1))),
        replace(whole, out=replace(whole.out, indices=(whole.out.indices[0], Affine.of(2)))),
        replace(whole, dimensions=(replace(whole.dimensions[0], extent=4), *whole.dimensions[1:])),
        replace(whole, dimensions=(*whole.dimensions[:-1], replace(whole.dimensions[-1], extent=4))),
    ]
    for mutant in mutants:
        outcome = prove_reading(replace(reading, contraction=mutant), shapes)
        assert not outcome.proved and outcome.reason
    assert not prove_reading(replace(reading, lhs="b", rhs="a"), shapes).proved


def renamed_loads(epilogue: Epilogue, name: str, access: Access) -> Epilogue:
    """The epilogue with another access of an operand."""

    def change(node):
        return (
            replace(node, indices=access.indices) if isinstance(node, Load) and node.array == name else node
        )

    operands = tuple((n, access if n == name else a) for n, a in epilogue.operands)
    return Epilogue(rewrite(epilogue.value, change), operands)


def test_every_other_instruction_has_a_reason() -> None:
    formula = product(load("a", "i", "k"), load("b", "k", "j"))
    inspection = inspect_formula(formula, dict.fromkeys(("a", "b"), (5, 5)), {}, frozenset({"sse2"}))
    assert {way.instruction.name for way in inspection.ways} == {"mul_add_f32_xmm"}
    reasons = {refusal.instruction.name: refusal.reason for refusal in inspection.refusals}
    assert reasons["fma_f32_zmm"] == "this CPU has no avx512f"
    assert "i32" in reasons["vpdpbusd_zmm"]
    assert set(reasons) | {"mul_add_f32_xmm"} == set(BY_NAME)


def test_arithmetic_is_matched_with_dtypes_and_casts() -> None:
    instruction = summand(BY_NAME["vpdpbusd_zmm"])
    left, right = (
        Cast(load("x", "i", "k", dtype=DType.UI8), DType.I32),
        Cast(load("y", "k", "j", dtype=DType.I8), DType.I32),
    )
    for operands in ((left, right), (right, left)):
        found = match_arithmetic(Apply("multiply", operands, DType.I32), instruction)
        assert not isinstance(found, Mismatch)
        assert (found["lhs"].array, found["rhs"].array) == ("x", "y")
    signed = replace(left, operand=replace(left.operand, dtype=DType.I8))
    wide = Apply("multiply", (Cast(left.operand, DType.I64), Cast(right.operand, DType.I64)), DType.I64)
    for other, reason in (
        (Apply("multiply", (signed, right), DType.I32), "i8"),
        (Apply("add", (left, right), DType.I32), "not of the form"),
        (wide, "i64"),
    ):
        found = match_arithmetic(other, instruction)
        assert isinstance(found, Mismatch) and reason in found.reason
