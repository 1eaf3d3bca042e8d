# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""jaxlib's MLIR bindings behind a few typed functions: contexts, modules, and the reference interpreter.

The bindings are generated and only half typed, so they are touched here, in `emitter` and in `registry`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import chlo, stablehlo
from jaxlib.mlir.passmanager import PassManager
from numpy.typing import NDArray

from exalift.base import DType, UsageError, VerificationError

from .dialect import ops_without_formula

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


def verify_module(text: str) -> None:
    """Parse and verify a module; VerificationError with MLIR's own message where it is not valid."""
    with make_context():
        try:
            module = ir.Module.parse(text)
            module.operation.verify()
        except ir.MLIRError as error:
            raise VerificationError(f"not a valid module: {error}") from error


def serialize_portable(text: str, version: str = PORTABLE_VERSION) -> bytes:
    """The module as a portable artifact, which any StableHLO from `version` on can read.

    CHLO's ops are rewritten to StableHLO's first. An empty version stands for the newest one, for use
    on the spot. Raises UsageError for a version that cannot hold the module.
    """
    stablehlo.register_stablehlo_passes()
    with make_context() as context:
        module = _without_chlo(ir.Module.parse(text))
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


def _without_chlo(module: ir.Module) -> ir.Module:
    PassManager.parse("builtin.module(func.func(chlo-legalize-to-stablehlo))").run(module.operation)
    return module


def interpret_module(text: str, inputs: Sequence[NDArray[np.generic]]) -> tuple[NDArray[np.generic], ...]:
    """Run a module with one function in StableHLO's reference interpreter: exact, and slow.

    Inputs and results are NumPy arrays of the function's types, `i1` as bool.
    Raises VerificationError for a module that is not valid or fails, and UsageError for ops that the
    interpreter does not run (it would end the process): `dot`, and those that have no formula here.
    One known way to end the process remains: a convolution whose output has its feature dimension
    before its batch dimension.
    """
    stablehlo.register_stablehlo_passes()
    with make_context() as context:
        stablehlo.register_interpreter_dialect(context)
        try:
            module = _without_chlo(ir.Module.parse(text))
            _check_interpretable(module)
            results = stablehlo.eval_module(module, [_elements(value) for value in inputs])
        except (ValueError, RuntimeError, ir.MLIRError) as error:
            raise VerificationError(f"the reference interpreter refused the module: {error}") from error
        return tuple(_array(result) for result in results)


def _check_interpretable(module: ir.Module) -> None:
    refused = {"stablehlo.dot", *ops_without_formula()}
    found: list[str] = []

    def visit(operation: ir.Operation) -> ir.WalkResult:
        found.append(operation.name)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    unknown = sorted(refused.intersection(found))
    if unknown:
        raise UsageError(f"the reference interpreter does not run {', '.join(unknown)}")


def _element_type(dtype: np.dtype[np.generic]) -> ir.Type:
    name = next(d for d in DType if d.numpy_name == dtype.name)
    return ir.Type.parse(str(name))


def _elements(value: NDArray[np.generic]) -> ir.DenseElementsAttr:
    element = _element_type(value.dtype)
    data = np.ascontiguousarray(value)
    return ir.DenseElementsAttr.get(data, type=element, shape=list(value.shape))  # pyright: ignore[reportArgumentType]


def _array(attribute: ir.Attribute) -> NDArray[np.generic]:
    return np.array(ir.DenseElementsAttr(attribute))
