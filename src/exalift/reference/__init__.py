"""The source itself, compiled by the system's C compiler and called: what every check compares with."""

from .comparison import Difference, compare, tolerance
from .compilers import Compiler, available_compilers, find_compiler
from .errors import NativeError
from .inputs import InputRules, random_inputs
from .measurement import Timing, measure
from .native import DEFAULT_FLAGS, NativeFunction, compile_c

__all__ = [
    "DEFAULT_FLAGS",
    "Compiler",
    "Difference",
    "InputRules",
    "NativeError",
    "NativeFunction",
    "Timing",
    "available_compilers",
    "compare",
    "compile_c",
    "find_compiler",
    "measure",
    "random_inputs",
    "tolerance",
]
