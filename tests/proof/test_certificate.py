import json
from dataclasses import replace
from pathlib import Path

import pytest
from proof_kernels import KERNELS

from exalift.base import UsageError
from exalift.proof import (
    CertifiedSource,
    Level,
    Status,
    Verdict,
    certify,
    digest,
    prove,
    read_certificate,
    write_certificate,
)


@pytest.fixture
def written(tmp_path):
    kernel = KERNELS["clip"]()
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect)
    source = CertifiedSource("source text", kernel.source, ("N=8",))
    certificate = certify("clip", source, "target text", verdict)
    write_certificate(certificate, tmp_path / "clip.json")
    return certificate, tmp_path / "clip.json"


def test_a_certificate_is_read_as_it_was_written(written):
    certificate, path = written
    assert read_certificate(path) == certificate
    assert (
        certificate.level is Level.BOUNDED and {"N": 1} in certificate.sizes and certificate.witness["runs"]
    )
    program = KERNELS["clip"]().source
    source = CertifiedSource("source text", program, ("N=8",))
    assert certificate.matches(source, "target text")
    assert not certificate.matches(source, "target text ")
    assert not certificate.matches(replace(source, text="source"), "target text")
    # Paths and macros that change nothing of what is read do not matter; what is read does.
    assert certificate.matches(replace(source, defines=()), "target text")
    other = replace(source, program=replace(program, name="clap"))
    assert "read otherwise" in certificate.mismatch(other, "target text")
    assert "-D N=8, and now with -D N=9" in certificate.mismatch(
        replace(other, defines=("N=9",)), "target text"
    )
    assert json.loads(path.read_text())["schema"] == 2
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c | {"schema": 3}, "schema 3 is not known"),
        (lambda c: c | {"level": "certain"}, "certain"),
        (lambda c: c | {"sizes": {"N": 1}}, "not a list"),
        (lambda c: c | {"sizes": [{"N": "1"}]}, "expected an integer"),
        (lambda c: c | {"defines": [1]}, "expected a string"),
        (lambda c: {k: v for k, v in c.items() if k != "program_sha256"}, "'program_sha256' is missing"),
        (lambda c: c | {"function": 3}, "expected a string"),
        (lambda c: c | {"witness": []}, "expected an object"),
        (lambda c: {k: v for k, v in c.items() if k != "assumptions"}, "'assumptions' is missing"),
        (lambda c: [c], "expected an object"),
    ],
)
def test_damaged_certificates_are_refused(written, change, message):
    _, path = written
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UsageError, match=message):
        read_certificate(path)


def test_old_certificates_are_read_and_match_nothing():
    certificate = read_certificate(Path(__file__).parent / "certificates" / "schema1.json")
    assert (certificate.level, certificate.sizes) == (Level.BOUNDED, ({"N": 1}, {"N": 2}))
    source = CertifiedSource("old source", KERNELS["clip"]().source)
    assert "changed" in certificate.mismatch(source, "target")
    same = replace(certificate, source_sha256=digest("old source"), target_sha256=digest("target"))
    assert "schema 1" in same.mismatch(source, "target")


def test_what_is_no_certificate_is_refused(tmp_path):
    path = tmp_path / "c.json"
    for content in (b"", b"\xff\xfe", b"{", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="not a certificate"):
            read_certificate(path)
    path.write_bytes(b" " * (5 << 20))
    with pytest.raises(UsageError, match="larger than"):
        read_certificate(path)


def test_nothing_is_certified_that_was_not_established():
    source = CertifiedSource("", KERNELS["clip"]().source)
    for verdict in (Verdict(Status.REFUTED, None), Verdict(Status.UNKNOWN, None)):
        with pytest.raises(UsageError, match="nothing to certify"):
            certify("f", source, "", verdict)
    weak = certify("f", source, "", Verdict(Status.UNKNOWN, Level.TESTED))
    assert weak.level is Level.TESTED
