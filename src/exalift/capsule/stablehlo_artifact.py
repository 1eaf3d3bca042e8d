# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""StableHLO modules as the run side sees them: portable bytecode, and the types of the function to enter.

Behind this are jaxlib's MLIR bindings, which are generated and only half typed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

# XLA reads this when its library is loaded, which is here; JAX sets the same, and would come too late.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import chlo, stablehlo
from jaxlib.mlir.passmanager import PassManager

from exalift.base import DType, TensorShape, UsageError, VerificationError

from .model import Signature

PORTABLE_VERSION = "1.4.0"
"""The StableHLO version of portable artifacts: the oldest that has every op which printing uses (`tan`)."""


def make_context() -> ir.Context:
    """A fresh context that knows builtin, func, StableHLO and CHLO. It starts no threads."""
    context = ir.Context()
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    context.enable_multithreading(False)
    stablehlo.register_dialect(context)
    chlo.register_dialect(context)
    return context


def serialize_portable(text: str, version: str = PORTABLE_VERSION) -> bytes:
    """The module as a portable artifact, which any StableHLO from `version` on can read.

    CHLO's ops are rewritten to StableHLO's first. An empty version stands for the newest one, for use
    on the spot. Raises UsageError for a version that cannot hold the module.
    """
    stablehlo.register_stablehlo_passes()
    with make_context() as context:
        module = without_chlo(ir.Module.parse(text))
        context.emit_error_diagnostics = True
        newest = stablehlo.get_current_version()
        try:
            return bytes(stablehlo.serialize_portable_artifact_str(str(module), version or newest))
        except (ValueError, ir.MLIRError) as error:
            raise UsageError(f"StableHLO {version} cannot hold this module: {error}") from error


def deserialize_portable(artifact: bytes) -> str:
    """The module's text from a portable artifact; UsageError where it is not one."""
    with make_context() as context:
        try:
            return str(stablehlo.deserialize_portable_artifact(context, artifact))
        except (ValueError, ir.MLIRError) as error:
            raise UsageError(f"not a portable artifact: {error}") from error


def without_chlo(module: ir.Module) -> ir.Module:
    """Rewrite CHLO's ops to StableHLO's, in place."""
    PassManager.parse("builtin.module(func.func(chlo-legalize-to-stablehlo))").run(module.operation)
    return module


@dataclass(frozen=True, slots=True)
class EntryModule:
    """A module whose public function is called `main`, and that function's signature (by its old name)."""

    text: str
    signature: Signature


def entry_module(text: str, function: str | None = None) -> EntryModule:
    """The module with `function` (the only public one, where None) renamed to `main`.

    Raises VerificationError for a module that is not valid, UsageError where there is no such function,
    or its types are not static tensors of the element types that Exalift knows.
    """
    with make_context():
        try:
            module = ir.Module.parse(text)
            module.operation.verify()
        except ir.MLIRError as error:
            raise VerificationError(f"not a valid module: {error}") from error
        chosen = _choose(module, function)
        name = _symbol(chosen)
        signature_type = ir.FunctionType(ir.TypeAttr(chosen.attributes["function_type"]).value)
        signature = Signature(
            name,
            tuple(_tensor(type, name) for type in signature_type.inputs),
            tuple(_tensor(type, name) for type in signature_type.results),
        )
        if name != "main":
            if any(_symbol(other) == "main" for other in _functions(module)):
                raise UsageError("the module has another function called main")
            ir.SymbolTable.replace_all_symbol_uses(name, "main", module.operation)
            chosen.attributes["sym_name"] = ir.StringAttr.get("main")
        return EntryModule(str(module), signature)


# What reaches outside the function's own arguments and results, or needs other machines.
_REACHING = frozenset(
    f"stablehlo.{name}"
    for name in (
        "after_all",
        "all_gather",
        "all_reduce",
        "all_to_all",
        "collective_broadcast",
        "collective_permute",
        "composite",
        "create_token",
        "cross-replica-sum",
        "custom_call",
        "infeed",
        "outfeed",
        "partition_id",
        "recv",
        "reduce_scatter",
        "replica_id",
        "send",
    )
)
_OTHER = frozenset({"builtin.module", "func.func", "func.call", "func.return"})


def check_artifact(artifact: bytes, signature: Signature) -> str:
    """The text of an artifact that came from elsewhere, if it is one to run.

    It must be valid, have a public function `main` of the signature's types, and consist of functions and
    of StableHLO ops that touch nothing but their operands: no custom call (which could name any address in
    the process), nothing that communicates. Raises UsageError where one of these does not hold.
    """
    text = deserialize_portable(artifact)
    try:
        entry = entry_module(text, "main")
    except VerificationError as error:
        raise UsageError(f"{signature.name}: {error}") from error
    got = entry.signature
    if (got.arguments, got.results) != (signature.arguments, signature.results):
        raise UsageError(f"the tensor function of {signature.name} does not have the types of its routine")
    found: set[str] = set()

    def visit(operation: ir.Operation) -> ir.WalkResult:
        found.add(operation.name)
        return ir.WalkResult.ADVANCE

    with make_context():
        ir.Module.parse(text).operation.walk(visit)
    refused = sorted(n for n in found - _OTHER if n in _REACHING or not n.startswith("stablehlo."))
    if refused:
        raise UsageError(
            f"the tensor function of {signature.name} uses {', '.join(refused)}, which may not be"
        )
    return text


def _functions(module: ir.Module) -> list[ir.Operation]:
    return [op.operation for op in module.body.operations if op.operation.name == "func.func"]


def _symbol(function: ir.Operation) -> str:
    return str(ir.StringAttr(function.attributes["sym_name"]).value)


def _is_public(function: ir.Operation) -> bool:
    if "sym_visibility" not in function.attributes:
        return True
    return str(ir.StringAttr(function.attributes["sym_visibility"]).value) == "public"


def _choose(module: ir.Module, name: str | None) -> ir.Operation:
    functions = _functions(module)
    found = [f for f in functions if (_is_public(f) if name is None else _symbol(f) == name)]
    if len(found) != 1:
        known = ", ".join(_symbol(f) for f in functions) or "none"
        wanted = "exactly one public function" if name is None else f"a function {name}"
        raise UsageError(f"the module must have {wanted}; it has: {known}")
    return found[0]


def _tensor(type: ir.Type, function: str) -> TensorShape:
    try:
        tensor = ir.RankedTensorType(type)
        extents = tuple(int(extent) for extent in tensor.shape)
        if any(tensor.is_dynamic_dim(d) for d in range(tensor.rank)):
            raise ValueError("a dynamic extent")
        return TensorShape(extents, DType(str(tensor.element_type)))
    except ValueError as error:
        raise UsageError(f"{function} has a type that is not a static tensor of numbers: {type}") from error
