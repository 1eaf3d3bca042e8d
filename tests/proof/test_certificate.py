import json

import pytest
from proof_kernels import KERNELS

from exalift.base import UsageError
from exalift.proof import Level, Status, Verdict, certify, digest, prove, read_certificate, write_certificate


@pytest.fixture
def written(tmp_path):
    kernel = KERNELS["clip"]()
    verdict = prove(kernel.source, kernel.lifted, kernel.dialect)
    certificate = certify("clip", "source text", "target text", verdict)
    write_certificate(certificate, tmp_path / "clip.json")
    return certificate, tmp_path / "clip.json"


def test_a_certificate_is_read_as_it_was_written(written):
    certificate, path = written
    assert read_certificate(path) == certificate
    assert (
        certificate.level is Level.BOUNDED and {"N": 1} in certificate.sizes and certificate.witness["runs"]
    )
    assert certificate.matches("source text", "target text")
    assert not certificate.matches("source text", "target text ")
    assert json.loads(path.read_text())["schema"] == 1
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c | {"schema": 2}, "schema 2 is not known"),
        (lambda c: c | {"level": "certain"}, "certain"),
        (lambda c: c | {"sizes": {"N": 1}}, "not a list"),
        (lambda c: c | {"sizes": [{"N": "1"}]}, "expected an integer"),
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
    for verdict in (Verdict(Status.REFUTED, None), Verdict(Status.UNKNOWN, None)):
        with pytest.raises(UsageError, match="nothing to certify"):
            certify("f", "", "", verdict)
    weak = certify("f", "", "", Verdict(Status.UNKNOWN, Level.TESTED))
    assert weak.level is Level.TESTED
