"""The machine's own compiled code: found again, bounded, the user's alone, whole whoever writes beside."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from exalift.base import DeviceError
from exalift.capsule import CodeKey
from exalift.devices import CodeFolder, Compilation
from exalift.devices.processor import describe_processor

KEY = CodeKey("iree-cpu", "IREE 3", "any", "ab" * 32)
KEYS = [replace(KEY, source=f"{number:064x}") for number in range(8)]


def code_of(key: CodeKey) -> bytes:
    return key.source.encode() * 50


def test_what_is_kept_is_found_under_its_whole_key(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "a" / "code")
    assert folder.find(KEY) is None
    folder.keep(KEY, b"code")
    assert folder.find(KEY) == b"code"
    for other in ("device", "compiler", "processor", "source"):
        assert folder.find(replace(KEY, **{other: "cd" * 32})) is None
    assert (tmp_path / "a" / "code").stat().st_mode & 0o777 == 0o700


def test_files_that_were_changed_or_renamed_are_not_believed(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "code")
    folder.keep(KEY, b"code")
    (path,) = (tmp_path / "code").iterdir()
    good = path.read_bytes()
    for bad in (good[:-1] + b"E", good[:-4], good[:-1], b"", good[:20], good + b"more"):
        path.write_bytes(bad)
        assert folder.find(KEY) is None and not path.exists()
    folder.keep(KEYS[1], b"other")
    (path,) = (tmp_path / "code").iterdir()
    folder.keep(KEY, b"code")
    (own,) = set((tmp_path / "code").iterdir()) - {path}
    path.rename(own)
    assert folder.find(KEY) is None


def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "code")
    folder.keep(KEY, b"code")
    (tmp_path / "code").chmod(0o755)
    assert folder.find(KEY) is None
    folder.keep(KEYS[0], b"code")
    assert len(list((tmp_path / "code").iterdir())) == 1
    (tmp_path / "code").chmod(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "code")
    assert CodeFolder(tmp_path / "link").find(KEY) is None
    (tmp_path / "file").write_text("")
    CodeFolder(tmp_path / "file").keep(KEY, b"code")
    assert CodeFolder(tmp_path / "file").find(KEY) is None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "code", most_bytes=4 * 3600)
    for age, key in enumerate(KEYS[:3]):
        folder.keep(key, code_of(key))
        newest = max((tmp_path / "code").iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (1000 + age, 1000 + age))
    assert folder.find(KEYS[0]) is not None
    for key in KEYS[3:5]:
        folder.keep(key, code_of(key))
    assert [folder.find(key) is not None for key in KEYS[:5]] == [True, False, True, True, True]
    folder.keep(KEYS[5], b"x" * 20000)
    assert folder.find(KEYS[5]) is None


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "code")
    folder.keep(KEY, b"code")
    old, new = tmp_path / "code" / ".old", tmp_path / "code" / ".new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    folder.keep(KEYS[0], b"code")
    assert not old.exists() and new.exists()


def hammer(path: Path, seed: int) -> None:
    folder = CodeFolder(path, most_bytes=4 * 3600)
    for turn in range(150):
        key = KEYS[(turn * 5 + seed) % len(KEYS)]
        found = folder.find(key)
        assert found is None or found == code_of(key)
        folder.keep(key, code_of(key))


def test_writers_beside_one_another_see_whole_code_or_none(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=hammer, args=(tmp_path / "code", seed)) for seed in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]


def test_code_that_cannot_be_loaded_is_made_anew(tmp_path: Path) -> None:
    folder = CodeFolder(tmp_path / "code")
    how, made = Compilation(codes=folder), list[int]()

    def load(code: bytes) -> bytes:
        if code == b"bad":
            raise DeviceError("bad code")
        return code

    def make() -> bytes:
        made.append(1)
        return b"good"

    folder.keep(KEY, b"bad")
    assert how.loaded(KEY, make, load) == b"good" and folder.find(KEY) == b"good"
    assert how.loaded(KEY, make, load) == b"good" and len(made) == 1
    with pytest.raises(DeviceError):
        Compilation().loaded(KEY, lambda: b"bad", load)


def test_a_processor_is_its_model_and_features() -> None:
    listing = "vendor_id\t: GenuineIntel\nmodel\t\t: 143\nflags\t\t: {}\ncpu MHz\t\t: {}\n\nprocessor\t: 1\n"
    first = describe_processor(listing.format("avx2", 2000))
    assert first == describe_processor(listing.format("avx2", 3100)) and "model 143" in first
    assert first != describe_processor(listing.format("avx2 avx512f", 2000))
    assert first != describe_processor(listing.replace("143", "144").format("avx2", 2000))
