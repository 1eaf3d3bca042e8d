"""Random affine C programs: interpreted, split into regions, lifted and run, always as gcc computes them.

`pytest tests/fuzz` runs a few dozen. `make fuzz` runs thousands: EXALIFT_FUZZ_COUNT programs from the seed
EXALIFT_FUZZ_SEED on.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from fuzz_harness import STAGES, Outcome, Report, check, has_undefined_reads
from fuzz_programs import generate
from fuzz_shrink import shrink

_CHUNK = 10
_LONG_CHUNK = 50
# How many accepted programs may end in a VerificationError instead of an answer.
_UNANSWERED = 0


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
    assert counts["unanswered"] <= _UNANSWERED, f"some without an answer: {dict(counts)}"


def test_the_last_resort_computes_what_gcc_computes() -> None:
    counts = run(range(100, 112), ("direct",))
    assert counts["passed"] >= 6 and not counts["unanswered"], dict(counts)


def bad_and_counts(seeds: range) -> tuple[list[tuple[int, str]], Counter[str]]:
    """The seeds that fail or get no answer, with what there is to say of them, and all outcomes."""
    counts: Counter[str] = Counter()
    bad: list[tuple[int, str]] = []
    for seed in seeds:
        generated = generate(seed)
        report = check(generated.text, generated.sizes, seed)
        counts[report.outcome.value] += 1
        if report.outcome in (Outcome.FAILED, Outcome.UNANSWERED):
            bad.append((seed, f"{report.outcome.value} at {report.stage}: {report.detail}"))
    return bad, counts


@pytest.mark.slow
def test_fuzz_thousands(capsys: pytest.CaptureFixture[str]) -> None:
    start = int(os.environ.get("EXALIFT_FUZZ_SEED", "1000"))
    count = int(os.environ.get("EXALIFT_FUZZ_COUNT", "3000"))
    total: Counter[str] = Counter()
    bad: list[tuple[int, str]] = []
    for first in range(start, start + count, _LONG_CHUNK):
        # Each chunk in a process of its own: what XLA and the search compile is never freed.
        seeds = range(first, min(first + _LONG_CHUNK, start + count))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            more, counts = pool.submit(bad_and_counts, seeds).result()
        bad += more
        total += counts
        with capsys.disabled():
            print(f"\r{sum(total.values())} of {count}: {dict(total)}", end="", flush=True)
    with capsys.disabled():
        print("".join(f"\nseed {seed}: {said}" for seed, said in bad))
    assert total["passed"] >= count // 2, f"too few programs were accepted: {dict(total)}"
    assert not total["failed"], dict(total)
    assert total["unanswered"] <= _UNANSWERED, f"some without an answer: {dict(total)}"
