"""What is looked at before a text is parsed: its size, and how deep it nests.

MLIR's parser recurses, so a text that nests too deeply would end the process.
"""

from __future__ import annotations

import re

from exalift.base import Span

from .refusal import refused

MOST_BYTES = 64 << 20
DEEPEST = 200

_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|[({\[<]|->|>=|[)}\]>]')


def check_text(text: str, filename: str) -> None:
    """Raise RefusedError for a text larger than `MOST_BYTES` or nested deeper than `DEEPEST`."""
    whole = Span(filename, 1, 1, 1, 2)
    if len(text) > MOST_BYTES:
        raise refused(f"the module is larger than {MOST_BYTES >> 20} MiB", whole)
    if "\0" in text:
        raise refused("the module is not text", whole, "pass MLIR text, not bytecode")
    depth = 0
    for token in _TOKENS.finditer(text):
        first = token[0]
        if first in "({[<":
            depth += 1
            if depth > DEEPEST:
                line = text.count("\n", 0, token.start()) + 1
                raise refused(f"the module nests deeper than {DEEPEST}", Span(filename, line, 1, line, 2))
        elif first in ")}]>":
            depth -= 1
