"""A hundred random moves of one long job among all devices: `python benchmarks/runtime/migrations.py`.

Three jobs (`benchmarks/runtime/jobs`): a stencil over integers, LU again and again, and the training of a
network of two layers. For each kind of device, so many moves between two sessions of it, through checkpoints'
bytes, must not change a bit. Then a daemon runs the job, which is moved at random moments to random devices,
and its final state is compared with that of the same capsule run without moves: bit for bit for integers,
else relative to the largest number of the result.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from exalift.base import DeviceError, UsageError
from exalift.capsule import Capsule, to_bytes
from exalift.devices import Array, Device, Session, find_device, list_devices
from exalift.pipeline import lift, pack
from exalift.runtime import Compiled, Execution, compile_routines, random_state, results_of, run_to_end
from exalift.runtime.checkpoint import checkpoint_from_bytes
from exalift.runtime.checkpoint import to_bytes as checkpoint_bytes
from exalift.runtime.client import Client
from exalift.runtime.record import Status

JOBS = Path(__file__).parent / "jobs"
SEED = 1


@dataclass(frozen=True)
class Program:
    """A source, its sizes but the first, which is how long the job is, and the relative tolerance."""

    name: str
    length: str
    sizes: Mapping[str, int]
    tolerance: float

    def capsule(self, length: int) -> Capsule:
        sizes = {self.length: length, **self.sizes}
        lifted = lift(JOBS / f"{self.name}.c", self.name, sizes=sizes, level="tested")
        return pack(lifted, least_work=0)


PROGRAMS = (
    Program("stencil", "steps", {"n": 66}, 0.0),
    Program("factor", "rounds", {"n": 24}, 1e-6),
    Program("training", "steps", {"m": 16, "d": 8, "h": 12, "o": 4}, 1e-6),
)


def difference(got: Mapping[str, Array], wanted: Mapping[str, Array]) -> float:
    """The largest one, relative to the largest number of its array; for integers 0 or infinity."""
    worst = 0.0
    for name, value in wanted.items():
        if value.dtype.kind != "f":
            worst = max(worst, 0.0 if np.array_equal(got[name], value) else float("inf"))
        else:
            scale = float(np.max(np.abs(value))) or 1.0
            worst = max(worst, float(np.max(np.abs(got[name] - value))) / scale)
    return worst


def usable() -> tuple[Device, ...]:
    return tuple(device for device in list_devices() if device.available)


def able(capsule: Capsule) -> dict[str, tuple[Device, Session, Compiled]]:
    """The devices that compile the capsule, opened."""
    found: dict[str, tuple[Device, Session, Compiled]] = {}
    for device in usable():
        try:
            session = device.open()
            found[device.name] = (device, session, compile_routines(capsule, device, session))
        except (DeviceError, UsageError) as error:
            print(f"  not on {device.name}: {error}")
    return found


def within_kinds(capsule: Capsule, moves: int, generator: random.Random) -> list[str]:
    """Moves between two sessions of each kind, against a whole run there; the kinds where a bit differs."""
    wrong: list[str] = []
    for name, (device, first, compiled) in able(capsule).items():
        second = device.open()
        places = ((first, compiled), (second, compile_routines(capsule, device, second)))
        whole = results_of(capsule, run_to_end(capsule, device, random_state(capsule, SEED)))
        execution = Execution.begin(capsule, first, compiled, random_state(capsule, SEED), slice_seconds=0)
        made = 0
        while not execution.finished:
            for _, _ in zip(range(generator.randint(1, 3)), execution.pieces(), strict=False):
                pass
            if made < moves and not execution.finished:
                made += 1
                data = checkpoint_bytes(to_bytes(capsule), execution.cursor, execution.state())
                found = checkpoint_from_bytes(data)
                session, code = places[made % 2]
                execution = Execution.begin(
                    capsule, session, code, dict(found.state), found.cursor, slice_seconds=0
                )
            elif made == moves:
                execution.slice_seconds = 0.05
        same = difference(results_of(capsule, execution.state()), whole) == 0.0
        print(
            f"  {name}: {made} moves within the kind, {'same bits' if same else 'DIFFERENT BITS'}", flush=True
        )
        if not same or made < moves:
            wrong.append(name)
        first.close()
        second.close()
    return wrong


@contextmanager
def daemon(root: Path) -> Iterator[Client]:
    command = [sys.executable, "-m", "exalift", "serve", "--quiet", "--root", str(root)]
    process = subprocess.Popen(command, env={**os.environ, "EXALIFT_TOKEN": ""})
    try:
        while True:
            try:
                client = Client(root)
                break
            except UsageError:
                time.sleep(0.1)
        with client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def rate(capsule: Capsule, length: int) -> float:
    """Iterations a second on the fastest of the devices, roughly."""
    best = 0.0
    for name, (device, session, _) in able(capsule).items():
        if name == "interpreter":
            continue
        begun = time.perf_counter()
        run_to_end(capsule, device, random_state(capsule, SEED))
        first = time.perf_counter() - begun
        best = max(best, length / first)
        session.close()
    return best


def moved(
    client: Client, capsule: Capsule, moves: int, generator: random.Random
) -> tuple[str, dict[str, Array]]:
    """Run the job with so many moves; what happened, and its results."""
    job = client.submit(to_bytes(capsule), seed=SEED, device="xla-cpu").name
    there, targets = "xla-cpu", [device.name for device in usable()]
    visits: Counter[str] = Counter()
    inside = 0
    begun = time.monotonic()
    while visits.total() < moves:
        time.sleep(generator.uniform(0.0, 0.05))
        target = generator.choice([name for name in targets if name != there])
        try:
            move = client.migrate(job, target).migrations[-1]
        except UsageError as error:
            (record,) = [r for r in client.jobs() if r.name == job]
            if record.status is not Status.RUNNING:
                raise UsageError(f"after {visits.total()} moves: {record.status.value} {error}") from error
            print(f"  {target} is left out: {error}")
            targets.remove(target)
            continue
        there = target
        visits[target] += 1
        inside += move.inside
        if visits.total() % 10 == 0:
            print(f"  {visits.total()} moves, {time.monotonic() - begun:.0f} s", flush=True)
    if there != "xla-cpu":
        client.migrate(job, "xla-cpu")
    record = client.wait(job)
    if record.status is not Status.DONE:
        raise UsageError(f"the job is {record.status.value}: {record.reason}")
    downtimes = [move.downtime * 1e3 for move in record.migrations]
    told = ", ".join(f"{name} {count}" for name, count in sorted(visits.items()))
    text = (
        f"{visits.total()} moves ({told}), {inside} of them inside a kernel; "
        f"downtime median {median(downtimes):.1f} ms, worst {max(downtimes):.1f} ms"
    )
    with np.load(io.BytesIO(client.result(job)), allow_pickle=False) as archive:
        return text, {name: np.asarray(archive[name]) for name in archive.files}


def across_kinds(program: Program, length: int, moves: int, generator: random.Random, root: Path) -> bool:
    """Whether a job with moves ends as one without; one that ends too early is tried again, longer."""
    while True:
        capsule = program.capsule(length)
        wanted = results_of(capsule, run_to_end(capsule, find_device("xla"), random_state(capsule, SEED)))
        print(f"{program.name}: {program.length}={length}", flush=True)
        try:
            with daemon(root / f"{program.name}-{length}") as client:
                text, got = moved(client, capsule, moves, generator)
        except UsageError as error:
            print(f"  {error}; again, longer", flush=True)
            length *= 4
            continue
        found = difference(got, wanted)
        good = found <= program.tolerance
        print(
            f"{program.name}: {text}; final state {found:.1e} apart, allowed {program.tolerance:.0e}",
            flush=True,
        )
        return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long a job takes without moves, about"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", default=[program.name for program in PROGRAMS])
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for program in PROGRAMS:
            if program.name not in arguments.names:
                continue
            short = program.capsule(4 * arguments.moves)
            wrong += [f"{program.name} on {name}" for name in within_kinds(short, arguments.moves, generator)]
            trial = program.capsule(20_000)
            length = int(arguments.seconds * rate(trial, 20_000))
            if not across_kinds(program, length, arguments.moves, generator, Path(folder)):
                wrong.append(f"{program.name} across kinds")
    print("wrong: " + ", ".join(wrong) if wrong else "all as without moves")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
