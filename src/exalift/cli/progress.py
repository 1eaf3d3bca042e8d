"""Progress of a search, on a terminal only: region, level, candidates, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from exalift.synthesis import RegionProgress

ShowProgress = Callable[[RegionProgress], None]


@contextmanager
def search_progress(what: str, quiet: bool) -> Generator[ShowProgress | None]:
    """Something to tell progress to, or None where nobody is looking."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    console = Console(file=sys.stderr, highlight=False)
    with console.status(f"lifting {what}") as status:
        yield lambda progress: _show(status, what, progress)


def _show(status: Status, what: str, progress: RegionProgress) -> None:
    first, last = progress.lines
    status.update(
        f"{what}: region {progress.number} of {progress.total} (lines {first}-{last}), "
        f"level {progress.level}, {progress.candidates:,} candidates, "
        f"{max(0.0, progress.seconds_left):.0f} s left"
    )
