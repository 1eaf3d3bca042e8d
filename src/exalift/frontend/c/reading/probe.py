"""Texts that clang itself may not survive are tried out in a process of their own first.

Macros that double at every use and expressions of many thousands of operators end a compiler by its
stack or by the machine's memory. Few texts look as if they could, and only those are tried.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

from exalift.base import Diagnostic, RefusedError, Span

_LONG = 60_000
"""Characters without a `;` or brace: an expression that may be too deep."""
_WIDE = 100_000
"""Tokens that a macro may expand to."""
_REPEATS = 12
_SECONDS = 10
_BYTES = 4 << 30

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)\n]*\))?((?:[^\n\\]|\\\r?\n|\\.)*)", re.MULTILINE)
_WORD = re.compile(r"\w+|[^\w\s]")

_CHILD = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({_BYTES}, {_BYTES}))
from clang import cindex
file, text = sys.argv[1], sys.stdin.buffer.read().decode("utf-8")
cindex.Index.create().parse(file, args=sys.argv[2:], unsaved_files=[(file, text)])
"""


def check_survives(text: str, file: str, arguments: Sequence[str]) -> None:
    """Raises RefusedError for a text with which a parse by clang ends in no answer."""
    if not _is_suspicious(text):
        return
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, file, *arguments],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=20 * _SECONDS,
            check=False,
        )
        survived = done.returncode == 0
    except subprocess.TimeoutExpired:
        survived = False
    if not survived:
        message = "clang gives up on this text: its expressions or macros are too large"
        raise RefusedError((Diagnostic(message, Span(file, 1, 1, 1, 1), "split what is long or nested"),))


def _is_suspicious(text: str) -> bool:
    if any(len(stretch) > _LONG for stretch in re.split(r"[;{}]", text)):
        return True
    bodies: dict[str, list[str]] = {}
    for define in _DEFINE.finditer(text):
        name, parameters, body = define[1], define[2] or "", define[3]
        words = _WORD.findall(body)
        bodies[name] = words
        repeated = any(words.count(p) > 1 for p in re.findall(r"\w+", parameters))
        if repeated and len(re.findall(rf"\b{name}\b", text)) > _REPEATS:
            return True
    return any(_is_wide(name, bodies) for name in bodies)


def _is_wide(name: str, bodies: dict[str, list[str]]) -> bool:
    """Whether the macro may expand to very many tokens, counted level by level."""
    level: dict[str, int] = {name: 1}
    total = 0
    for _ in range(len(bodies) + 1):
        following: dict[str, int] = {}
        for macro, times in level.items():
            for word in bodies[macro]:
                if word in bodies and word != macro:
                    following[word] = following.get(word, 0) + times
                else:
                    total += times
        if total > _WIDE or sum(following.values()) > _WIDE:
            return True
        if not following:
            return False
        level = following
    return False
