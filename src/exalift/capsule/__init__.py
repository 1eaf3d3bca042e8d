"""The portable form of a program: tensor functions and kernels, a plan over named state, and its origin.

`capsule.stablehlo_artifact` is not part of what this module offers, since it needs jaxlib.
"""

from .model import Capsule, Origin, Result, Role, Routine, Signature, StateArray
from .plan import Array, Bounds, Call, Index, Loop, Operand, Step, Sweep, bound_arrays

__all__ = [
    "Array",
    "Bounds",
    "Call",
    "Capsule",
    "Index",
    "Loop",
    "Operand",
    "Origin",
    "Result",
    "Role",
    "Routine",
    "Signature",
    "StateArray",
    "Step",
    "Sweep",
    "bound_arrays",
]
