"""Compiled code in capsules: whole, bounded, and believed only where a trusted key signed it."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import pytest
from test_capsule_files import HEADER, repacked

from exalift.base import UsageError
from exalift.capsule import CodeKey, CompiledCode, from_bytes, limits, to_bytes, trusted_codes
from exalift.capsule.signing import make_key, trusted_keys, write_public_key
from sample_capsules import mixing

KEY = CodeKey("iree-cpu", "IREE 3.13.0 abc", "x86_64, 105 features 6a93", "ab" * 32)
CODE = CompiledCode(KEY, "mix", b"machine code")
OTHER = CompiledCode(dataclasses.replace(KEY, device="aarch64"), "add", b"other code")
WITH = dataclasses.replace(mixing(), codes=(CODE, OTHER))


def version(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 8)[0])


def test_code_comes_back_in_the_same_bytes() -> None:
    data = to_bytes(WITH)
    assert version(data) == 2 and data == to_bytes(WITH)
    assert from_bytes(data).capsule == WITH
    assert to_bytes(from_bytes(data).capsule) == data


def test_a_capsule_says_no_newer_version_than_it_needs() -> None:
    plain = to_bytes(mixing())
    assert version(plain) == 1
    assert to_bytes(dataclasses.replace(from_bytes(to_bytes(WITH)).capsule, codes=())) == plain
    strict = dataclasses.replace(mixing(), strict_fp=True)
    assert version(to_bytes(strict)) == 2 and from_bytes(to_bytes(strict)).capsule == strict


def test_a_program_that_knows_the_first_version_alone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(WITH)
    monkeypatch.setattr(limits, "FORMAT_VERSION", 1)
    with pytest.raises(UsageError, match="made by a newer Exalift: version 2, and up to 1 is known here"):
        from_bytes(data)
    from_bytes(to_bytes(mixing()))


def test_fields_belong_to_their_version() -> None:
    for field, value in (("codes", []), ("strict_fp", True)):
        with pytest.raises(UsageError, match="unknown field"):
            from_bytes(repacked({field: value}))
    with pytest.raises(UsageError, match="version"):
        from_bytes(repacked({"version": 2, "codes": [], "strict_fp": False}))
    data = bytearray(to_bytes(mixing()))
    data[8:12] = struct.pack("<I", 2)
    with pytest.raises(UsageError, match="version"):
        from_bytes(bytes(data))


def test_code_that_is_not_what_was_hashed_is_refused() -> None:
    data = to_bytes(WITH)
    place = data.index(CODE.code)
    broken = data[:place] + b"M" + data[place + 1 :]
    with pytest.raises(UsageError, match="not the one that was written"):
        from_bytes(broken)
    length = struct.unpack_from("<I", data, 12)[0]
    manifest = json.loads(data[HEADER : HEADER + length])
    assert [one["routine"] for one in manifest["codes"]] == ["mix", "add"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (dataclasses.replace(CODE, routine="none"), "routine that there is not"),
        (dataclasses.replace(CODE, code=b""), "0 bytes"),
        (dataclasses.replace(CODE, key=dataclasses.replace(KEY, device="../cpu")), "no proper name"),
        (dataclasses.replace(CODE, key=dataclasses.replace(KEY, compiler="")), "what it is for"),
        (dataclasses.replace(CODE, key=dataclasses.replace(KEY, processor="a\nb")), "what it is for"),
        (dataclasses.replace(CODE, key=dataclasses.replace(KEY, source="")), "made from"),
        (OTHER, "two compiled codes"),
    ],
)
def test_code_that_breaks_a_rule_is_refused(code: CompiledCode, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        to_bytes(dataclasses.replace(mixing(), codes=(OTHER, code)))


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(WITH)
    for name, most in (("CODE_BYTES", 11), ("ALL_CODE_BYTES", 20), ("CODES", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(limits, name, most)
            with pytest.raises(UsageError):
                from_bytes(data)


def test_code_is_believed_where_a_trusted_key_signed_it(tmp_path: Path) -> None:
    mine, theirs = make_key(tmp_path / "mine.pem"), make_key(tmp_path / "theirs.pem")
    signed, unsigned = from_bytes(to_bytes(WITH, mine)), from_bytes(to_bytes(WITH))
    assert trusted_codes(signed, {mine.public}) == {KEY: CODE.code, OTHER.key: OTHER.code}
    assert not trusted_codes(signed, {theirs.public}) and not trusted_codes(signed, ())
    assert not trusted_codes(unsigned, {mine.public}) and not trusted_codes(unsigned, {b""})


def test_trusted_keys_are_files_or_folders_of_them(tmp_path: Path) -> None:
    keys = [make_key(tmp_path / f"{name}.pem") for name in "ab"]
    folder = tmp_path / "trusted"
    folder.mkdir()
    for number, key in enumerate(keys):
        write_public_key(key, folder / f"{number}.pem")
    (folder / "readme.txt").write_text("not a key")
    assert trusted_keys([folder]) == {key.public for key in keys}
    assert trusted_keys([tmp_path / "a.pem", folder / "0.pem"]) == {keys[0].public}
    (folder / "2.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(UsageError, match=r"2\.pem is not a public key"):
        trusted_keys([folder])
