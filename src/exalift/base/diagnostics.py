"""Messages that point into a source text."""

from __future__ import annotations

from dataclasses import dataclass

from .span import Span


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
        rows = [str(self)]
        lines = text.splitlines()
        if self.span.line <= len(lines):
            line = lines[self.span.line - 1]
            width = 1
            if self.span.end_line == self.span.line:
                width = max(1, self.span.end_column - self.span.column)
            # Tabs stay tabs in the margin so that the caret lines up however wide they are shown.
            margin = "".join("\t" if c == "\t" else " " for c in line[: self.span.column - 1])
            rows += [f"  {line}", f"  {margin}^{'~' * (min(width, len(line)) - 1)}"]
        if self.hint:
            rows.append(f"  hint: {self.hint}")
        return "\n".join(rows)
