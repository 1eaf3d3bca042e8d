"""How far every kernel of the suite is proved, and how long that takes: `python benchmarks/proof/levels.py`.

A row is a kernel as `exalift.lift` gives it: how many loops are left over; the level; seconds of the whole
verdict, tests included, and of the proof for all sizes alone (wall clock, on a machine as busy as it is;
the split of the source into regions is part of both); and the reason where the level is not `all-sizes`.
Then: how many kernels are `all-sizes`, and how many of the 15 named in `HEADLINE` take under 2 s.
Options: names of kernels (default all).
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from exalift.dialects.stablehlo import STABLEHLO
from exalift.pipeline import Options, lift_program, read_source
from exalift.proof import Level, prove
from exalift.proof.all_sizes import forget_regions, prove_all_sizes

FOLDER = Path(__file__).parents[1] / "kernels"
HEADLINE = (
    *("2mm", "3mm", "atax", "bicg", "mvt", "gemm", "gesummv", "gemver", "doitgen", "covariance"),
    *("correlation", "symm", "syrk", "syr2k", "trmm"),
)
LONGEST_S = 2.0
BUDGET_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel; `whole_s` and `proof_s` in seconds of wall clock."""

    name: str
    loops: int
    level: Level | None
    whole_s: float
    proof_s: float
    reason: str

    def __str__(self) -> str:
        level = "none" if self.level is None else self.level.value
        seconds = f"{self.whole_s:.2f} | {self.proof_s:.2f}"
        return f"| {self.name} | {self.loops} | `{level}` | {seconds} | {self.reason} |"


def row(name: str, function: str) -> Row:
    file = read_source(FOLDER / f"{name}.c")
    found = lift_program(file, file.parse_only(function), Options(budget_s=BUDGET_S))
    forget_regions()
    verdict = prove(found.abstracted, found.program, STABLEHLO, budget_s=BUDGET_S)
    forget_regions()
    alone = prove_all_sizes(found.abstracted, found.program, STABLEHLO, budget_s=BUDGET_S)
    reason = "" if verdict.level is Level.ALL_SIZES else alone.reason
    return Row(name, len(found.residual_loops), verdict.level, verdict.seconds, alone.seconds, reason)


def main() -> int:
    suite = tomllib.loads((FOLDER / "suite.toml").read_text())
    names = sys.argv[1:] or sorted(name for name in suite if name != "schema")
    print("| kernel | loops | level | verdict, s | all sizes alone, s | reason |")
    print("|---|---|---|---|---|---|")
    rows: list[Row] = []
    for name in names:
        rows.append(row(name, suite[name]["function"]))
        print(rows[-1], flush=True)
    proved = [r for r in rows if r.level is Level.ALL_SIZES]
    loop_free = [r for r in rows if not r.loops]
    print(
        f"all-sizes: {len(proved)} of {len(rows)}; without loops {sum(r in proved for r in loop_free)} of ",
        end="",
    )
    named = [r for r in rows if r.name in HEADLINE]
    fast = [r for r in named if r in proved and r.whole_s < LONGEST_S]
    print(f"{len(loop_free)}; of the {len(named)} named {len(fast)} in under {LONGEST_S:g} s each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
