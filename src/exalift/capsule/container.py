"""The file: a fixed header, the manifest, and the blobs that it names, one after another to the last byte.

The header says the version and the manifest's length and SHA-256, and holds the public key and the
signature, zeros where there is none. The manifest holds every blob's SHA-256; so the one signature, over the
manifest's hash, covers all. There are no names of files in it, so no path can leave a folder.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exalift.base import UsageError, write_atomically

from . import limits
from .check import check_capsule
from .manifest import blob_sizes, decode, encode, parse, version_of
from .model import Capsule

if TYPE_CHECKING:
    from .signing import SigningKey

MAGIC = b"\x89XCAP\r\n\x1a"
_HEADER = struct.Struct("<8sII32s32s64s")
_UNSIGNED = bytes(32)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A capsule as it came from a file.

    sha256: of the manifest, in hexadecimal; it names the capsule and all that is in it.
    signer: the public key whose signature holds, empty for a capsule without one.
    """

    capsule: Capsule
    sha256: str
    signer: bytes


def _message(digest: bytes) -> bytes:
    return b"exalift capsule, manifest sha256:" + digest


def to_bytes(capsule: Capsule, key: SigningKey | None = None) -> bytes:
    """The file's bytes: the same for the same capsule and key.

    Raises UsageError for a capsule that breaks a rule or is too large.
    """
    check_capsule(capsule)
    packed = encode(capsule)
    digest = hashlib.sha256(packed.manifest).digest()
    public, signature = (key.public, key.sign(_message(digest))) if key else (_UNSIGNED, bytes(64))
    header = _HEADER.pack(MAGIC, version_of(capsule), len(packed.manifest), digest, public, signature)
    data = b"".join([header, packed.manifest, *packed.blobs])
    if len(packed.manifest) > limits.MANIFEST_BYTES or len(data) > limits.FILE_BYTES:
        raise UsageError(f"the capsule would have {len(data)} bytes, more than a capsule may have")
    return data


def from_bytes(data: bytes) -> Sealed:
    """Read and check a capsule; nothing of it runs.

    Raises UsageError for anything but a whole capsule of a known version whose hashes, and signature if it
    has one, hold.
    """
    if len(data) > limits.FILE_BYTES:
        raise UsageError(f"it has more than {limits.FILE_BYTES} bytes, which no capsule has")
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise UsageError(
            "it is not a capsule, or its beginning is missing; exalift pack makes one of a source file"
        )
    _, version, length, digest, public, signature = _HEADER.unpack_from(data)
    if not 1 <= version <= limits.FORMAT_VERSION:
        newer = "made by a newer Exalift" if version > limits.FORMAT_VERSION else "of no known version"
        raise UsageError(f"it is {newer}: version {version}, and up to {limits.FORMAT_VERSION} is known here")
    if length > limits.MANIFEST_BYTES or _HEADER.size + length > len(data):
        raise UsageError(f"its manifest of {length} bytes is not whole, or too long")
    manifest = data[_HEADER.size : _HEADER.size + length]
    if hashlib.sha256(manifest).digest() != digest:
        raise UsageError("its manifest is not the one that was written: the hash differs")
    signer = _signer(public, signature, digest)
    fields = parse(manifest, version)
    capsule = decode(fields, _blobs(data, _HEADER.size + length, blob_sizes(fields)))
    check_capsule(capsule)
    return Sealed(capsule, digest.hex(), signer)


def _signer(public: bytes, signature: bytes, digest: bytes) -> bytes:
    if public == _UNSIGNED:
        if any(signature):
            raise UsageError("it has a signature and no key")
        return b""
    from .signing import is_signed_by  # the library is optional

    if not is_signed_by(public, signature, _message(digest)):
        raise UsageError("its signature does not hold: it was changed after it was signed")
    return public


def _blobs(data: bytes, start: int, sizes: tuple[tuple[str, int], ...]) -> dict[str, bytes]:
    if start + sum(size for _, size in sizes) != len(data):
        raise UsageError("it is cut short, or goes on after its end")
    found: dict[str, bytes] = {}
    for digest, size in sizes:
        blob = data[start : start + size]
        start += size
        if digest in found or hashlib.sha256(blob).hexdigest() != digest:
            raise UsageError(f"a part of it is not the one that was written: {digest[:16]} differs")
        found[digest] = blob
    return found


def write_capsule(capsule: Capsule, path: str | Path, key: SigningKey | None = None) -> None:
    """Write the file as a whole or not at all. Raises UsageError as `to_bytes` does, OSError."""
    write_atomically(path, to_bytes(capsule, key))


def read_capsule(path: str | Path) -> Sealed:
    """Read a file. Raises UsageError as `from_bytes` does, with the file's name; OSError."""
    with open(path, "rb") as stream:
        data = stream.read(limits.FILE_BYTES + 1)
    try:
        return from_bytes(data)
    except UsageError as error:
        raise UsageError(f"{path} cannot be used: {error}") from error


def is_capsule(path: str | Path) -> bool:
    """Whether a file begins as capsules do. False where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
