"""What holds for all tests: golden files, and how long a random example may take."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast examples come depends on what else the machine does, and says nothing of the code.
# Where CI is set, examples are the same in every run, so that a change is judged by what it changed.
settings.register_profile(
    "exalift",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("exalift")

# What a machine has kept from other runs is none of the tests' business.
_CACHE = tempfile.TemporaryDirectory(prefix="exalift-cache-")
os.environ["EXALIFT_CACHE"] = _CACHE.name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing with them"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(text, name)` compares text with the file `golden/NAME` beside the test's own file.

    With `--update-golden` it writes the file; look at the difference before it goes in.
    """

    def compare(text: str, name: str) -> None:
        path: Path = request.path.parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing: run with --update-golden and review it"
        assert text == path.read_text(), f"differs from {path}; if meant, run with --update-golden"

    return compare
