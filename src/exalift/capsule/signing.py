"""Ed25519 keys and signatures (RFC 8032), as PEM files and raw bytes.

`cryptography` is optional: without it capsules are read and written, but not signed and not verified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exalift.base import UsageError, write_atomically

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError as missing:  # pragma: no cover - the tests install it
    raise UsageError("signatures need a library: pip install 'exalift[signing]'") from missing

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return self.key.sign(message)


def make_key(path: str | Path) -> SigningKey:
    """A new key, kept in a PEM file that only its owner reads. Raises UsageError where the file exists."""
    if Path(path).exists():
        raise UsageError(f"{path} exists, and a key is not written over")
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(path, text)
    Path(path).chmod(0o600)
    return SigningKey(key)


def read_key(path: str | Path) -> SigningKey:
    """Raises UsageError for a file that is no Ed25519 private key in PEM without a password, OSError."""
    try:
        key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is not a private key in PEM without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} is not an Ed25519 key")
    return SigningKey(key)


def read_public_key(path: str | Path) -> bytes:
    """32 bytes, from a PEM file of a public or a private key. Raises UsageError for others, OSError."""
    data = Path(path).read_bytes()
    if b"PRIVATE KEY" in data:
        return read_key(path).public
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError as error:
        raise UsageError(f"{path} is not a public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is not an Ed25519 key")
    return key.public_bytes_raw()


def write_public_key(key: SigningKey, path: str | Path) -> None:
    """The public half as a PEM file, for those who are to trust it. Raises OSError."""
    text = key.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_atomically(path, text)


def trusted_keys(paths: Iterable[str | Path]) -> frozenset[bytes]:
    """Public keys from PEM files, and from folders of such files (`*.pem`). Raises as `read_public_key`."""
    found: set[bytes] = set()
    for path in map(Path, paths):
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        found |= {read_public_key(file) for file in files}
    return frozenset(found)


def is_signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the key's, over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
