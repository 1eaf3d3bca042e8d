"""Proofs that a lifted program is its source's."""

from .all_sizes import AllSizes, prove_all_sizes
from .certificate import (
    SCHEMA,
    Certificate,
    CertifiedSource,
    certificate_path,
    certificate_text,
    certify,
    digest,
    read_certificate,
    read_certificates,
    write_certificate,
    write_certificates,
)
from .formulas import Equality, prove_formulas
from .prove import assumptions_of, prove
from .sizes import admissible_near, size_tuples
from .verdict import Counterexample, Level, Status, Verdict

__all__ = [
    "SCHEMA",
    "AllSizes",
    "Certificate",
    "CertifiedSource",
    "Counterexample",
    "Equality",
    "Level",
    "Status",
    "Verdict",
    "admissible_near",
    "assumptions_of",
    "certificate_path",
    "certificate_text",
    "certify",
    "digest",
    "prove",
    "prove_all_sizes",
    "prove_formulas",
    "read_certificate",
    "read_certificates",
    "size_tuples",
    "write_certificate",
    "write_certificates",
]
