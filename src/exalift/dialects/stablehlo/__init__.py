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
from .importer import Imported, ModuleSignature, Parameter, import_module, public_functions, read_signature
from .liveness import live_between, live_in_body, written
from .mlir import interpret_module, verify_module
from .module import print_module
from .parts import Part, print_steps, print_sweep
from .registry import RegisteredOp, registered_ops
from .simplify import simplify, simplify_nodes

__all__ = [
    "IMPORTED",
    "PORTABLE_VERSION",
    "STABLEHLO",
    "Cost",
    "EntryModule",
    "Imported",
    "ModuleSignature",
    "Parameter",
    "Part",
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
    "import_module",
    "index_scalar",
    "interpret_module",
    "iota",
    "live_between",
    "live_in_body",
    "op",
    "ops_without_formula",
    "pad",
    "print_module",
    "print_steps",
    "print_sweep",
    "public_functions",
    "read_signature",
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
    "written",
]
