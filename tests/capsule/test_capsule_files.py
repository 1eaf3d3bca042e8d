"""Capsules as files: the same bytes each time, read back whole or refused, whatever is done to them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.base import UsageError
from exalift.capsule import Capsule, Origin, from_bytes, is_capsule, read_capsule, to_bytes, write_capsule
from exalift.capsule.limits import FORMAT_VERSION
from exalift.capsule.signing import make_key, read_key
from sample_capsules import mixing

DATA = to_bytes(mixing())
HEADER = 144


HUGE = {"name": "x", "type": {"dtype": "f64", "shape": [1 << 39]}, "role": "argument", "parameter": 0}


def repacked(change: dict[str, object]) -> bytes:
    """The sample with fields of its manifest replaced, and the hashes made right again."""
    length = struct.unpack_from("<I", DATA, 12)[0]
    manifest = json.loads(DATA[HEADER : HEADER + length])
    manifest.update(change)
    text = json.dumps(manifest).encode()
    header = bytearray(DATA[:HEADER])
    header[12:16] = struct.pack("<I", len(text))
    header[16:48] = hashlib.sha256(text).digest()
    return bytes(header) + text + DATA[HEADER + length :]


def test_the_same_capsule_gives_the_same_bytes_and_comes_back() -> None:
    sealed = from_bytes(DATA)
    assert sealed.capsule == mixing() and not sealed.signer
    assert to_bytes(sealed.capsule) == DATA
    assert len(sealed.sha256) == 64


def test_certificate_and_kernels_come_back() -> None:
    capsule = dataclasses.replace(mixing(), origin=Origin("ab" * 32, "all-sizes", b"{}"))
    first, second = capsule.routines
    capsule = dataclasses.replace(
        capsule, routines=(dataclasses.replace(first, kernel="a kernel's text, \u00fc"), second)
    )
    assert from_bytes(to_bytes(capsule)).capsule == capsule


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(position: int, change: int) -> None:
    broken = bytearray(DATA)
    broken[position] ^= change
    with pytest.raises(UsageError):
        from_bytes(bytes(broken))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_no_missing_end_goes_unseen(length: int) -> None:
    with pytest.raises(UsageError):
        from_bytes(DATA[:length])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_other_files_and_long_tails_are_refused(tail: bytes) -> None:
    with pytest.raises(UsageError):
        from_bytes(tail)
    if tail:
        with pytest.raises(UsageError, match="goes on after its end"):
            from_bytes(DATA + tail)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ["name", "sizes", "state", "routines", "plan", "results", "origin", "blobs", "format", "other"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FIELDS), JSON)
def test_manifests_with_anything_in_them_are_refused_or_checked(field: str, value: object) -> None:
    """Whoever makes the hashes right can write any manifest: the answer is an error or a checked capsule."""
    try:
        capsule = from_bytes(repacked({field: value})).capsule
    except UsageError:
        return
    assert isinstance(capsule, Capsule)


def test_versions_of_the_future_are_refused() -> None:
    header = bytearray(DATA)
    header[8:12] = struct.pack("<I", FORMAT_VERSION + 1)
    with pytest.raises(UsageError, match=f"made by a newer Exalift: version {FORMAT_VERSION + 1}"):
        from_bytes(bytes(header))
    with pytest.raises(UsageError, match="version"):
        from_bytes(repacked({"version": FORMAT_VERSION + 1}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../../etc/passwd"}, "no proper name"),
        ({"results": [{"name": "/tmp/x", "array": "x"}]}, "no proper name"),
        ({"plan": [{"call": "nothing", "operands": [], "results": []}]}, "routine that there is not"),
        ({"plan": [{"call": "add", "operands": [{"array": "x"}], "results": ["y"]}]}, "other types"),
        ({"plan": [{"loop": "k", "from": [], "to": [], "body": []}]}, "no bounds"),
        ({"results": [{"name": "x", "array": "z"}]}, "array that there is not"),
        ({"unheard": 1}, "unknown field"),
        ({"blobs": []}, "goes on after its end"),
        (
            {"state": [HUGE] * 2},
            "two of the array",
        ),
        (
            {"state": [HUGE]},
            "more than",
        ),
    ],
)
def test_manifests_that_break_a_rule_say_which(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_bytes(repacked(change))


def test_deep_plans_are_refused_without_recursion() -> None:
    one = {"constant": 0, "terms": []}
    step: dict[str, object] = {"call": "add", "operands": [], "results": []}
    for depth in range(40):
        step = {"loop": f"k{depth}", "from": [one], "to": [one], "body": [step]}
    with pytest.raises(UsageError, match="deep"):
        from_bytes(repacked({"plan": [step]}))
    length = 100_000
    text = b'{"format":' + b"[" * length + b"]" * length + b"}"
    header = bytearray(DATA[:HEADER])
    header[12:16] = struct.pack("<I", len(text))
    header[16:48] = hashlib.sha256(text).digest()
    with pytest.raises(UsageError, match="not JSON"):
        from_bytes(bytes(header) + text)


def test_signatures_hold_or_are_refused(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key.pem")
    assert read_key(tmp_path / "key.pem").public == key.public
    signed = to_bytes(mixing(), key)
    assert from_bytes(signed).signer == key.public
    assert signed == to_bytes(mixing(), key)
    for position in (50, 100):
        broken = bytearray(signed)
        broken[position] ^= 1
        with pytest.raises(UsageError, match="signature does not hold"):
            from_bytes(bytes(broken))
    half = bytearray(signed)
    half[48:80] = bytes(32)
    with pytest.raises(UsageError, match="no key"):
        from_bytes(bytes(half))
    with pytest.raises(UsageError, match="exists"):
        make_key(tmp_path / "key.pem")
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(UsageError, match="not a private key"):
        read_key(tmp_path / "no.pem")


def test_files_are_written_whole_and_errors_name_them(tmp_path: Path) -> None:
    path = tmp_path / "job.xcap"
    write_capsule(mixing(), path)
    assert is_capsule(path) and read_capsule(path).capsule == mixing()
    path.write_bytes(DATA[:-1])
    with pytest.raises(UsageError, match=r"job\.xcap cannot be used: it is cut short"):
        read_capsule(path)
    assert not is_capsule(tmp_path / "nothing")
    with pytest.raises(UsageError, match="no proper name"):
        write_capsule(dataclasses.replace(mixing(), name="a/b"), path)
    assert path.read_bytes() == DATA[:-1]
