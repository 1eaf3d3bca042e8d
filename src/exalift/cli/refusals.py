"""Refusals as a compiler shows them: place, message, source line, caret, hint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from exalift.base import Diagnostic, RefusedError

from .console import say


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


def tell_missing(console: Console, diagnostics: Sequence[Diagnostic]) -> None:
    """Why some functions of a file are not lifted, where others are: warnings."""
    if diagnostics:
        say(console, "functions that are not lifted:")
        say(console, render_diagnostics([replace(d, severity="warning") for d in diagnostics]))


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
