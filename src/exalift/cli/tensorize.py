"""Show which tensorized instructions compute the loops of a C or affine MLIR file, and at what cost.

Costs are those of the analytic model, for this CPU or for a machine that has what --for lists (LLVM's names
of a CPU's features and "sve=256" for a length of vectors; "sm_80", "sm_90a", "allow-tf32"); nothing is
measured or compiled. With --explain every instruction that does not fit is listed with its reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from exalift.affine import Program
from exalift.base import RefusedError, UsageError
from exalift.pipeline import read_source
from exalift.pipeline.tensorizing import ExplainedRegion, explain
from exalift.tensorize import Choice, LanePlan, Loops, Refusal, grid_cycles, grid_plans

from .console import output_console, say
from .options import add_source_options, sizes_of


def add_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    parser.add_argument("--explain", action="store_true", help="say why other instructions do not fit")
    parser.add_argument(
        "--for", dest="machine", metavar="FEATURES", help="another machine, e.g. neon,dotprod"
    )
    parser.add_argument("--threads", type=int, default=1, help="how many threads to plan for (1)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.threads < 1:
        raise UsageError("--threads needs at least one")
    source = read_source(
        arguments.file, include_directories=arguments.include_directories, defines=arguments.defines
    )
    sizes = sizes_of(arguments.size)
    if arguments.function is not None:
        programs: tuple[Program, ...] = (source.parse(arguments.function),)
    else:
        parsed = source.parse_all()
        programs = parsed.programs
        if not programs:
            raise RefusedError(parsed.diagnostics)
    names = {size.name for program in programs for size in program.sizes}
    for name in sizes:
        if name not in names:
            raise UsageError(f"no function of {Path(arguments.file).name} has a size {name!r}")
    for program in programs:
        own = {size.name for size in program.sizes}
        features = None if arguments.machine is None else frozenset(arguments.machine.split(","))
        chosen = {name: value for name, value in sizes.items() if name in own}
        regions = explain(program, chosen, arguments.threads, features)
        say(output_console(), "\n".join(_lines(program, regions, arguments.explain)))
    return 0


def _lines(program: Program, regions: tuple[ExplainedRegion, ...], everything: bool) -> list[str]:
    lines = [f"{program.name}:"]
    for region in regions:
        first, last = region.lines
        place = f"line {first}" if first == last else f"lines {first}-{last}"
        grids = _grids(region)
        if not region.choices and not grids:
            reason = region.inspection.reason or "no instruction fits"
            lines.append(f"  {region.array} ({place}): {reason}")
        else:
            lines.append(f"  {region.array} ({place}): {_standing(region)}")
        for choice in region.choices:
            lines.append(f"    {_choice(choice)}")
        lines += [f"    {text}" for text in grids]
        if everything:
            groups = _groups(region.inspection.refusals)
            width = max((len(name) for name in groups), default=0)
            lines += [f"    {name.ljust(width)}  no: {reason}" for name, reason in groups.items()]
    return lines


def _standing(region: ExplainedRegion) -> str:
    """How sure it is that the mapping computes the region."""
    if region.proved:
        return "proved equal for all values at these sizes"
    words = {True: "checked in the prime field", False: "NOT CONFIRMED", None: "not checked: too large"}
    return words[region.checked]


def _grids(region: ExplainedRegion) -> list[str]:
    """The ways for groups of threads, with the model's best plan of each."""
    found: list[tuple[float, str]] = []
    for way in region.inspection.ways:
        plans = grid_plans(way.reading.contraction, way.instruction) if way.instruction.fragments else []
        for plan in plans[:1]:
            rows, columns = plan.tile
            text = (
                f"{way.instruction.name}  {way.reading.lhs} x {way.reading.rhs}  {_nests(plan.loops)}  "
                f"block {rows}x{columns}x{plan.block_k}, {plan.threads} threads, "
                f"{plan.shared_bytes} bytes shared"
            )
            found.append((grid_cycles(plan), text))
    return [text for _, text in sorted(found)]


def _groups(refusals: Sequence[Refusal]) -> dict[str, str]:
    """Reasons by what they are for: an instruction, or all the instances of one that have the same reason
    but for their length ("smmla_z128 to 2048")."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for refusal in refusals:
        instruction = refusal.instruction
        reason, stem = refusal.reason, instruction.name
        if instruction.length:
            reason = reason.replace(f", {instruction.length}", "")
            stem = stem.rstrip("0123456789")
        reasons.setdefault((stem, reason), []).append(instruction.name)
    return {
        names[0] if len(names) == 1 else f"{names[0]} to {names[-1][len(stem) :]}": reason
        for (stem, reason), names in reasons.items()
    }


def _choice(choice: Choice) -> str:
    """A way in one line: what it maps where, the tile, and the cost."""
    plan, reading = choice.plan, choice.way.reading
    rows, columns = plan.tile
    nests = _nests(plan.loops)
    along = f" along {plan.axis}" if isinstance(plan, LanePlan) else ""
    return (
        f"{plan.instruction.name}  {reading.lhs} x {reading.rhs}  {nests}  tile {rows}x{columns}{along}  "
        f"{choice.estimate.cycles:,.0f} cycles, {choice.efficiency:.0%} busy"
    )


def _nests(loops: Loops) -> str:
    """Which loops became which."""
    return " ".join(
        f"{name}={'*'.join(f'{loop.name}:{loop.extent}' for loop in nest.loops) or '1'}"
        for name, nest in (("batch", loops.batch), ("m", loops.m), ("n", loops.n), ("k", loops.k))
        if nest.loops or name != "batch"
    )
