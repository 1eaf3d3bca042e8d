"""What a lift did, for people: a line a region, the loops that stay, and how sure we are."""

from __future__ import annotations

from exalift.pipeline import Lifted, ResidualLoop

from .console import Columns

_WORDS = {
    "all-sizes": "proved for all sizes",
    "bounded": "proved for all values at small sizes",
    "tested": "tested, not proved",
}


def summarise(lifted: Lifted) -> str:
    """Several lines of plain text."""
    loops = lifted.residual_loops
    outcome = "lifted whole" if not loops else f"lifted in part, {_count(len(loops), 'loop')} left"
    proof = _WORDS.get(lifted.proof, lifted.proof)
    head = (
        f"{lifted.function}: {outcome}, {proof}, {lifted.seconds:.2f} s, "
        f"{lifted.counters.enumerated:,} candidates"
    )
    rows = [head, *(f"  {line}" for line in _regions(lifted))]
    if loops:
        rows.append("  loops that stay:")
        rows += [f"    {_loop(loop)}" for loop in loops]
    rows.append(f"  {lifted.verdict.reason}")
    rows += [f"  assuming that {assumption}" for assumption in lifted.verdict.assumptions]
    arguments = ", ".join(f"{v.name}: {_type(v.dtype.value, v.shape)}" for v in lifted.arguments)
    results = ", ".join(f"{v.name}: {_type(v.dtype.value, v.shape)}" for v in lifted.results)
    rows.append(f"  ({arguments}) -> ({results})")
    return "\n".join(rows)


def _regions(lifted: Lifted) -> tuple[str, ...]:
    rows = [("lines", "array", "ops", "enumerated", "filtered", "evaluated", "pruned", "seconds")]
    for region in lifted.regions:
        first, last = region.lines
        counted = region.counters
        rows.append(
            (
                str(first) if first == last else f"{first}-{last}",
                region.array,
                " ".join(region.ops) or "-",
                f"{counted.enumerated:,}",
                f"{counted.static:,}",
                f"{counted.evaluated:,}",
                f"{counted.equivalent:,}",
                f"{region.seconds:.3f}",
            )
        )
    return Columns(tuple(rows), frozenset({3, 4, 5, 6, 7})).lines()


def _loop(loop: ResidualLoop) -> str:
    return f"line {loop.span.line}, over {loop.iv}: {loop.reason}"


def _type(dtype: str, shape: tuple[int, ...]) -> str:
    return "x".join([*(str(extent) for extent in shape), dtype])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
