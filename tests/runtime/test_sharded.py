"""Capsules run by two processes as one: the same results, and clear ends where something is wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from exalift.base import DType, TensorShape, UsageError, read_arrays
from exalift.capsule import (
    Array,
    Call,
    Capsule,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    write_capsule,
)
from exalift.capsule.stablehlo_artifact import serialize_portable
from exalift.cli import main
from exalift.runtime.sharded import Sharding
from sample_capsules import mixing

PATIENCE = 150
N = 16
SQUARE = TensorShape((N, N), DType.F64)
# C = A B summed over the axis along which A and B are split, so that parts of sums are exchanged.
PRODUCT = f"""
func.func @main(%a: tensor<{N}x{N}xf64>, %b: tensor<{N}x{N}xf64>) -> tensor<{N}x{N}xf64> {{
  %c = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0]
    : (tensor<{N}x{N}xf64>, tensor<{N}x{N}xf64>) -> tensor<{N}x{N}xf64>
  return %c : tensor<{N}x{N}xf64>
}}
"""


def product() -> Capsule:
    return Capsule(
        "product",
        (),
        (
            StateArray("A", SQUARE, Role.ARGUMENT, 0),
            StateArray("B", SQUARE, Role.ARGUMENT, 1),
            StateArray("C", SQUARE, Role.LOCAL),
        ),
        (Routine(Signature("dot", (SQUARE, SQUARE), (SQUARE,)), serialize_portable(PRODUCT)),),
        (Call("dot", (Array("A"), Array("B")), ("C",)), Call("dot", (Array("C"), Array("B")), ("A",))),
        (Result("C", "C"), Result("A", "A")),
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    for process in STARTED:
        process.kill()
        process.communicate()
    STARTED.clear()


def start(capsule: Path, process: int, port: int, *more: str, processes: int = 2) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "exalift", "run", str(capsule), "--seed", "3"]
    command += ["--processes", str(processes), "--process-id", str(process)]
    command += ["--coordinator", f"127.0.0.1:{port}", *more]
    pipe = subprocess.PIPE
    STARTED.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
    return STARTED[-1]


def run_two(capsule: Path, folder: Path, more: Sequence[str] = ()) -> tuple[list[dict[str, np.ndarray]], str]:
    """The results of both processes, and what the first said."""
    port, outs = free_port(), [folder / f"out{process}.npz" for process in (0, 1)]
    running = [start(capsule, process, port, "-o", str(outs[process]), *more) for process in (0, 1)]
    said = [process.communicate(timeout=PATIENCE)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    return [dict(read_arrays(out)) for out in outs], said[0]


def run_alone(capsule: Path, folder: Path) -> dict[str, np.ndarray]:
    assert main(["run", str(capsule), "--seed", "3", "--quiet", "-o", str(folder / "alone.npz")]) == 0
    return dict(read_arrays(folder / "alone.npz"))


def test_integers_are_the_same_bit_for_bit(tmp_path: Path) -> None:
    write_capsule(mixing(rows=3, trips=50, n=8), tmp_path / "job.xcap")
    both, said = run_two(tmp_path / "job.xcap", tmp_path)
    assert "2 processes with 2 devices" in said and "x is split along axis 0, 4 on each device" in said
    alone = run_alone(tmp_path / "job.xcap", tmp_path)
    for results in both:
        assert results.keys() == alone.keys()
        for name, value in alone.items():
            np.testing.assert_array_equal(results[name], value)


def test_sums_over_a_split_axis_are_the_same_but_for_rounding(tmp_path: Path) -> None:
    write_capsule(product(), tmp_path / "job.xcap")
    both, said = run_two(tmp_path / "job.xcap", tmp_path, ["--shard", "A=1", "--shard", "B=0"])
    assert f"A is split along axis 1, {N}x{N // 2} on each device" in said
    assert "C is split" not in said
    alone = run_alone(tmp_path / "job.xcap", tmp_path)
    for results in both:
        for name, value in alone.items():
            np.testing.assert_allclose(results[name], value, rtol=1e-12)
    for name, value in both[0].items():
        np.testing.assert_array_equal(both[1][name], value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--processes 2", "belong together"),
        ("--shard x=0", "belong together"),
        ("--processes 2 --process-id 2 --coordinator 127.0.0.1:9", "from 0 to 1"),
        ("--processes 0 --process-id 0 --coordinator 127.0.0.1:9", "1 to 1024"),
        ("--processes 2 --process-id 0 --coordinator 127.0.0.1", "HOST:PORT"),
        ("--processes 2 --process-id 0 --coordinator 127.0.0.1:99999", "HOST:PORT"),
        ("--processes 2 --process-id 0 --coordinator a:9 --shard q=0", "no array 'q'"),
        ("--processes 2 --process-id 0 --coordinator a:9 --shard x=1", "no axis 1"),
        ("--processes 2 --process-id 0 --coordinator a:9 --shard x=0 --shard x=0", "twice"),
        ("--processes 2 --process-id 0 --coordinator a:9 --shard x", "NAME=AXIS"),
        ("--processes 2 --process-id 0 --coordinator a:9 --join-seconds 0", "1 to 86400"),
        ("--processes 2 --process-id 0 --coordinator a:9 --device iree-cpu", "--device"),
    ],
)
def test_wrong_words_are_refused(
    words: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capsule(mixing(), tmp_path / "job.xcap")
    assert main(["run", str(tmp_path / "job.xcap"), *words.split()]) == 2
    assert message in capsys.readouterr().err


def test_a_source_does_not_run_in_several_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.c").write_text("void f(void) {}")
    words = ["--processes", "2", "--process-id", "0", "--coordinator", "a:9"]
    assert main(["run", str(tmp_path / "f.c"), *words]) == 2
    assert "only capsules" in capsys.readouterr().err
    with pytest.raises(UsageError):
        Sharding("a:9", 2, -1)


def test_what_does_not_divide_and_what_differs_is_refused(tmp_path: Path) -> None:
    write_capsule(mixing(n=7), tmp_path / "odd.xcap")
    write_capsule(mixing(n=8), tmp_path / "even.xcap")
    port = free_port()
    both = [start(tmp_path / "odd.xcap", process, port, "--shard", "x=0") for process in (0, 1)]
    for process in both:
        error = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 2 and "x cannot be split along axis 0" in error
    port = free_port()
    both = [start(tmp_path / f"{name}.xcap", process, port) for process, name in enumerate(("odd", "even"))]
    for process in both:
        error = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 1 and "different capsules" in error


def test_who_is_alone_gives_up(tmp_path: Path) -> None:
    write_capsule(mixing(), tmp_path / "job.xcap")
    alone = start(tmp_path / "job.xcap", 0, free_port(), "--join-seconds", "3")
    error = alone.communicate(timeout=PATIENCE)[1]
    assert alone.returncode == 1 and "not all 2 processes came" in error and "Traceback" not in error


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in found.split()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_peer_that_dies_or_falls_silent_ends_the_others(how: signal.Signals, tmp_path: Path) -> None:
    write_capsule(mixing(rows=1 << 20, trips=1 << 40, n=8), tmp_path / "job.xcap")
    port = free_port()
    first, second = (start(tmp_path / "job.xcap", process, port) for process in (0, 1))
    stuck: list[int] = []
    try:
        assert second.stderr is not None
        while "is split" not in second.stderr.readline():
            pass
        time.sleep(1.0)
        stuck = children(second.pid)
        if how is signal.SIGKILL:
            second.kill()
        else:
            for child in stuck:
                os.kill(child, signal.SIGSTOP)
        error = first.communicate(timeout=PATIENCE)[1]
        assert first.returncode == 1 and "Traceback" not in error
        assert "another process" in error
    finally:
        for child in stuck:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
