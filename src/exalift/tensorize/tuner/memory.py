"""What was tuned before: in the user's cache, and shipped with this version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from exalift.affine import Affine, nodes
from exalift.base import cache_folder
from exalift.llvm import Target, host_target

from ..contraction import Access, Contraction
from ..inspector import Mismatch, fit
from ..instructions import BY_NAME
from ..rewriter import Plan, Schedule

VERSION = 2
"""Raised when plans or their emission change so that old measurements say nothing."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The winner: its plan, and its median time in seconds (0 where it was not measured)."""

    plan: Plan
    seconds: float


def cache_path() -> Path:
    """One JSON file in the folder of what can be made again."""
    return cache_folder() / "tensorize.json"


def cache_key(contraction: Contraction, threads: int, target: Target | None = None) -> str:
    """What a measurement holds for: version, CPU (this one, where None), LLVM, loops, operands, what follows,
    threads. Names and the values of constants are not in it."""
    text = f"{VERSION} {(target or host_target()).key} {threads} {_shape(contraction)}"
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


def shipped_entries() -> dict[str, object]:
    """Results of common shapes, measured by `benchmarks/tensorize/ship.py`."""
    return read_entries(Path(__file__).with_name("shipped.json"))


def read_entries(path: Path) -> dict[str, object]:
    """The file's entries; none where it is absent or not of this form (it is then written anew)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast(dict[str, object], found) if isinstance(found, dict) else {}


def entry_plan(entry: object, contraction: Contraction, features: frozenset[str]) -> Tuned | None:
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


def remembered_plan(
    contraction: Contraction, features: frozenset[str], threads: int, target: Target | None = None
) -> Plan | None:
    """What was measured for a contraction on such a processor, in the user's cache or shipped; else, for the
    same sums with nothing after them. None where neither was measured. Nothing is measured now."""
    path = cache_path()
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    sources = _entries_at(path, changed), _entries_at(Path(__file__).with_name("shipped.json"), 0)
    for measured in (contraction, _bare(contraction)):
        key = cache_key(measured, threads, target)
        for entries in sources:
            found = entry_plan(entries.get(key), contraction, features)
            if found is not None:
                return found.plan
    return None


def _bare(contraction: Contraction) -> Contraction:
    """Without what follows the sum."""
    out = replace(contraction.out, dtype=contraction.accumulator)
    return replace(contraction, out=out, epilogue=None, accumulate=False)


@lru_cache(maxsize=4)
def _entries_at(path: Path, changed: int) -> dict[str, object]:
    """A file's entries as they were when it was `changed`, read once."""
    return read_entries(path)
