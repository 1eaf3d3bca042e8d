"""Where a client looks for its daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from exalift.base import UsageError
from exalift.runtime.client import Client, default_root


def test_the_folder_is_told_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXALIFT_ROOT", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert default_root() == tmp_path / "home" / ".exalift"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert default_root() == tmp_path / "run" / "exalift"
    monkeypatch.setenv("EXALIFT_ROOT", str(tmp_path / "told"))
    assert default_root() == tmp_path / "told"


def test_a_folder_without_a_daemon_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start one: exalift serve"):
        Client(tmp_path)
