"""Certificates: a verdict in a file, tied by hashes to both texts, and to what the source was read as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from exalift.affine import Program, print_program
from exalift.base import UsageError, write_atomically

from .verdict import Level, Status, Verdict

SCHEMA = 2
_READ = (1, 2)
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class CertifiedSource:
    """A source: its text, the macros that it was read with ("N=8"), and what it was read as."""

    text: str
    program: Program
    defines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was proved, of which two texts, and how to say so again.

    source_sha256, target_sha256: of the texts, as UTF-8.
    program_sha256: of the affine program that the source was read as, printed (`print_program`). Macros,
        headers and types of the machine are in it, whatever the paths at which they were found. Schema 1 has
        none.
    defines: the macros, as given, for people to read.
    sizes: the tuples of sizes at which the level was established.
    witness: counts of how it was decided. It holds nothing that would spare a checker work.
    """

    function: str
    source_sha256: str
    program_sha256: str
    defines: tuple[str, ...]
    target_sha256: str
    level: Level
    sizes: tuple[Mapping[str, int], ...]
    assumptions: tuple[str, ...]
    witness: Mapping[str, int]

    def matches(self, source: CertifiedSource, target: str) -> bool:
        """Whether the certificate is about this source, read as it was, and this text."""
        return not self.mismatch(source, target)

    def mismatch(self, source: CertifiedSource, target: str) -> str:
        """Why the certificate is about something else; empty where it is not."""
        if (self.source_sha256, self.target_sha256) != (digest(source.text), digest(target)):
            return "the source or the module has changed since"
        if not self.program_sha256:
            return "it is of schema 1, which does not say what was read"
        if self.program_sha256 != digest(print_program(source.program)):
            return (
                f"the source was read with {_macros(self.defines)}, and now with {_macros(source.defines)}"
                if self.defines != source.defines
                else "the source is read otherwise now: a header has changed, or the front end"
            )
        return ""


def digest(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _macros(defines: Sequence[str]) -> str:
    return " ".join(f"-D {define}" for define in defines) or "no macros"


def certify(function: str, source: CertifiedSource, target: str, verdict: Verdict) -> Certificate:
    """The certificate of a verdict; raises UsageError where nothing was established."""
    if verdict.status is Status.REFUTED or verdict.level is None:
        raise UsageError(f"{function}: there is nothing to certify ({verdict})")
    return Certificate(
        function,
        digest(source.text),
        digest(print_program(source.program)),
        source.defines,
        digest(target),
        verdict.level,
        tuple(dict(sizes) for sizes in verdict.sizes),
        verdict.assumptions,
        dict(verdict.witness),
    )


def certificate_path(target: str | Path) -> Path:
    """Where the certificates of a module lie: beside it, `gemm.mlir` in `gemm.mlir.cert.json`."""
    return Path(f"{target}.cert.json")


def write_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write as JSON; the file is replaced as a whole or not at all. Raises OSError."""
    write_atomically(path, certificate_text(certificate))


def certificate_text(certificate: Certificate) -> str:
    """The certificate as JSON, as files hold it."""
    return json.dumps(_content(certificate), indent=1) + "\n"


def write_certificates(certificates: Sequence[Certificate], path: str | Path) -> None:
    """As `write_certificate`, one for each function of a module, in a list."""
    content = [_content(certificate) for certificate in certificates]
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def _content(certificate: Certificate) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "function": certificate.function,
        "source_sha256": certificate.source_sha256,
        "program_sha256": certificate.program_sha256,
        "defines": list(certificate.defines),
        "target_sha256": certificate.target_sha256,
        "level": certificate.level.value,
        "sizes": [dict(sizes) for sizes in certificate.sizes],
        "assumptions": list(certificate.assumptions),
        "witness": dict(certificate.witness),
    }


def read_certificate(path: str | Path) -> Certificate:
    """Read and check a certificate. Raises UsageError for anything but one of a known schema, OSError."""
    return _certificate(str(path), _json(path))


def read_certificates(path: str | Path) -> tuple[Certificate, ...]:
    """Read and check a list of certificates, or one alone. Raises as `read_certificate`."""
    content = _json(path)
    items = cast(list[object], content) if isinstance(content, list) else [content]
    return tuple(_certificate(str(path), item) for item in items)


def _json(path: str | Path) -> object:
    with open(path, "rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: larger than {_MOST_BYTES} bytes, which no certificate is")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a certificate: {error}") from error


def _certificate(path: str, content: object) -> Certificate:
    reader = _Reader(path, content)
    schema = reader.integer("schema")
    if schema not in _READ:
        raise UsageError(f"{path}: schema {schema} is not known, expected {SCHEMA}")
    first = schema == 1
    try:
        level = Level(reader.text("level"))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return Certificate(
        reader.text("function"),
        reader.text("source_sha256"),
        "" if first else reader.text("program_sha256"),
        () if first else tuple(_text(path, item) for item in reader.list("defines")),
        reader.text("target_sha256"),
        level,
        tuple(_integers(path, item) for item in reader.list("sizes")),
        tuple(_text(path, item) for item in reader.list("assumptions")),
        _integers(path, reader.field("witness")),
    )


class _Reader:
    """The fields of a JSON object, each with its type checked."""

    def __init__(self, path: str, content: object) -> None:
        self.path = path
        if not isinstance(content, dict):
            raise UsageError(f"{path}: not a certificate: expected an object")
        self.content = cast(dict[str, object], content)

    def field(self, name: str) -> object:
        if name not in self.content:
            raise UsageError(f"{self.path}: not a certificate: {name!r} is missing")
        return self.content[name]

    def integer(self, name: str) -> int:
        return _integer(self.path, self.field(name))

    def text(self, name: str) -> str:
        return _text(self.path, self.field(name))

    def list(self, name: str) -> list[object]:
        value = self.field(name)
        if not isinstance(value, list):
            raise UsageError(f"{self.path}: {name!r} is not a list")
        return cast(list[object], value)


def _text(path: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{path}: expected a string, got {value!r}")
    return value


def _integer(path: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{path}: expected an integer, got {value!r}")
    return value


def _integers(path: str, value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected an object of integers, got {value!r}")
    return {_text(path, k): _integer(path, v) for k, v in cast(dict[object, object], value).items()}
