"""Random affine C programs: interpreted, split into regions, lifted and run, always as gcc computes them.

`pytest tests/fuzz` runs a few dozen. `make fuzz` runs thousands: EXALIFT_FUZZ_COUNT programs from the seed
EXALIFT_FUZZ_SEED on.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from fuzz_harness import STAGES, Outcome, Report, check, has_undefined_reads
from fuzz_programs import generate
from fuzz_shrink import shrink

_CHUNK = 10
# What share of accepted programs may end in a VerificationError instead of an answer. It is to become 0.
_UNANSWERED = 0.4


def run(seeds: range, stages: tuple[str, ...] = STAGES) -> Counter[str]:
    """Check the programs of the seeds; the first that fails is shrunk and ends the test."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        generated = generate(seed)
        report = check(generated.text, generated.sizes, seed, stages)
        counts[report.outcome.value] += 1
        if report.outcome is Outcome.FAILED:
            pytest.fail(failure(seed, report, stages), pytrace=False)
    return counts


def failure(seed: int, report: Report, stages: tuple[str, ...], seconds: float = 60.0) -> str:
    """What to say about a failing seed: the stage, the difference, the C text, and a smaller one."""
    generated = generate(seed)
    until = stages[: stages.index(report.stage) + 1] if report.stage in stages else stages

    def still_fails(text: str) -> bool:
        again = check(text, generated.sizes, seed, until)
        return (again.outcome, again.stage) == (report.outcome, report.stage) and not has_undefined_reads(
            text
        )

    small = shrink(generated.text, still_fails, seconds)
    small_report = check(small, generated.sizes, seed, until)
    return (
        f"seed {seed}: stage {report.stage}: {report.detail}\n\n{generated.text}\n"
        f"smaller: {small_report.detail}\n\n{small}"
    )


@pytest.mark.parametrize("start", range(0, 30, _CHUNK))
def test_random_programs_and_their_regions_compute_what_gcc_computes(start: int) -> None:
    counts = run(range(start, start + _CHUNK), ("interpret", "regions"))
    assert counts["passed"] >= _CHUNK // 2, f"too few programs were accepted: {dict(counts)}"
    assert counts["refused"] <= 1, f"too many programs were refused: {dict(counts)}"


def test_lifted_random_programs_compute_what_gcc_computes() -> None:
    seeds = range(100, 112)
    counts = run(seeds, ("lift",))
    assert counts["passed"] >= len(seeds) // 2, f"too few programs were lifted: {dict(counts)}"
    assert counts["unanswered"] <= _UNANSWERED * len(seeds), f"too many without an answer: {dict(counts)}"


@pytest.mark.slow
def test_fuzz_thousands(capsys: pytest.CaptureFixture[str]) -> None:
    start = int(os.environ.get("EXALIFT_FUZZ_SEED", "1000"))
    count = int(os.environ.get("EXALIFT_FUZZ_COUNT", "3000"))
    total: Counter[str] = Counter()
    for first in range(start, start + count, _CHUNK):
        total += run(range(first, min(first + _CHUNK, start + count)))
        with capsys.disabled():
            print(f"\r{sum(total.values())} of {count}: {dict(total)}", end="", flush=True)
    with capsys.disabled():
        print()
    assert total["passed"] >= count // 2, f"too few programs were accepted: {dict(total)}"
    assert total["unanswered"] <= _UNANSWERED * count, f"too many without an answer: {dict(total)}"
