"""What a worker's first job waits for: `python benchmarks/runtime/cold_start.py`.

A capsule is compiled by new processes, each a worker's beginning (imports, device, compiling, warming up),
without code from before, with this machine's folder of code, and with code in the capsule that a trusted key
signed. Seconds are medians of five; those of compiling alone stand beside the whole.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from exalift.capsule import read_capsule, write_capsule
from exalift.capsule.signing import make_key
from exalift.devices import find_device
from exalift.runtime.codes import with_codes

RUNS = 5
START = """
import sys, time
begun = time.monotonic()
from pathlib import Path
from exalift.capsule import read_capsule
from exalift.devices import CodeFolder, find_device
from exalift.runtime.codes import JobCodes
from exalift.runtime.execution import compile_routines, warm_up
job, name, folder, *keys = sys.argv[1:]
sealed = read_capsule(job)
device = find_device(name)
session = device.open()
opened = time.monotonic()
trusted = {bytes.fromhex(key) for key in keys}
codes = JobCodes.of(sealed, trusted, CodeFolder(Path(folder)) if folder else None)
compiled = compile_routines(sealed.capsule, device, session, codes)
done = time.monotonic()
warm_up(sealed.capsule, session, compiled)
print(time.monotonic() - begun, done - opened)
import os
sys.stdout.flush()
os._exit(0)
"""


def start(job: Path, device: str, folder: str, *keys: str) -> str:
    """Medians of the whole and of compiling alone, in seconds, as text."""
    rows: list[list[float]] = []
    for _ in range(RUNS):
        command = [sys.executable, "-c", START, str(job), device, folder, *keys]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append([float(word) for word in done.stdout.split()])
    whole, compiling = (median(column) for column in zip(*rows, strict=True))
    return f"{whole:.2f} s, of which compiling {compiling:.3f} s"


def main() -> None:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/capsule/samples/format-1.xcap")
    with tempfile.TemporaryDirectory() as folder:
        key = make_key(Path(folder) / "key.pem")
        for name in ("iree-cpu", "aarch64"):
            device = find_device(name)
            plain = read_capsule(source).capsule
            if not device.runs_functions and any(r.kernel is None for r in plain.routines):
                print(f"{name}: {source} has no kernels")
                continue
            job = Path(folder) / f"{name}.xcap"
            write_capsule(with_codes(plain, device), job, key)
            print(f"{name}, nothing from before: {start(job, name, '')}")
            kept = str(Path(folder) / "code")
            start(job, name, kept)
            print(f"{name}, this machine's folder: {start(job, name, kept)}")
            print(f"{name}, code in the capsule:  {start(job, name, '', key.public.hex())}")


if __name__ == "__main__":
    main()
