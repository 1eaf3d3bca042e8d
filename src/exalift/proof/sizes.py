"""Which values of the size parameters to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from exalift.affine import Program

from .reach import iterations, reach

# Candidate tuples looked at before giving up on finding one that the constraints allow.
_MOST_CANDIDATES = 8192
_MOST_TUPLES = 4096
_MOST_DISTINCT = 4
_LOW_VALUES = 3
# Distances in the source up to the first need no sizes of their own; beyond the others runs take too long.
_NEAR = 2
_FARTHEST_TESTED = 40
_FARTHEST_PROVED = 12
# Runs of so many iterations take a second; where tuples ask for more, sizes start lower.
_MOST_ITERATIONS = 50_000


@dataclass(frozen=True, slots=True)
class SizeSpace:
    """The sizes of a program: names, lowest values, and what the constraints and pins allow."""

    program: Program
    names: tuple[str, ...]
    lowest: tuple[int, ...]
    pinned: Mapping[str, int]

    @staticmethod
    def of(program: Program, pinned: Mapping[str, int] | None = None) -> SizeSpace:
        """The space of a program, some of whose sizes may be pinned to a value."""
        fixed = {name: value for name, value in (pinned or {}).items() if name}
        names = tuple(size.name for size in program.sizes)
        lowest = tuple(fixed.get(size.name, size.minimum) for size in program.sizes)
        space = SizeSpace(program, names, lowest, fixed)
        return SizeSpace(program, names, space._raised(), fixed)

    def _raised(self) -> tuple[int, ...]:
        """Lower bounds that single-size constraints imply, so that the search starts near a solution."""
        lowest = dict(zip(self.names, self.lowest, strict=True))
        disjuncts = self.program.constraints.disjuncts
        for constraint in disjuncts[0] if len(disjuncts) == 1 else ():
            expression = constraint.expression
            if len(expression.names) == 1 and expression.is_linear:
                (name,) = expression.names
                coefficient = expression.coefficient(name)
                if coefficient > 0 and name in lowest and name not in self.pinned:
                    bound = -(expression.constant // coefficient)
                    lowest[name] = max(lowest[name], bound)
        return tuple(lowest[name] for name in self.names)

    def admits(self, values: tuple[int, ...]) -> bool:
        """Whether the constraints hold, minima and pins included."""
        sizes = dict(zip(self.names, values, strict=True))
        if any(sizes[size.name] < size.minimum for size in self.program.sizes):
            return False
        if any(sizes.get(name, value) != value for name, value in self.pinned.items()):
            return False
        return self.program.constraints.at(sizes)

    def _ranges(self, width: int, base: tuple[int, ...]) -> list[range]:
        return [
            range(low, low + 1 if name in self.pinned else low + width)
            for name, low in zip(self.names, base, strict=True)
        ]

    def near(self, values: tuple[int, ...]) -> tuple[int, ...] | None:
        """The first admissible tuple at or a little above `values`; None where none was found."""
        for width in (1, 2, 4, 8):
            candidates = islice(product(*self._ranges(width, values)), _MOST_CANDIDATES)
            for candidate in sorted(candidates, key=sum):
                if self.admits(candidate):
                    return candidate
        return None

    def named(self, values: tuple[int, ...]) -> dict[str, int]:
        return dict(zip(self.names, values, strict=True))


def sizes_for_tests(space: SizeSpace) -> tuple[dict[str, int], ...]:
    """A few tuples: pairwise distinct ones in either order, the smallest, odd ones, each smallest in turn,
    and ones at which all loops run and all conditions hold somewhere.

    Where sizes are so many that distinct ones would make loops long, they take turns in being equal; where
    loops are long at any size, as those over tiles of 16 are, sizes are small, and short runs come first.
    """
    count, lowest = len(space.names), space.lowest

    def at_least(values: Iterable[int]) -> tuple[int, ...]:
        return tuple(max(pair) for pair in zip(lowest, values, strict=True))

    def work(values: tuple[int, ...]) -> int:
        return iterations(space.program, space.named(values))

    few = count <= _MOST_DISTINCT
    rising = at_least(3 + k if few else 2 + k % 3 for k in range(count))
    falling = at_least(2 + count - k if few else 4 - (k // 3 + k) % 3 for k in range(count))
    long = work(rising) > _MOST_ITERATIONS
    if long:
        rising = at_least(1 + k % 3 for k in range(count))
        falling = at_least(3 - k % 3 for k in range(count))
    far = min(reach(space.program), _FARTHEST_TESTED)
    wanted = [rising, lowest]
    own = tuple(size.value or value for size, value in zip(space.program.sizes, rising, strict=True))
    if own != rising and work(own) <= _MOST_ITERATIONS:
        # Those that the source fixes are what it will be run at.
        wanted.append(own)
    if far > _NEAR:
        wanted.append(tuple(far + value for value in rising))
    wanted.append(falling)
    wanted += [rising[:k] + lowest[k : k + 1] + rising[k + 1 :] for k in range(count)]
    wanted += [lowest[:k] + falling[k : k + 1] + lowest[k + 1 :] for k in range(count)]
    if few and not long:
        wanted.append(at_least(5 + 2 * ((3 * k + 1) % max(1, count)) for k in range(count)))
    found = _found(space, wanted)
    return tuple(sorted(found, key=lambda sizes: iterations(space.program, sizes))) if long else found


def _found(space: SizeSpace, wanted: Iterable[tuple[int, ...]]) -> tuple[dict[str, int], ...]:
    pins = dict(space.pinned)
    pinned = [tuple(pins.get(n, v) for n, v in zip(space.names, values, strict=True)) for values in wanted]
    near = [space.near(values) for values in dict.fromkeys(pinned)]
    return tuple(space.named(values) for values in dict.fromkeys(v for v in near if v is not None))


def size_tuples(
    program: Program, pinned: Mapping[str, int], *, smallest: bool = False
) -> tuple[dict[str, int], ...]:
    """Admissible sizes for tests; with `smallest` all with low values, the lowest first."""
    space = SizeSpace.of(program, pinned)
    if not smallest:
        return sizes_for_tests(space)
    return tuple(sorted(small_sizes(space, _LOW_VALUES).tuples, key=lambda sizes: sum(sizes.values())))


def admissible_near(program: Program, wanted: Iterable[Mapping[str, int]]) -> list[dict[str, int]]:
    """For each tuple that is wanted an admissible one at or a little above it; those that there are."""
    space = SizeSpace.of(program)
    found = (space.near(tuple(sizes[name] for name in space.names)) for sizes in wanted)
    return [space.named(values) for values in dict.fromkeys(v for v in found if v is not None)]


@dataclass(frozen=True, slots=True)
class SmallSizes:
    """Tuples of small sizes, cheap ones first; the first `covering` cover every pair of values of two sizes.

    `bounds` are the least and greatest value of each size; `complete` is unset where there are so
    many tuples that only some of them are here. `reaching` is unset where the source's own distances are
    so large that at all of these sizes some loop does not run, or some condition never holds.
    """

    tuples: tuple[dict[str, int], ...]
    covering: int
    bounds: Mapping[str, tuple[int, int]]
    complete: bool
    reaching: bool = True


def small_sizes(space: SizeSpace, width: int) -> SmallSizes:
    """All admissible tuples with every size among its `width` lowest values, or more where the source's
    distances ask for it."""
    distance = reach(space.program)
    far = distance + 3 if _NEAR < distance <= _FARTHEST_PROVED else 0
    base = space.near(space.lowest)
    if base is None:
        return SmallSizes((), 0, {}, False)
    # A size that only its neighbours hold up (H >= K) starts at its own minimum.
    ranges = [range(low, max(low + width, far, b + 1)) for low, b in zip(space.lowest, base, strict=True)]
    ranges = [
        range(r.start, r.start + 1) if n in space.pinned else r
        for n, r in zip(space.names, ranges, strict=True)
    ]
    total = int(np.prod([len(r) for r in ranges], dtype=object))
    if total <= _MOST_CANDIDATES:
        candidates = list(product(*ranges))
    else:
        generator = np.random.default_rng(0)
        drawn = [generator.integers(r.start, r.stop, _MOST_CANDIDATES) for r in ranges]
        candidates = list(dict.fromkeys(zip(*(d.tolist() for d in drawn), strict=True)))
    allowed = sorted((c for c in candidates if space.admits(c)), key=lambda c: (sum(c), c))
    cover = _pairwise(allowed)
    chosen = set(cover)
    rest = [c for c in allowed if c not in chosen]
    kept = (cover + rest)[: max(_MOST_TUPLES, len(cover))]
    bounds = {
        name: (min(c[k] for c in allowed), max(c[k] for c in allowed))
        for k, name in enumerate(space.names)
        if allowed
    }
    complete = total <= _MOST_CANDIDATES and len(kept) == len(allowed)
    reaching = distance <= _FARTHEST_PROVED or all(name in space.pinned for name in space.names)
    return SmallSizes(tuple(space.named(c) for c in kept), len(cover), bounds, complete, reaching)


def _pairwise(tuples: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """A few of the tuples in which every pair of values that two sizes take together occurs."""
    if not tuples:
        return []
    count = len(tuples[0])
    if count < 2:
        return list(tuples)

    def pairs(values: tuple[int, ...]) -> set[tuple[int, int, int, int]]:
        return {(a, values[a], b, values[b]) for a in range(count) for b in range(a)}

    left = {pair for candidate in tuples for pair in pairs(candidate)}
    # Large tuples cover as many pairs as small ones do, but distinct values are what tells axes apart.
    chosen: list[tuple[int, ...]] = []
    for candidate in sorted(tuples, key=lambda t: (-len(set(t)), sum(t))):
        new = pairs(candidate) & left
        if new:
            chosen.append(candidate)
            left -= new
        if not left:
            break
    return sorted(chosen, key=sum)
