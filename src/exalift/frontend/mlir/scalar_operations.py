"""The meaning of scalar operations, by name, and of the C library's mathematics.

Source: ISO C17, 7.12, for the functions' names.
"""

from __future__ import annotations

from collections.abc import Sequence

from .facts import Facts, ScalarOperation
from .float_operations import FLOAT_LOWERINGS
from .integer_operations import INTEGER_LOWERINGS
from .scalars import Scalar

_LOWERINGS = FLOAT_LOWERINGS | INTEGER_LOWERINGS


def lower(operation: ScalarOperation) -> Scalar | None:
    """The value of a scalar operation; None where its name is not known.

    Raises Unsupported for an operation that is known and not taken.
    """
    lowering = _LOWERINGS.get(operation.name)
    return None if lowering is None else lowering(operation)


def library_function(name: str, operands: Sequence[Scalar], facts: Facts) -> Scalar | None:
    """The value of a call of the C library; None where the name is not known or the types do not fit."""
    stem = name[:-1] if name.endswith("f") and name[:-1] in _LIBRARY else name
    target = _LIBRARY.get(stem)
    if target is None or not operands or any(not o.dtype.is_float for o in operands):
        return None
    try:
        return lower(ScalarOperation(target, tuple(operands), {}, operands[-1].dtype, facts))
    except ValueError:  # the number of operands is wrong: not the library's function
        return None


_LIBRARY = {
    "sqrt": "math.sqrt",
    "cbrt": "math.cbrt",
    "exp": "math.exp",
    "exp2": "math.exp2",
    "expm1": "math.expm1",
    "log": "math.log",
    "log2": "math.log2",
    "log10": "math.log10",
    "log1p": "math.log1p",
    "sin": "math.sin",
    "cos": "math.cos",
    "tan": "math.tan",
    "tanh": "math.tanh",
    "atan2": "math.atan2",
    "sinh": "math.sinh",
    "cosh": "math.cosh",
    "atanh": "math.atanh",
    "asin": "math.asin",
    "acos": "math.acos",
    "atan": "math.atan",
    "erf": "math.erf",
    "pow": "math.powf",
    "fabs": "math.absf",
    "floor": "math.floor",
    "ceil": "math.ceil",
    "round": "math.round",
    "rint": "math.roundeven",
    "nearbyint": "math.roundeven",
    "trunc": "math.trunc",
    "fma": "math.fma",
    "fmod": "arith.remf",
    "fmax": "arith.maxnumf",
    "fmin": "arith.minnumf",
}
