"""Messages that point into a source text."""

from __future__ import annotations

from dataclasses import dataclass

from .span import Span

_SHOWN = 200
"""Of a longer line only what is around the place is shown."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message about one place: the cause, and what to do about it (`hint`, may be empty)."""

    message: str
    span: Span
    hint: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.span}: {self.severity}: {self.message}"

    def render(self, text: str) -> str:
        """The message with the source line and a caret under the place.

        `text` is the whole source file; a line that is not in it is left out.
        """
        rows = [_printable(str(self))]
        lines = text.split("\n", self.span.line)
        if self.span.line <= len(lines):
            line = lines[self.span.line - 1].rstrip("\r")
            width = 1
            if self.span.end_line == self.span.line:
                width = max(1, self.span.end_column - self.span.column)
            # Columns count bytes, as parsers do.
            encoded = line.encode("utf-8", "surrogatepass")
            place = len(encoded[: self.span.column - 1].decode("utf-8", "ignore"))
            rows += _marked(line, place, width)
        if self.hint:
            rows.append(f"  hint: {_printable(self.hint)}")
        return "\n".join(rows)


def _marked(line: str, column: int, width: int) -> tuple[str, str]:
    """The line, or what is around the place in a long one, and a caret with a tail below it."""
    start = max(0, column - _SHOWN // 2) if len(line) > _SHOWN else 0
    shown, place = line[start : start + _SHOWN], column - start
    before = "..." if start else ""
    after = "..." if start + _SHOWN < len(line) else ""
    # Tabs stay tabs in the margin so that the caret lines up however wide they are shown.
    margin = " " * len(before) + "".join("\t" if c == "\t" else " " for c in shown[:place])
    tail = "~" * (min(width, len(shown) - place) - 1)
    return f"  {before}{_printable(shown)}{after}", f"  {margin}^{tail}"


def _printable(text: str) -> str:
    """Without characters that would steer a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
