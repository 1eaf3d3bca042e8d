"""Named ops that MLIR has given up, in the words that it has for them now.

`linalg.add`, `linalg.exp` and their kin are `linalg.elementwise` of a kind, and the transposed forms of
matrix products are indexing maps. Texts that are some years old still have them, and each is replaced
where it stands, on its line, so that places stay what they are.
Source: MLIR's documentation, page "'linalg' Dialect", ops `elementwise`, `matmul` and `batch_matmul`.
"""

from __future__ import annotations

import re

_KINDS = {
    "abs": "abs",
    "add": "add",
    "ceil": "ceil",
    "div": "div",
    "div_unsigned": "div_unsigned",
    "erf": "erf",
    "exp": "exp",
    "floor": "floor",
    "log": "log",
    "max": "max_signed",
    "min": "min_signed",
    "mul": "mul",
    "negf": "negf",
    "powf": "powf",
    "reciprocal": "reciprocal",
    "round": "round",
    "rsqrt": "rsqrt",
    "select": "select",
    "sqrt": "sqrt",
    "square": "square",
    "sub": "sub",
    "tanh": "tanh",
}
_MAPS = {
    "matmul_transpose_a": ("matmul", "d0, d1, d2", "(d2, d0)", "(d2, d1)", "(d0, d1)"),
    "matmul_transpose_b": ("matmul", "d0, d1, d2", "(d0, d2)", "(d1, d2)", "(d0, d1)"),
    "batch_matmul_transpose_a": (
        "batch_matmul",
        "d0, d1, d2, d3",
        "(d0, d3, d1)",
        "(d0, d3, d2)",
        "(d0, d1, d2)",
    ),
    "batch_matmul_transpose_b": (
        "batch_matmul",
        "d0, d1, d2, d3",
        "(d0, d1, d3)",
        "(d0, d2, d3)",
        "(d0, d1, d2)",
    ),
}
_OLD = re.compile(rf"\blinalg\.({'|'.join((*_KINDS, *_MAPS))})(?=\s+ins\b)")


def with_current_names(text: str) -> str:
    """The text with ops that MLIR no longer has replaced by what they are now."""
    return _OLD.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    name = found[1]
    if name in _KINDS:
        return f"linalg.elementwise <{_KINDS[name]}>"
    now, dims, *places = _MAPS[name]
    maps = ", ".join(f"affine_map<({dims}) -> {place}>" for place in places)
    return f"linalg.{now} indexing_maps = [{maps}]"
