"""State on disk: torn writes cost the newest slot alone, and checkpoints are whole or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.base import UsageError
from exalift.capsule import Cursor, to_bytes
from exalift.runtime import checkpoint
from exalift.runtime.state_file import StateFile
from sample_capsules import mixing

CAPSULE = mixing()
FIRST, SECOND = Cursor((0, 0), (0, 3)), Cursor((0, 1), (1,))
OLD, NEW = ({name: np.full(8, value, np.int32) for name in ("x", "y")} for value in (1, 2))


def test_the_newest_whole_slot_is_read(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state", CAPSULE, create=True)
    assert file.read() is None
    file.write(FIRST, OLD, 5)
    file.write(SECOND, NEW, 6)
    file.close()
    file.close()
    file = StateFile(tmp_path / "state", CAPSULE)
    saved = file.read()
    assert saved is not None and (saved.cursor, saved.steps) == (SECOND, 6)
    np.testing.assert_array_equal(saved.state["x"], NEW["x"])
    file.close()


@pytest.mark.parametrize("torn", [0, 4, 8, 30])
def test_a_torn_header_leaves_the_slot_before(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "state"
    file = StateFile(path, CAPSULE, create=True)
    file.write(FIRST, OLD, 5)
    file.write(SECOND, NEW, 6)
    file.close()
    data = bytearray(path.read_bytes())
    newest = data.index(b'"sequence": 2') - 9
    data[newest + torn] ^= 0xFF
    path.write_bytes(bytes(data))
    file = StateFile(path, CAPSULE)
    saved = file.read()
    assert saved is not None and saved.cursor == FIRST
    np.testing.assert_array_equal(saved.state["y"], OLD["y"])
    file.close()


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"short")
    with pytest.raises(UsageError, match="not the state of mixing"):
        StateFile(tmp_path / "state", CAPSULE)


WHOLE = checkpoint.to_bytes(to_bytes(CAPSULE), FIRST, OLD)


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    checkpoint.write_checkpoint(WHOLE, tmp_path / "job.xckpt")
    found = checkpoint.read_checkpoint(tmp_path / "job.xckpt")
    assert found.capsule == CAPSULE and found.cursor == FIRST
    np.testing.assert_array_equal(found.state["x"], OLD["x"])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_checkpoint_goes_unseen(position: int, change: int) -> None:
    broken = bytearray(WHOLE)
    broken[position] ^= change
    with pytest.raises(UsageError):
        checkpoint.checkpoint_from_bytes(bytes(broken))
    with pytest.raises(UsageError):
        checkpoint.checkpoint_from_bytes(WHOLE[:position])


@pytest.mark.parametrize(
    ("cursor", "state"),
    [
        (Cursor((7,)), OLD),
        (FIRST, {"x": np.zeros(9, np.int32)}),
        (FIRST, {"z": np.zeros(8, np.int32)}),
    ],
)
def test_checkpoints_that_do_not_fit_their_capsule_are_refused(
    cursor: Cursor, state: dict[str, np.ndarray]
) -> None:
    with pytest.raises(UsageError):
        checkpoint.checkpoint_from_bytes(checkpoint.to_bytes(to_bytes(CAPSULE), cursor, state))
