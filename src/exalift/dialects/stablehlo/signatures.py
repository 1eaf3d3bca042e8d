# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What a module's function takes and gives, and modules made ready to be an entry point."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from exalift.base import DType, UsageError, VerificationError

from .emitter import TensorShape
from .mlir import make_context


@dataclass(frozen=True, slots=True)
class Signature:
    """A function by its name in the text, and its concrete types."""

    name: str
    arguments: tuple[TensorShape, ...]
    results: tuple[TensorShape, ...]


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
