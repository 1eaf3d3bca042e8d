"""Proofs that a lifted program is its source's."""

from .certificate import (
    SCHEMA,
    Certificate,
    certificate_text,
    certify,
    digest,
    read_certificate,
    write_certificate,
)
from .prove import prove
from .verdict import Counterexample, Level, Status, Verdict

__all__ = [
    "SCHEMA",
    "Certificate",
    "Counterexample",
    "Level",
    "Status",
    "Verdict",
    "certificate_text",
    "certify",
    "digest",
    "prove",
    "read_certificate",
    "write_certificate",
]
