"""Writing files whole or not at all, and what is no file as it is."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from exalift.base import write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("before, and longer")
    write_atomically(target, "after")
    assert target.read_text() == "after"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("before")
    link = tmp_path / "link.txt"
    link.symlink_to("real.txt")
    write_atomically(link, b"after")
    assert link.is_symlink() and (tmp_path / "real.txt").read_bytes() == b"after"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As `-o /dev/null` is: as root, a rename would put a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, "through")
    reader.join(30)
    assert found == [b"through"] and pipe.is_fifo()


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_atomically(tmp_path / "missing" / "out.txt", "x")
