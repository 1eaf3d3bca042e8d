"""StableHLO: its ops as definitions, builders for them, and lifted programs printed as modules."""

from exalift.base import TensorShape
from exalift.capsule.stablehlo_artifact import (
    PORTABLE_VERSION,
    EntryModule,
    Signature,
    deserialize_portable,
    entry_module,
    serialize_portable,
)

from ..imported import Imported, ModuleSignature, Parameter
from .affine_indexing import SET, gather_attributes, holds_attributes, index_attributes, scatter_attributes
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
from .dialect import IMPORTED, STABLEHLO, ops_without_formula
from .importer import assign, import_module, merge_arrays, public_functions, read_signature
from .liveness import live_between, live_in_body, written
from .mlir import interpret_module, verify_module
from .module import print_module
from .node_table import NodeTable, identity, is_identity, literal
from .notation import result_axes
from .parts import Part, print_steps, print_sweep
from .reductions import reduces
from .registry import RegisteredOp, registered_ops
from .sharing import is_costly
from .simplify import simplify, simplify_nodes
from .start_bounds import LoopRange, stays_within
from .tables import UnsupportedConstant, number, table_node
from .walks import walk

__all__ = [
    "IMPORTED",
    "PORTABLE_VERSION",
    "SET",
    "STABLEHLO",
    "Cost",
    "EntryModule",
    "Imported",
    "LoopRange",
    "ModuleSignature",
    "NodeTable",
    "Parameter",
    "Part",
    "RegisteredOp",
    "Signature",
    "TensorShape",
    "UnsupportedConstant",
    "apply_function",
    "assign",
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
    "gather_attributes",
    "holds_attributes",
    "identity",
    "import_module",
    "index_attributes",
    "index_scalar",
    "interpret_module",
    "iota",
    "is_costly",
    "is_identity",
    "literal",
    "live_between",
    "live_in_body",
    "merge_arrays",
    "number",
    "op",
    "ops_without_formula",
    "pad",
    "print_module",
    "print_steps",
    "print_sweep",
    "public_functions",
    "read_signature",
    "reduce",
    "reduces",
    "registered_ops",
    "reshape",
    "result_axes",
    "reverse",
    "scatter_attributes",
    "serialize_portable",
    "simplify",
    "simplify_nodes",
    "slice_",
    "splat",
    "stays_within",
    "table_node",
    "transpose",
    "verify_module",
    "walk",
    "written",
]
