"""StableHLO: its ops as definitions, builders for them, and lifted programs printed as modules."""

from .build import (
    apply_function,
    broadcast,
    build,
    compare,
    concatenate,
    constant,
    convert,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    iota,
    op,
    pad,
    reduce,
    reshape,
    reverse,
    slice_,
    splat,
    transpose,
)
from .cost import Cost, cost
from .dialect import STABLEHLO, ops_without_formula
from .emitter import TensorShape
from .mlir import (
    PORTABLE_VERSION,
    deserialize_portable,
    interpret_module,
    serialize_portable,
    verify_module,
)
from .module import print_module
from .registry import RegisteredOp, registered_ops
from .signatures import EntryModule, Signature, entry_module
from .simplify import simplify, simplify_nodes

__all__ = [
    "PORTABLE_VERSION",
    "STABLEHLO",
    "Cost",
    "EntryModule",
    "RegisteredOp",
    "Signature",
    "TensorShape",
    "apply_function",
    "broadcast",
    "build",
    "compare",
    "concatenate",
    "constant",
    "convert",
    "cost",
    "deserialize_portable",
    "dot_general",
    "dynamic_slice",
    "dynamic_update_slice",
    "entry_module",
    "index_scalar",
    "interpret_module",
    "iota",
    "op",
    "ops_without_formula",
    "pad",
    "print_module",
    "reduce",
    "registered_ops",
    "reshape",
    "reverse",
    "serialize_portable",
    "simplify",
    "simplify_nodes",
    "slice_",
    "splat",
    "transpose",
    "verify_module",
]
