"""Shapes for arrays, flat subscripts taken apart, and the affine program written."""

from .finish import NotSizesError, finish

__all__ = ["NotSizesError", "finish"]
