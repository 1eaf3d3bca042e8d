# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Modules checked, and run in the reference interpreter, through jaxlib's MLIR bindings.

The bindings are generated and only half typed, so they are touched here, in `emitter`, in `registry` and in
`capsule.stablehlo_artifact` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from numpy.typing import NDArray

from exalift.base import DType, UsageError, VerificationError
from exalift.capsule.stablehlo_artifact import make_context, without_chlo

from .dialect import ops_without_formula


def verify_module(text: str) -> None:
    """Parse and verify a module; VerificationError with MLIR's own message where it is not valid."""
    with make_context():
        try:
            module = ir.Module.parse(text)
            module.operation.verify()
        except ir.MLIRError as error:
            raise VerificationError(f"not a valid module: {error}") from error


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
            module = without_chlo(ir.Module.parse(text))
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
