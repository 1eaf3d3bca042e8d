"""From a lifted program at given sizes to a procedure of loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from exalift.affine import Affine, Constraint
from exalift.base import UsageError, VerificationError
from exalift.dialects import Dialect, Step, TensorLoop, TensorProgram, Update
from exalift.dialects.stablehlo import LoopRange

from .columns import Columnizer
from .epilogues import Epilogues
from .fusing import Fuser
from .hazards import Hazards
from .joining import Joiner
from .masks import Masks
from .plans import Planner
from .products import Products
from .program import Assignment, Buffer, Item, Procedure, Sequential, known_of
from .recurrences import Recurrences
from .results import without_last_copies
from .scattering import Scatterer
from .sinking import Sinker
from .terms import Pool
from .unused import without_unused

_LONG = 100.0
"""How often a loop is taken to run whose ends are not known before it does."""


def build(
    program: TensorProgram,
    sizes: Mapping[str, int],
    dialect: Dialect,
    planner: Planner,
    strict_fp: bool = False,
    fuse: bool = True,
    integers: Sequence[LoopRange] = (),
) -> tuple[Procedure, Pool]:
    """The procedure of a program at `sizes`, and the pool that its terms belong to. Contractions are taken
    out as `planner` plans them, with what follows in their last tiles where `fuse` is set; with `strict_fp`,
    no floating-point sum changes its order. `integers` are arguments that are given as numbers, and symbols
    in the program.

    Raises UsageError for a size that is missing or an op that the dialect does not define or has no
    formula for, VerificationError for a program that breaks its own rules.
    """
    missing = [name for name in program.sizes if name not in sizes]
    if missing:
        raise UsageError(f"{program.name}: no value for the size {', '.join(missing)}")
    known = {name: int(sizes[name]) for name in program.sizes}
    pool, buffers = Pool(), dict[str, Buffer]()
    fuser = Fuser(dialect, known, pool, buffers)
    for declared in (*program.arguments, *program.locals):
        buffers[declared.name] = Buffer(declared.name, fuser.shape(declared.type), declared.type.dtype)
    products = Products(pool, buffers, fuser.temporaries, planner, strict_fp)
    around = known_of(integers)
    body = _Builder(program, fuser, products, tuple(integers)).items(program.body, around)
    private = {local.name for local in program.locals} - {result.array for result in program.results}
    if fuse:
        body = Epilogues(buffers, fuser.temporaries, private, planner).fused(body)
    if not strict_fp:
        body = Scatterer(pool, buffers).items(body, around)
    body = Columnizer(pool).items(body, around)
    body = Sinker(pool, buffers, fuser.temporaries, private | fuser.temporaries, body, around).sunk()
    if not strict_fp:
        body = Recurrences(pool).items(body)
    body = Joiner(pool).items(without_unused(body, fuser.temporaries))
    procedure = Procedure(
        program.name,
        buffers,
        tuple(argument.name for argument in program.arguments),
        tuple((result.name, result.array) for result in program.results),
        frozenset(fuser.temporaries),
        body,
        tuple(integers),
    )
    return without_last_copies(procedure), pool


@dataclass(frozen=True, slots=True)
class _Builder:
    program: TensorProgram
    fuser: Fuser
    products: Products
    integers: tuple[LoopRange, ...]

    def items(self, steps: Sequence[Step], context: tuple[Constraint, ...]) -> tuple[Item, ...]:
        found: list[Item] = []
        for step in steps:
            match step:
                case Update():
                    found += self._update(step, context)
                case TensorLoop(iv, lower, upper, body, reason):
                    fixed = [tuple(self.fuser.fixed(b) for b in bounds) for bounds in (lower, upper)]
                    loop = Sequential(iv, fixed[0], fixed[1], (), reason, self._times(*fixed))
                    # Loops nest as deep as the source's own do, so this recursion is short.
                    found.append(replace(loop, body=self.items(body, (*context, *loop.constraints))))
                case _:
                    assert_never(step)
        return tuple(found)

    def _times(self, lower: Sequence[Affine], upper: Sequence[Affine]) -> float | None:
        """About how often a loop between integers runs: whoever cuts it makes pieces that are worth it."""
        given = {integer.iv for integer in self.integers}
        return _LONG if any(bound.names & given for bound in (*lower, *upper)) else None

    def _update(self, update: Update, context: tuple[Constraint, ...]) -> list[Item]:
        fuser = self.fuser
        buffer = fuser.buffers.get(update.array)
        if buffer is None:
            raise VerificationError(f"{update.array} is neither an argument nor a local")
        if fuser.shape(update.value.type) != buffer.shape or update.value.type.dtype is not buffer.dtype:
            raise VerificationError(f"{update.array} is given a value of type {update.value.type}")
        items: list[Item] = []
        self.products.begin()
        for assignment in fuser.assignments(update.array, update.value, context, update.lines):
            items += self._safe(assignment, context)
        return items

    def _safe(self, assignment: Assignment, context: tuple[Constraint, ...]) -> tuple[Item, ...]:
        fuser = self.fuser
        pieces = Masks(fuser.pool, context).pieces(assignment)
        before, rest = self.products.taken_out(pieces)
        return (*before, *Hazards(fuser.pool, fuser.buffers, fuser.temporaries, context).blocks(rest))
