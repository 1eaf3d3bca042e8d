"""Tuning by measurement: the best few plans of the model are run, and the winner is remembered."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np

from exalift.affine import Affine, nodes
from exalift.base import DType, cache_folder, write_atomically
from exalift.llvm import host_target

from ..calling import Array, Kernel, compile_kernel, usable_features
from ..contraction import Access, Contraction
from ..inspector import Mismatch, fit, select
from ..instructions import BY_NAME
from ..rewriter import Plan, Schedule
from ..samples import random_operand, storage
from .choose import MACHINE, plan_for
from .model import candidates, estimate

VERSION = 2
"""Raised when plans or their emission change so that old measurements say nothing."""

Progress = Callable[[int, int, Plan, float], None]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The winner: its plan, and its median time in seconds (0 where it was not measured)."""

    plan: Plan
    seconds: float


def cache_path() -> Path:
    """One JSON file in the folder of what can be made again."""
    return cache_folder() / "tensorize.json"


def cache_key(contraction: Contraction, threads: int) -> str:
    """What a measurement holds for: version, CPU, LLVM, loops, operands, what follows, threads. Names and the
    values of constants are not in it."""
    text = f"{VERSION} {host_target().key} {threads} {_shape(contraction)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _shape(contraction: Contraction) -> str:
    loops = {d.name: Affine.symbol(f"d{position}") for position, d in enumerate(contraction.dimensions)}

    def access(one: Access) -> str:
        offset = one.offset.substitute(loops)
        stored = f" {one.nibbles}" if one.nibbles else ""
        indices = [str(index.substitute(loops)) for index in one.indices]
        return f"{one.dtype} {one.shape} {offset} {indices}{stored}"

    parts = [f"{d.extent} {d.role.value}" for d in contraction.dimensions]
    parts += [access(one) for one in (contraction.lhs, contraction.rhs, contraction.out)]
    parts.append(f"{contraction.accumulator} {contraction.accumulate} {contraction.lhs_shift != 0}")
    if contraction.epilogue is not None:
        names = {name: str(position) for position, (name, _) in enumerate(contraction.epilogue.operands)}
        parts += [access(one) for _, one in contraction.epilogue.operands]
        for node in nodes(contraction.epilogue.value):
            what = getattr(node, "function", "") or names.get(getattr(node, "array", ""), "")
            parts.append(f"{type(node).__name__} {node.dtype} {what}")
    return "; ".join(parts)


def _shipped() -> dict[str, object]:
    """Results of common shapes, measured by `benchmarks/tensorize/ship.py`."""
    return _read(Path(__file__).with_name("shipped.json"))


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
    sources = (_shipped,) if deterministic else (lambda: _read(where), _shipped)
    for source in sources if shipped else sources[:-1]:
        found = _remembered(source().get(key), contraction, features)
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
    entries = _read(where)
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


def _read(path: Path) -> dict[str, object]:
    """The file's entries; none where it is absent or not of this form (it is then written anew)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast(dict[str, object], found) if isinstance(found, dict) else {}


def _remembered(entry: object, contraction: Contraction, features: frozenset[str]) -> Tuned | None:
    """An entry as a plan; None for one that is not there, or that is not valid (any more, or here)."""
    if not isinstance(entry, dict):
        return None
    fields = cast(dict[str, object], entry)
    schedule, name, seconds = fields.get("schedule"), fields.get("instruction"), fields.get("seconds")
    if not isinstance(schedule, dict) or not isinstance(name, str) or not isinstance(seconds, float):
        return None
    try:
        numbers = {str(key): int(value) for key, value in cast(dict[str, int], schedule).items()}
        fitted = fit(contraction, BY_NAME[name])
        if isinstance(fitted, Mismatch):
            return None
        plan = Plan(fitted, BY_NAME[name], Schedule(**numbers))
        return Tuned(plan, seconds) if plan.instruction.requirements <= features else None
    except (KeyError, TypeError, ValueError):
        return None
