"""What every layer may use: spans, diagnostics, errors, element types, safe files."""

from .array_files import read_arrays, write_arrays
from .assumptions import NO_ALIAS, NO_OVERFLOW
from .cache_folder import cache_folder
from .diagnostics import Diagnostic
from .dtypes import DType
from .errors import (
    DeviceError,
    ExaliftError,
    RefusedError,
    UnconfirmedError,
    UsageError,
    VerificationError,
)
from .fields import Fields, as_integer, as_list, as_text
from .files import write_atomically
from .float_functions import FLOAT_FUNCTIONS
from .random_numbers import default_range, input_generator, random_numbers
from .span import NO_SPAN, Span
from .tensors import TensorShape

__all__ = [
    "FLOAT_FUNCTIONS",
    "NO_ALIAS",
    "NO_OVERFLOW",
    "NO_SPAN",
    "DType",
    "DeviceError",
    "Diagnostic",
    "ExaliftError",
    "Fields",
    "RefusedError",
    "Span",
    "TensorShape",
    "UnconfirmedError",
    "UsageError",
    "VerificationError",
    "as_integer",
    "as_list",
    "as_text",
    "cache_folder",
    "default_range",
    "input_generator",
    "random_numbers",
    "read_arrays",
    "write_arrays",
    "write_atomically",
]
