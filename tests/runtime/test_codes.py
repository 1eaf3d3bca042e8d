"""Jobs with compiled code that they brought or that the machine kept: the same results, and no compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from daemon_process import running_daemon

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import (
    Array,
    Call,
    Capsule,
    Result,
    Role,
    Routine,
    Sealed,
    Signature,
    StateArray,
    from_bytes,
    to_bytes,
)
from exalift.capsule.signing import SigningKey, make_key, write_public_key
from exalift.cli import main
from exalift.devices import CodeFolder, Device, find_device, list_devices
from exalift.runtime import initial_state, results_of, run_to_end
from exalift.runtime.codes import JobCodes, judge_codes, tell_codes, with_codes
from exalift.runtime.record import Status
from sample_capsules import mixed, mixing

X = np.arange(8, dtype=np.int32)
DOUBLE = """kernels 1
kernel double {
  inout x: i32[8]
  parallel (i = 0 to 8) { x[i] = x[i] + x[i] }
}"""


def doubling() -> Capsule:
    """`x = 2 x`, as a kernel alone."""
    shape = TensorShape((8,), DType.I32)
    return Capsule(
        "doubling",
        (),
        (StateArray("x", shape, Role.ARGUMENT),),
        (Routine(Signature("double", (shape,), (shape,)), None, DOUBLE),),
        (Call("double", (Array("x"),), ("x",)),),
        (Result("x", "x"),),
    )


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return make_key(tmp_path / "key.pem")


def iree() -> Device:
    pytest.importorskip("iree.compiler")
    return find_device("iree-cpu")


def sealed(capsule: Capsule, key: SigningKey | None) -> Sealed:
    return from_bytes(to_bytes(capsule, key))


def run(capsule: Capsule, device: Device, codes: JobCodes | None = None) -> None:
    final = run_to_end(capsule, device, initial_state(capsule, {"x": X}), codes=codes)
    for name, value in mixed(X).items():
        np.testing.assert_array_equal(results_of(capsule, final)[name], value)


def test_code_of_a_trusted_capsule_is_run_and_not_kept(tmp_path: Path, key: SigningKey) -> None:
    device = iree()
    found = sealed(with_codes(mixing(), device), key)
    assert [one.routine for one in found.capsule.codes] == ["mix", "add"]
    folder = CodeFolder(tmp_path / "code")
    codes = JobCodes.of(found, {key.public}, folder)
    run(found.capsule, device, codes)
    assert len(codes.from_capsule) == 2 and not codes.compiled and not folder.folder.exists()
    assert tell_codes(codes, found, {key.public}) == ("compiled code: 2 from the capsule",)
    assert [judgement for _, judgement in judge_codes(found.capsule)] == ["fits", "fits"]


def test_without_trust_everything_is_compiled(tmp_path: Path, key: SigningKey) -> None:
    device = iree()
    # Code that would end the run if anybody believed it.
    capsule = broken(with_codes(mixing(), device))
    for signer, trusted, why in ((key, (), "signer is not trusted"), (None, (key.public,), "not signed")):
        found = sealed(capsule, signer)
        codes = JobCodes.of(found, trusted, None)
        run(found.capsule, device, codes)
        assert len(codes.compiled) == 2 and not codes.from_capsule
        assert why in tell_codes(codes, found, trusted)[1]


def test_code_for_elsewhere_is_passed_over_and_told(key: SigningKey) -> None:
    device = iree()
    capsule = with_codes(mixing(), device)
    first, second = capsule.codes
    other = replace(first, key=replace(first.key, compiler="IREE 1.0 0000"))
    third = replace(second, key=replace(second.key, processor="x86_64, another"))
    found = sealed(replace(capsule, codes=(other, third)), key)
    codes = JobCodes.of(found, {key.public}, None)
    run(found.capsule, device, codes)
    said = tell_codes(codes, found, {key.public})
    assert "2 from the compiler" in said[0]
    assert "code of mix was made by IREE 1.0" in said[1] and "code of add is for the processor" in said[2]
    assert all("here it is" in judgement for _, judgement in judge_codes(found.capsule))


def test_code_that_does_not_load_is_as_good_as_none(key: SigningKey) -> None:
    device = iree()
    found = sealed(broken(with_codes(mixing(), device)), key)
    codes = JobCodes.of(found, {key.public}, None)
    run(found.capsule, device, codes)
    assert len(codes.compiled) == 2


def test_the_machine_keeps_what_was_compiled(tmp_path: Path) -> None:
    device, found = iree(), sealed(mixing(), None)
    for number in range(2):
        codes = JobCodes.of(found, (), CodeFolder(tmp_path / "code"))
        run(found.capsule, device, codes)
        assert (len(codes.compiled), len(codes.from_machine)) == ((2, 0), (0, 2))[number]


def test_the_same_compiler_gives_the_same_bytes() -> None:
    device = iree()
    assert to_bytes(with_codes(mixing(), device)) == to_bytes(with_codes(mixing(), device))


def test_kernels_for_another_instruction_set_travel_too(key: SigningKey) -> None:
    device = next(device for device in list_devices() if device.name == "aarch64")
    if not device.available:
        pytest.skip(device.reason)
    capsule = doubling()
    found = sealed(with_codes(capsule, device), key)
    (code,) = found.capsule.codes
    assert code.code.startswith(b"\x7fELF") and code.key.processor == "any AArch64"
    for brought, compiled in ((found, 0), (sealed(broken(found.capsule), key), 1)):
        codes = JobCodes.of(brought, {key.public}, None)
        final = run_to_end(brought.capsule, device, initial_state(capsule, {"x": X}), codes=codes)
        np.testing.assert_array_equal(final["x"], 2 * X)
        assert len(codes.compiled) == compiled
    assert to_bytes(with_codes(capsule, device), key) == to_bytes(found.capsule, key)


def broken(capsule: Capsule, code: bytes = b"bad") -> Capsule:
    return replace(capsule, codes=tuple(replace(one, code=code) for one in capsule.codes))


def test_devices_without_code_to_give_add_none() -> None:
    assert with_codes(mixing(), find_device("xla")) == mixing()


def test_a_strict_job_is_refused_where_order_is_not_promised() -> None:
    strict = replace(mixing(), strict_fp=True)
    state = initial_state(strict, {"x": X})
    for device in (find_device("xla"), iree()):
        with pytest.raises(DeviceError, match="--strict-fp"):
            run_to_end(strict, device, state)


def test_the_command_line_packs_shows_and_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    iree()
    monkeypatch.setenv("EXALIFT_CACHE", str(tmp_path / "cache"))
    plain, job, again = (str(tmp_path / f"{name}.xcap") for name in ("plain", "job", "again"))
    private, public = str(tmp_path / "k.pem"), str(tmp_path / "k.pub.pem")
    Path(plain).write_bytes(to_bytes(mixing()))
    assert main(["capsule", "key", private]) == 0
    assert main(["pack", plain, "--cache", "iree-cpu", "--key", private, "-o", job]) == 0
    assert "2 compiled codes" in capsys.readouterr().err
    assert main(["capsule", "show", job, "--trust", public]) == 0
    shown = capsys.readouterr().out
    assert "(trusted)" in shown and shown.count("fits") == 2 and "none of it is used" not in shown
    assert main(["capsule", "show", job]) == 0
    assert "none of it is used" in capsys.readouterr().out
    asked = ["run", job, "--device", "iree-cpu", "-v"]
    for options, told in (
        (["--trust", public], "2 from the capsule"),
        ([], "2 from this machine's folder"),
        (["--no-cache", "--trust", public], "2 from the compiler"),
    ):
        assert main([*asked, *options]) == 0
        assert told in capsys.readouterr().err
    assert main(["pack", job, "--no-caches", "-o", again, "--quiet"]) == 0
    assert Path(again).read_bytes() == Path(plain).read_bytes()
    assert main(["pack", plain, "--cache", "xla", "-o", again]) == 2
    assert "no code that could travel" in capsys.readouterr().err
    assert main(["pack", plain, "--size", "n=3", "-o", again]) == 2


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_daemon_runs_the_code_of_those_whom_its_owner_trusts(
    is_trusted: bool, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = to_bytes(with_codes(mixing(), iree()), key)
    write_public_key(key, tmp_path / "key.pub.pem")
    monkeypatch.setenv("EXALIFT_CACHE", str(tmp_path / "cache"))
    options = ["--trust", str(tmp_path / "key.pub.pem")] if is_trusted else []
    with running_daemon(tmp_path / "d", "iree-cpu", options=options) as daemon, daemon.client() as client:
        job = client.submit(data, seed=1).name
        record = client.wait(job, 120)
        assert record.status is Status.DONE, record.reason
    # What was compiled is kept, so that a folder that is not there says that nothing was.
    assert (tmp_path / "cache" / "code").exists() is not is_trusted
