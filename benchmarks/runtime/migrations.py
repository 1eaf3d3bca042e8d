"""A hundred random moves of one long job among all devices: `python benchmarks/runtime/migrations.py`.

Three jobs (`benchmarks/runtime/jobs`): a stencil over integers, LU again and again, and the training of a
network of two layers. For each kind of device, some moves between two sessions of it, through checkpoints'
bytes, must not change a bit. Then a daemon runs the job, which is moved at random moments to random devices,
and its final state is compared with that of the same capsule run without moves: bit for bit for integers,
else relative to the largest number of the result. A job that ends before its moves is tried again, longer.

With `--json OUT` what is known of each job is written as soon as it has ended, and a run that was cut off
goes on with the next.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
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
from exalift.runtime.record import Migration, Status

JOBS = Path(__file__).parent / "jobs"
SEED = 1
FAST = ("native", "xla-cpu", "iree-cpu")
"""Where a job may be brought to its end after its moves."""


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
    Program("training", "steps", {"m": 16, "d": 8, "h": 12, "o": 4}, 1e-12),
)


@dataclass
class Outcome:
    """What became of one job. Downtimes are milliseconds, by the device that the job came to; `apart` is the
    relative distance of the final state, `wrong` the devices within whose kind a bit differed."""

    job: str
    iterations: int = 0
    moves: int = 0
    inside_kernels: int = 0
    pairs: dict[str, int] = field(default_factory=dict[str, int])
    downtime_median: dict[str, float] = field(default_factory=dict[str, float])
    downtime_worst: dict[str, float] = field(default_factory=dict[str, float])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    within: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[str] = field(default_factory=list[str])
    apart: float = float("inf")
    seconds: float = 0.0

    def note(self, moves: list[Migration]) -> None:
        self.moves = len(moves)
        self.inside_kernels = sum(move.inside for move in moves)
        self.pairs = dict(sorted(Counter(f"{m.source} -> {m.destination}" for m in moves).items()))
        for name in sorted({move.destination for move in moves}):
            downtimes = [move.downtime * 1e3 for move in moves if move.destination == name]
            self.downtime_median[name] = round(median(downtimes), 2)
            self.downtime_worst[name] = round(max(downtimes), 2)

    def show(self, allowed: float) -> None:
        told = " ".join(f"{pair} {count}," for pair, count in self.pairs.items())
        print(f"{self.job}: {self.moves} moves, {self.inside_kernels} inside a kernel: {told[:-1]}")
        for name, middle in self.downtime_median.items():
            print(f"  to {name}: downtime median {middle:.1f} ms, worst {self.downtime_worst[name]:.1f} ms")
        print(
            f"{self.job}: final state {self.apart:.1e} apart, allowed {allowed:.0e}; {self.seconds:.0f} s",
            flush=True,
        )


def difference(got: Mapping[str, Array], wanted: Mapping[str, Array]) -> float:
    """The largest one, relative to the largest number of its array; for integers 0 or infinity."""
    worst = 0.0
    for name, value in wanted.items():
        if value.dtype.kind != "f":
            worst = max(worst, 0.0 if np.array_equal(got[name], value) else float("inf"))
        elif not np.all(np.isfinite(got[name])) or not np.all(np.isfinite(value)):
            return float("inf")
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


def within_kinds(capsule: Capsule, moves: int, generator: random.Random, outcome: Outcome) -> None:
    """Moves between two sessions of each kind, against a whole run there."""
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
        same &= all(
            results_of(capsule, execution.state())[n].tobytes() == v.tobytes() for n, v in whole.items()
        )
        print(
            f"  {name}: {made} moves within the kind, {'same bits' if same else 'DIFFERENT BITS'}", flush=True
        )
        outcome.within[name] = made
        if not same or made < moves:
            outcome.wrong.append(name)
        first.close()
        second.close()


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


def fastest(capsule: Capsule) -> tuple[str, float]:
    """The fastest device of a few, and its iterations a second; each is run for two seconds."""
    found: dict[str, float] = {}
    for name in FAST:
        device = find_device(name)
        if not device.available:
            continue
        session = device.open()
        compiled = compile_routines(capsule, device, session)
        execution = Execution.begin(capsule, session, compiled, random_state(capsule, SEED))
        pieces = execution.pieces()
        cursor = next(pieces)
        start, begun = cursor.counters[-1], time.perf_counter()
        while not execution.finished and (time.perf_counter() < begun + 2 or cursor.counters[-1] == start):
            cursor = next(pieces)
        reached = cursor.counters[-1] if cursor.counters else start
        found[name] = (reached - start) / (time.perf_counter() - begun)
        session.close()
    print("  iterations a second: " + ", ".join(f"{n} {rate:.0f}" for n, rate in found.items()), flush=True)
    best = max(found, key=lambda name: found[name])
    return best, found[best]


def started(client: Client, capsule: Capsule, outcome: Outcome) -> list[str]:
    """The devices that run the job, once their workers are there and have compiled it: what takes seconds, in
    which a short job would be over."""
    jobs = {d.name: client.submit(to_bytes(capsule), seed=SEED, device=d.name).name for d in usable()}
    waiting = set(jobs)
    while waiting:
        time.sleep(0.1)
        records = {record.name: record for record in client.jobs()}
        for name in sorted(waiting):
            record = records[jobs[name]]
            if record.status is Status.FAILED:
                outcome.left_out[name] = record.reason
            if record.status.is_end or record.steps:
                waiting.remove(name)
                print(
                    f"  {name} is {'left out: ' + record.reason if name in outcome.left_out else 'ready'}",
                    flush=True,
                )
            if not record.status.is_end and record.steps:
                # It may end in this very moment.
                with suppress(UsageError):
                    client.cancel(record.name)
    return [name for name in jobs if name not in outcome.left_out]


def moved(
    client: Client, capsule: Capsule, moves: int, generator: random.Random, home: str, outcome: Outcome
) -> dict[str, Array]:
    """Run the job from `home` with so many moves; its results."""
    there, targets = home, started(client, capsule, outcome)
    job = client.submit(to_bytes(capsule), seed=SEED, device=home).name
    made: list[Migration] = []
    begun = time.monotonic()
    while not any(r.name == job and r.status is Status.RUNNING and r.steps for r in client.jobs()):
        time.sleep(0.05)
    while len(made) < moves:
        time.sleep(generator.uniform(0.0, 0.05))
        target = generator.choice([name for name in targets if name != there])
        try:
            made.append(client.migrate(job, target).migrations[-1])
        except UsageError as error:
            raise UsageError(f"after {len(made)} moves: {error}") from error
        there = target
        if len(made) % 10 == 0:
            last = median(move.downtime * 1e3 for move in made[-10:])
            print(
                f"  {len(made)} moves, {time.monotonic() - begun:.0f} s, downtime lately {last:.1f} ms",
                flush=True,
            )
    outcome.note(made)
    if there != home:
        client.migrate(job, home)
    record = client.wait(job)
    if record.status is not Status.DONE:
        raise SystemExit(f"the job is {record.status.value}: {record.reason}")
    with np.load(io.BytesIO(client.result(job)), allow_pickle=False) as archive:
        return {name: np.asarray(archive[name]) for name in archive.files}


def across_kinds(
    program: Program, seconds: float, moves: int, generator: random.Random, root: Path, outcome: Outcome
) -> None:
    """A job with moves against one without; one that ends too early is tried again, longer."""
    home, rate = fastest(program.capsule(10_000_000))
    length = int(seconds * rate)
    while True:
        capsule = program.capsule(length)
        print(f"  {program.length}={length}, without moves on {home} ...", flush=True)
        wanted = results_of(capsule, run_to_end(capsule, find_device(home), random_state(capsule, SEED)))
        try:
            with daemon(root / f"{program.name}-{length}") as client:
                got = moved(client, capsule, moves, generator, home, outcome)
        except UsageError as error:
            print(f"  {error}; again, longer", flush=True)
            length *= 3
            continue
        outcome.iterations, outcome.apart = length, difference(got, wanted)
        return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--within", type=int, default=10, help="moves between two sessions of each kind")
    parser.add_argument(
        "--seconds", type=float, default=25.0, help="how long a job takes without moves, about"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write what happened here, and leave out jobs that it has")
    parser.add_argument("names", nargs="*", default=[program.name for program in PROGRAMS])
    arguments = parser.parse_args()
    settings = {name: getattr(arguments, name) for name in ("moves", "within", "seconds", "seed")}
    known: list[Outcome] = []
    if arguments.json is not None and arguments.json.exists():
        before = json.loads(arguments.json.read_text())
        known = [Outcome(**row) for row in before["jobs"]] if before["settings"] == settings else []
    for program in PROGRAMS:
        if program.name not in arguments.names or program.name in {outcome.job for outcome in known}:
            continue
        generator, outcome, begun = random.Random(arguments.seed), Outcome(program.name), time.monotonic()
        print(f"{program.name}:", flush=True)
        within_kinds(program.capsule(4 * arguments.within), arguments.within, generator, outcome)
        with tempfile.TemporaryDirectory() as folder:
            across_kinds(program, arguments.seconds, arguments.moves, generator, Path(folder), outcome)
        outcome.seconds = time.monotonic() - begun
        known.append(outcome)
        outcome.show(program.tolerance)
        if arguments.json is not None:
            made = json.dumps({"settings": settings, "jobs": [asdict(one) for one in known]}, indent=1)
            arguments.json.with_suffix(".new").write_text(made)
            arguments.json.with_suffix(".new").rename(arguments.json)
    allowed = {program.name: program.tolerance for program in PROGRAMS}
    wrong = [f"{one.job} within {name}" for one in known for name in one.wrong]
    wrong += [f"{one.job} across kinds" for one in known if one.apart > allowed[one.job]]
    total = sum(outcome.moves for outcome in known)
    print(f"{total} moves; " + ("wrong: " + ", ".join(wrong) if wrong else "all as without moves"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
