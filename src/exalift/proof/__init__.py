"""Proofs that a lifted program is its source's."""

from .certificate import (
    SCHEMA,
    Certificate,
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
    "certify",
    "digest",
    "prove",
    "read_certificate",
    "write_certificate",
]
