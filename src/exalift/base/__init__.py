"""What every layer may use: spans, diagnostics, errors, element types, safe files."""

from .diagnostics import Diagnostic
from .dtypes import DType
from .errors import DeviceError, ExaliftError, RefusedError, UsageError, VerificationError
from .files import write_atomically
from .span import NO_SPAN, Span
from .tensors import TensorShape

__all__ = [
    "NO_SPAN",
    "DType",
    "DeviceError",
    "Diagnostic",
    "ExaliftError",
    "RefusedError",
    "Span",
    "TensorShape",
    "UsageError",
    "VerificationError",
    "write_atomically",
]
