"""The portable form of a program: tensor functions and kernels, a plan over named state, and its origin.

`capsule.stablehlo_artifact` (which needs jaxlib), `capsule.signing` (which needs cryptography) and
`capsule.kernels` are not part of what this module offers.
"""

from .check import check_capsule, check_name
from .compiled_code import CodeKey, CompiledCode, trusted_codes
from .container import Sealed, from_bytes, is_capsule, read_capsule, to_bytes, write_capsule
from .cursor import START, Cursor, Leaf, Walk
from .integers import Integer, check_integers, integer_name, integers_of
from .liveness import live_at
from .model import Capsule, Origin, Result, Role, Routine, Signature, StateArray
from .plan import Array, Bounds, Call, Index, Loop, Operand, Step, Sweep, bound_arrays

__all__ = [
    "START",
    "Array",
    "Bounds",
    "Call",
    "Capsule",
    "CodeKey",
    "CompiledCode",
    "Cursor",
    "Index",
    "Integer",
    "Leaf",
    "Loop",
    "Operand",
    "Origin",
    "Result",
    "Role",
    "Routine",
    "Sealed",
    "Signature",
    "StateArray",
    "Step",
    "Sweep",
    "Walk",
    "bound_arrays",
    "check_capsule",
    "check_integers",
    "check_name",
    "from_bytes",
    "integer_name",
    "integers_of",
    "is_capsule",
    "live_at",
    "read_capsule",
    "to_bytes",
    "trusted_codes",
    "write_capsule",
]
