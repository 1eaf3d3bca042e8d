"""The definitions against the grammar that jaxlib registers."""

from __future__ import annotations

import pytest

from exalift.affine import FUNCTIONS, Affine
from exalift.base import DType
from exalift.dialects import Hints, OpDefinition, TensorType
from exalift.dialects.stablehlo import STABLEHLO, ops_without_formula, registered_ops

# Operands that our definitions imply: an initial value is the body's identity, starts are an attribute.
IMPLIED = {
    "stablehlo.reduce": ("init_values",),
    "stablehlo.reduce_window": ("init_values",),
    "stablehlo.dynamic_slice": ("start_indices",),
    "stablehlo.dynamic_update_slice": ("start_indices",),
}
VARIADIC_COUNT = {"stablehlo.concatenate": 2}


@pytest.mark.parametrize("definition", STABLEHLO.definitions, ids=lambda d: d.name)
def test_operand_count_is_the_registered_one(definition: OpDefinition) -> None:
    registered = registered_ops()[definition.name]
    operands = [o for o in registered.operands if o not in IMPLIED.get(definition.name, ())]
    expected = sum(
        VARIADIC_COUNT.get(definition.name, 1) if name in registered.variadic else 1 for name in operands
    )
    assert definition.arity == expected


# Attributes of ours that StableHLO gives by the result's type, a region, operands, or in one struct.
OURS = {
    "shape",
    "dtype",
    "body",
    "starts",
    "lhs_batching_dimensions",
    "rhs_batching_dimensions",
    "lhs_contracting_dimensions",
    "rhs_contracting_dimensions",
}


@pytest.mark.parametrize("definition", STABLEHLO.definitions, ids=lambda d: d.name)
def test_attributes_are_named_as_registered(definition: OpDefinition) -> None:
    n = Affine.symbol("N")
    hints = Hints(
        offsets=(Affine(), Affine.of(1), Affine.symbol("i")), strides=(1, 2), extents=(n, Affine.of(2))
    )
    registered = registered_ops()[definition.name]
    names: set[str] = set()
    for shape in ((n,), (n, n), (n, n, Affine.of(2))):
        operand = TensorType(shape, DType.F64)
        for attributes in definition.attributes((operand,) * definition.arity, hints):
            names |= {name for name, _ in attributes}
    layout = {n for n in names if n.startswith(("input_", "kernel_", "output_"))}
    assert not layout or "dimension_numbers" in registered.attributes
    assert names - layout - OURS <= set(registered.attributes)


def test_every_function_has_an_op() -> None:
    covered = {name.split(".")[1] for name in STABLEHLO.by_name}
    assert {n for n in FUNCTIONS if not n.startswith("compare_")} <= covered


def test_registry_reads_operands_and_attributes() -> None:
    transpose = registered_ops()["stablehlo.transpose"]
    assert transpose.operands == ("operand",)
    assert transpose.attributes == ("permutation",)
    assert transpose.required_attributes == {"permutation"}
    concatenate = registered_ops()["stablehlo.concatenate"]
    assert concatenate.variadic == {"inputs"}
    assert registered_ops()["stablehlo.while"].regions == 2


def test_table_of_ops_without_formula() -> None:
    """All of them are known by name, so that an op that StableHLO gains shows up here."""
    missing = {name.removeprefix("stablehlo.") for name in ops_without_formula()}
    collective = {n for n in missing if n.startswith(("all_", "collective_", "reduce_scatter", "cross-"))}
    dynamic = {n for n in missing if n.startswith("dynamic_")} | {"real_dynamic_slice", "get_dimension_size"}
    indexed = {"gather", "scatter", "select_and_scatter", "torch_index_select", "sort", "set_dimension_size"}
    dense = {"cholesky", "triangular_solve", "fft", "einsum", "unary_einsum", "map", "broadcast"}
    norms = {n for n in missing if n.startswith("batch_norm_")}
    bits = {"bitcast_convert", "popcnt", "count_leading_zeros", "is_finite", "reduce_precision"}
    control = {"case", "if", "after_all", "async_start", "async_done", "composite", "create_token"}
    control |= {"custom_call", "infeed", "outfeed", "recv", "send", "optimization_barrier", "tuple"}
    control |= {"get_tuple_element", "partition_id", "replica_id", "rng", "rng_bit_generator"}
    numbers = {"complex", "real", "imag", "uniform_quantize", "uniform_dequantize"}
    assert missing == collective | dynamic | indexed | dense | norms | bits | control | numbers
