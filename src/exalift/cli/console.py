"""Where human output goes, and how progress is shown: on stderr, and only if someone is looking."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text


def output_console() -> Console:
    """Stdout, for what a command is asked for."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def message_console(quiet: bool = False) -> Console:
    """Stderr, for everything said about the work; silent where `quiet`."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True, quiet=quiet)


def say(console: Console, message: str, style: str = "") -> None:
    """Print text as it is: source code is full of square brackets, which rich would take for markup."""
    console.print(Text(message, style=style))


def error(message: str) -> None:
    """An error message on stderr, never silenced."""
    say(message_console(), f"exalift: {message}", "bold red" if sys.stderr.isatty() else "")


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide a table's columns may be, by hand, since rich's own tables wrap where a pipe has no width."""

    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()

    def lines(self) -> tuple[str, ...]:
        """The rows with every column padded to its widest cell; columns in `right` are flush right."""
        widths = (
            [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))] if self.rows else []
        )
        lines: list[str] = []
        for row in self.rows:
            cells = [
                cell.rjust(width) if position in self.right else cell.ljust(width)
                for position, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return tuple(lines)
