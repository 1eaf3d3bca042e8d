"""Tuning by measurement: the best few plans of the model are run, and the winner is remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from exalift.base import DType, write_atomically

from ..calling import Array, Kernel, compile_kernel, usable_features
from ..contraction import Access, Contraction
from ..inspector import select
from ..rewriter import Plan
from ..samples import random_operand, storage
from .choose import MACHINE, plan_for
from .memory import Tuned, cache_key, cache_path, entry_plan, read_entries, shipped_entries
from .model import candidates, estimate

Progress = Callable[[int, int, Plan, float], None]


def tune(
    contraction: Contraction,
    threads: int = 1,
    *,
    budget_s: float = 2.0,
    most: int = 6,
    deterministic: bool = False,
    shipped: bool = True,
    clock: Callable[[], float] = time.perf_counter,
    progress: Progress | None = None,
    path: Path | None = None,
) -> Tuned:
    """The best plan: remembered, else shipped with this version for this CPU, else measured among the model's
    best `most` within `budget_s` seconds.

    `deterministic`: neither measured nor remembered; what is shipped, else the model's first. `shipped=False`
    does not look at what is shipped. `clock` tells the time of runs, in seconds. `progress` is told the
    number of the plan, how many there are, the plan, and its seconds.
    Raises UsageError where no instruction fits.
    """
    features = usable_features()
    where, key = path or cache_path(), cache_key(contraction, threads)
    sources = (shipped_entries,) if deterministic else (lambda: read_entries(where), shipped_entries)
    for source in sources if shipped else sources[:-1]:
        found = entry_plan(source().get(key), contraction, features)
        if found is not None:
            return found
    if deterministic:
        return Tuned(plan_for(contraction, features, threads), 0.0)
    matches, _ = select(contraction, features)
    plans = [p for m in matches for p in candidates(m.contraction, m.instruction, threads, MACHINE)]
    plans.sort(key=lambda plan: estimate(plan, threads, MACHINE).cycles)
    if not plans:
        plan_for(contraction, features, threads)  # raises, with every reason
    best = _measured(plans[:most], contraction, threads, budget_s, clock, progress)
    entries = read_entries(where)
    entries[key] = {
        "instruction": best.plan.instruction.name,
        "schedule": asdict(best.plan.schedule),
        "seconds": best.seconds,
    }
    where.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(where, json.dumps(entries, indent=1, sort_keys=True) + "\n")
    return best


def _measured(
    plans: list[Plan],
    contraction: Contraction,
    threads: int,
    budget_s: float,
    clock: Callable[[], float],
    progress: Progress | None,
) -> Tuned:
    """Plans take turns, so that whatever else the machine does falls on all of them."""
    generator = np.random.default_rng(0)
    followed = contraction.epilogue.operands if contraction.epilogue else ()
    accesses = (contraction.lhs, contraction.rhs, *(access for _, access in followed))
    lhs, rhs, *extra = (_random(generator, access) for access in accesses)
    out = np.zeros(contraction.out.shape, storage(contraction.out.dtype))
    ends = time.perf_counter() + budget_s
    kernels: list[tuple[Plan, Kernel, Callable[[], None], list[float]]] = []
    for plan in plans:
        kernel = compile_kernel(plan)
        run = kernel.bind(lhs, kernel.pack(rhs, threads), out, extra, threads)
        run()
        kernels.append((plan, kernel, run, []))
        if time.perf_counter() > ends - budget_s / 2:
            break
    while not kernels[0][3] or (time.perf_counter() < ends and len(kernels[0][3]) < 200):
        for _, _, run, times in kernels:
            start = clock()
            run()
            times.append(clock() - start)
    best: Tuned | None = None
    for number, (plan, _, _, times) in enumerate(kernels, 1):
        seconds = float(np.median(times))
        if progress is not None:
            progress(number, len(kernels), plan, seconds)
        if best is None or seconds < best.seconds:
            best = Tuned(plan, seconds)
    assert best is not None
    return best


def _random(generator: np.random.Generator, access: Access) -> Array:
    if access.nibbles is None:
        return random_operand(generator, access.dtype, access.shape)
    return random_operand(generator, DType.UI8, (access.nibbles.bytes(access.span),))
