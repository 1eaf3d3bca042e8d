"""What preprocessor lines may name: ordinary files. A device or a pipe would never end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from exalift.base import Diagnostic, RefusedError, Span

# Names in quotes or angle brackets on lines of the preprocessor, those that macros hold included.
_DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:|\?\?=)(?:[^\n\\]|\\\r?\n|\\.)*", re.MULTILINE)
_NAME = re.compile(r'"([^"\n]+)"|<([^>\n]+)>')


def check_includes(text: str, filename: str, include_directories: Sequence[str]) -> None:
    """Raises RefusedError where a line of the preprocessor names something that is there but no file."""
    folders = [Path(filename).parent, *map(Path, include_directories)]
    for directive in _DIRECTIVE.finditer(text):
        for name in _NAME.finditer(directive[0]):
            spelled = name[1] or name[2]
            if any(_is_special(folder, spelled) for folder in folders):
                start = directive.start() + name.start()
                line = text.count("\n", 0, start) + 1
                column = start - (text.rfind("\n", 0, start) + 1) + 1
                span = Span(filename, line, column, line, column + len(name[0]))
                raise RefusedError((Diagnostic(f"`{spelled}` is no ordinary file", span),))


def _is_special(folder: Path, name: str) -> bool:
    try:
        path = folder / name
        return path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):
        return False
