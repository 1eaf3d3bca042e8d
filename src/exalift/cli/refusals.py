"""Refusals as a compiler shows them: place, message, source line, caret, hint."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exalift.base import Diagnostic, RefusedError


def render_diagnostics(diagnostics: Iterable[Diagnostic]) -> str:
    """Every diagnostic with its line of source, where the file can still be read."""
    texts: dict[str, str] = {}
    rows: list[str] = []
    for diagnostic in diagnostics:
        file = diagnostic.span.file
        if file not in texts:
            texts[file] = _text(file)
        rows.append(diagnostic.render(texts[file]))
    return "\n".join(rows)


def render_refusal(refusal: RefusedError) -> str:
    return render_diagnostics(refusal.diagnostics)


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
