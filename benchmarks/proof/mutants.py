"""Mutants of every kernel and of its lifted program, proved or not: `python benchmarks/proof/mutants.py`.

A row is a kernel and a side. Its columns: mutants tried; those that differ when they are run; of these, those
that the tests of `exalift.proof.prove` refute, those that are left unproved, and those that the prover for
all sizes proves, which must be none; those in which running sees no difference; of these, those proved.

Options: `--count N` mutants of each side (default 200; with two changes where one gives fewer), `--out FILE`
(default out/mutants.jsonl), names of kernels (default all). Goes on where an earlier run with the same file
stopped, in rounds over all kernels, so that a run that is cut off has looked at all of them.
`--table` prints the rows of the file and does nothing else. Exits with 1 where there is a false proof.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The mutations themselves are those of the tests.
sys.path.insert(0, str(ROOT / "tests" / "proof"))

from mutation import Judgement, judge, pairs_of, sizes_to_run  # noqa: E402

from exalift.dialects.stablehlo import STABLEHLO  # noqa: E402
from exalift.pipeline import Options, lift_program, read_source  # noqa: E402
from exalift.proof.all_sizes import prove_all_sizes  # noqa: E402

FOLDER = ROOT / "benchmarks" / "kernels"
ROUND = 20
LIFT_S = 60.0

Key = tuple[str, str]


def judged(name: str, function: str, count: int, done: Counter[Key], until: int) -> list[dict[str, object]]:
    """One record for every mutant of a kernel that is not done yet, up to so many of each side."""
    found = lift_program(
        read_source(FOLDER / f"{name}.c"),
        read_source(FOLDER / f"{name}.c").parse_only(function),
        Options(budget_s=LIFT_S),
    )
    if not prove_all_sizes(found.abstracted, found.program, STABLEHLO, budget_s=LIFT_S).proved:
        print(f"{name} itself is not proved for all sizes", flush=True)
    source, lifted = found.abstracted, found.program
    sizes = sizes_to_run(source)
    records: list[dict[str, object]] = []
    for side in ("target", "source"):
        pairs = pairs_of(source, lifted, STABLEHLO, side, count)
        for position in range(done[name, side], min(until, len(pairs))):
            judgement = judge(*pairs[position], STABLEHLO, sizes)
            record = {"kernel": name, "side": side, "position": position, "judgement": judgement.name}
            if judgement is Judgement.FALSE:
                record["mutant"] = repr(pairs[position][side == "target"])
                print(f"A FALSE PROOF: {name}, {side} mutant {position}", flush=True)
            records.append(record)
    return records


def table(records: list[dict[str, object]]) -> str:
    """The rows, and their sum."""
    counts: dict[Key, Counter[str]] = {}
    total: Counter[str] = Counter()
    for record in records:
        row = counts.setdefault((str(record["kernel"]), str(record["side"])), Counter())
        row[str(record["judgement"])] += 1
        total[str(record["judgement"])] += 1
    lines = [
        "| kernel | side | mutants | differ | refuted | unproved | falsely proved | alike | proved |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [*sorted(counts.items()), (("all", "both"), total)]
    return "\n".join([*lines, *(_row(*key, row) for key, row in rows)])


def _row(name: str, side: str, row: Counter[str]) -> str:
    refuted, unproved, false = (row[j.name] for j in (Judgement.REFUTED, Judgement.UNPROVED, Judgement.FALSE))
    proved, unknown = row[Judgement.SAME_PROVED.name], row[Judgement.SAME_UNKNOWN.name]
    differ = refuted + unproved + false
    numbers = (row.total(), differ, refuted, unproved, false, proved + unknown, proved)
    return f"| {name} | {side} | " + " | ".join(map(str, numbers)) + " |"


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "mutants.jsonl")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    rows = tomllib.loads((FOLDER / "suite.toml").read_text())
    suite = {name: row["function"] for name, row in rows.items() if name != "schema"}
    names = options.names or sorted(suite)
    if set(names) - suite.keys():
        parser.error(f"no kernels: {', '.join(sorted(set(names) - suite.keys()))}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for until in () if options.table else range(ROUND, options.count + ROUND, ROUND):
        done = Counter((str(r["kernel"]), str(r["side"])) for r in read(options.out))
        for name in names:
            wanted = min(until, options.count)
            if min(done[name, "target"], done[name, "source"]) >= wanted:
                continue
            started = time.monotonic()
            records = judged(name, suite[name], options.count, done, wanted)
            with options.out.open("a") as file:
                file.writelines(json.dumps(record) + "\n" for record in records)
            seen = f"{len(records)} mutants in {time.monotonic() - started:.0f} s"
            print(f"up to {wanted} of each side: {name}: {seen}", flush=True)
    records = read(options.out)
    print(table(records))
    return 1 if any(record["judgement"] == Judgement.FALSE.name for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
