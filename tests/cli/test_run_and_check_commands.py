"""`exalift check`, `run` and `devices` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from exalift.cli import main

ROOT = Path(__file__).parents[2]
MATMUL = str(ROOT / "examples" / "matmul.c")
SMOOTH = str(ROOT / "examples" / "smooth.c")

SIZES = ["--size", "m=5", "--size", "n=6", "--size", "k=7"]


def test_check_prints_the_largest_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", MATMUL, *SIZES]) == 0
    out = capsys.readouterr().out
    assert "source and lifted program agree at m = 5, n = 6, k = 7" in out
    assert "largest error" in out and "times as fast" in out


def test_a_partial_lift_checks_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", SMOOTH, "--size", "times=11", "--size", "channels=5", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "(seed 3)" in out and "energy" in out


def test_run_on_given_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    a = generator.uniform(size=(5, 7)).astype(np.float32)
    b = generator.uniform(size=(7, 6)).astype(np.float32)
    given, output = tmp_path / "in.npz", tmp_path / "out.npz"
    shapes = _shapes()
    np.savez(given, A=a.reshape(shapes["A"]), B=b.reshape(shapes["B"]))
    words = ["run", MATMUL, *SIZES, "--inputs", str(given), "-o", str(output)]
    assert main(words) == 0
    with np.load(output) as results:
        np.testing.assert_allclose(results["C"].reshape(5, 6), a @ b, rtol=1e-5)
    assert "C" in capsys.readouterr().out


def _shapes() -> dict[str, tuple[int, ...]]:
    import exalift

    lifted = exalift.lift(MATMUL, sizes={"m": 5, "n": 6, "k": 7})
    return {value.name: value.shape for value in lifted.arguments}


def test_run_on_random_inputs_is_repeatable(tmp_path: Path) -> None:
    first, again, other = (tmp_path / f"{i}.npz" for i in range(3))
    for path, seed in ((first, 1), (again, 1), (other, 2)):
        assert main(["run", MATMUL, *SIZES, "--seed", str(seed), "-o", str(path), "--quiet"]) == 0
    with np.load(first) as x, np.load(again) as y, np.load(other) as z:
        np.testing.assert_array_equal(x["C"], y["C"])
        assert not np.array_equal(x["C"], z["C"])


@pytest.mark.parametrize("case", ["unknown", "missing", "type", "pickle", "text"])
def test_wrong_inputs_are_refused(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.npz"
    shapes = _shapes()
    a, b = np.zeros(shapes["A"], np.float32), np.zeros(shapes["B"], np.float32)
    match case:
        case "unknown":
            np.savez(path, A=a, B=b, Q=b)
        case "missing":
            np.savez(path, A=a)
        case "type":
            np.savez(path, A=a.astype(np.float64), B=b)
        case "pickle":
            np.savez(path, A=np.array([{}], dtype=object), B=b)
        case _:
            path.write_text("no archive")
    assert main(["run", MATMUL, *SIZES, "--inputs", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_unknown_device_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", MATMUL, "--device", "abacus"]) == 2
    assert "xla" in capsys.readouterr().err


def test_devices_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(set(row) == {"name", "kind", "available", "reason"} for row in rows)
    assert any(row["kind"] == "xla" and row["available"] for row in rows)
    assert main(["devices"]) == 0


def test_the_native_device_runs_checks_and_explains(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", MATMUL, "--device", "native", "--quiet", "-o", str(tmp_path / "native.npz")]) == 0
    assert main(["run", MATMUL, "--quiet", "-o", str(tmp_path / "xla.npz")]) == 0
    with np.load(tmp_path / "native.npz") as ours, np.load(tmp_path / "xla.npz") as theirs:
        assert set(ours.files) == set(theirs.files)
        for name in ours.files:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    assert main(["check", MATMUL, "--device", "native", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["lift", MATMUL, "--explain-native", "--quiet", "-o", str(tmp_path / "out.mlir")]) == 0
    assert "in place: loops" in "".join(capsys.readouterr())


def test_a_capsule_runs_on_the_native_device(tmp_path: Path) -> None:
    job = str(tmp_path / "job.xcap")
    assert main(["pack", MATMUL, "-o", job, "--quiet"]) == 0
    outputs = {}
    for device in ("native", "xla"):
        path = tmp_path / f"{device}.npz"
        assert main(["run", job, "--device", device, "--seed", "1", "--quiet", "-o", str(path)]) == 0
        with np.load(path) as results:
            outputs[device] = {name: results[name] for name in results.files}
    for name, value in outputs["xla"].items():
        np.testing.assert_allclose(outputs["native"][name], value, rtol=1e-5)


def test_strict_runs_add_up_in_the_source_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the bit: one element of a product, as a loop adds it up in single precision."""
    generator = np.random.default_rng(0)
    shapes = _shapes()
    a = generator.standard_normal(shapes["A"]).astype(np.float32)
    b = generator.standard_normal(shapes["B"]).astype(np.float32)
    given, output = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(given, A=a, B=b)
    words = ["run", MATMUL, *SIZES, "--strict-fp", "--device", "native", "--inputs", str(given)]
    assert main([*words, "-o", str(output), "--quiet"]) == 0
    rows, columns = a.reshape(5, 7), b.reshape(7, 6)
    expected = np.zeros((5, 6), np.float32)
    for k in range(7):
        expected += rows[:, k, None] * columns[None, k]
    with np.load(output) as results:
        np.testing.assert_array_equal(results["C"].reshape(5, 6), expected)
    assert main(["check", MATMUL, *SIZES, "--strict-fp", "--device", "native"]) == 0
    assert "agree" in capsys.readouterr().out


def test_a_capsule_is_not_made_strict_afterwards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "job.xcap"
    assert main(["pack", MATMUL, *SIZES, "-o", str(path), "--quiet"]) == 0
    assert main(["run", str(path), "--strict-fp"]) == 2
    assert "--strict-fp is for sources" in capsys.readouterr().err
