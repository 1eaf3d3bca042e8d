"""Fewer arrays: copies are merged where both names mean one value, and results take their own names.

    state := A;  loop { state := f(state) };  A := state      =>      loop { A := f(A) }

Loops of the source update its arrays in place, and proofs of loops compare arrays by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...graph import ArrayValue, Result, Step, TensorLoop, TensorProgram, Update
from .assignments import reads, replace_arrays


@dataclass(frozen=True, slots=True)
class _Access:
    """One reading or writing of an array, at a position in the order of the text."""

    position: int
    path: tuple[int, ...]
    written: str
    read: frozenset[str]
    copied: str


def merge_arrays(program: TensorProgram) -> TensorProgram:
    """The program with copies between arrays of one type merged where no value is lost by it."""
    changed = True
    while changed:
        changed = False
        for access in _accesses(program.body):
            if not access.copied or access.copied == access.written:
                continue
            merged = _merged(program, access)
            if merged is not None:
                program, changed = merged, True
                break
    used = {name for a in _accesses(program.body) for name in (a.written, *a.read)}
    used |= {result.array for result in program.results}
    return replace(program, locals=tuple(local for local in program.locals if local.name in used))


def _accesses(steps: Sequence[Step]) -> list[_Access]:
    return list(_walk(steps))


def _walk(steps: Sequence[Step]) -> Iterator[_Access]:
    pending: list[tuple[Step, tuple[int, ...]]] = [(s, (p,)) for p, s in reversed(list(enumerate(steps)))]
    position = 0
    while pending:
        step, path = pending.pop()
        match step:
            case Update(array, value):
                copied = value.name if isinstance(value, ArrayValue) else ""
                yield _Access(position, path, array, reads(value), copied)
                position += 1
            case TensorLoop(body=body):
                pending += [(s, (*path, p)) for p, s in reversed(list(enumerate(body)))]


def _merged(program: TensorProgram, copy: _Access) -> TensorProgram | None:
    """The program without the copy `written := copied`, both under one name; None where a value is lost."""
    locals_ = {local.name for local in program.locals}
    accesses = _accesses(program.body)
    results = {result.array for result in program.results}
    first, second = copy.copied, copy.written
    if first in results and second in results:
        return None
    if second in locals_ and second not in results and _takes_over(accesses, copy, second, first, results):
        return _renamed(program, copy, second, first)
    # A result's own array takes the place of the local that it is copied from, for all of its life.
    if first in locals_ and first not in results and _is_last(accesses, copy, first, second):
        return _renamed(program, copy, first, second)
    return None


def _takes_over(accesses: Sequence[_Access], copy: _Access, new: str, old: str, results: set[str]) -> bool:
    """Whether `new`, a local, starts its life at the copy, and `old` is not wanted afterwards.

    Inside a loop `old` may come back, at the end of the body, as a copy of `new`.
    """
    around = copy.path[:-1]
    others = [a for a in accesses if a is not copy and a.position != copy.position]
    if any(a.path[: len(around)] != around for a in others if new in (a.written, *a.read)):
        return False
    if any(a.position < copy.position for a in others if new in (a.written, *a.read)):
        return False
    later = [a for a in others if a.position > copy.position and a.path[: len(around)] == around]
    back = [a for a in later if a.written == old and a.copied == new and a.path[:-1] == around]
    wanted = [a for a in later if old in (a.written, *a.read) and a not in back]
    if wanted or len(back) > 1:
        return False
    if back and any(a.position > back[0].position for a in later if new in (a.written, *a.read)):
        return False
    if not around:
        return old not in results or bool(back)
    # Inside a loop, the next iteration reads what `old` was left as.
    return bool(back)


def _is_last(accesses: Sequence[_Access], copy: _Access, local: str, target: str) -> bool:
    """Whether `target := local` is what `local` is for, so that it can be `target` from the start.

    At the top it is the only writing of `target`, and nothing reads `target` once `local` is first written.
    """
    others = [a for a in accesses if a.position != copy.position]
    if len(copy.path) != 1:
        return _is_last_of_iteration(others, copy, local, target)
    if any(a.written == target for a in others):
        return False
    born = [a for a in others if a.written == local]
    if (
        not born
        or len(born[0].path) != 1
        or any(a.position > copy.position for a in others if a.written == local)
    ):
        return False
    start = born[0].position
    if any(local in a.read for a in others if a.position <= start):
        return False
    return not any(target in a.read for a in others if a.position > start)


def _is_last_of_iteration(others: Sequence[_Access], copy: _Access, local: str, target: str) -> bool:
    """The same in a loop's body: `local` lives there alone, between one writing and the copy, and nobody
    looks at `target` meanwhile, so that only its contents at the end of the iteration are ever seen."""
    around = copy.path[:-1]
    own = [a for a in others if local in (a.written, *a.read)]
    born = next((a for a in own if a.written == local), None)
    if born is None or len(born.path) != len(copy.path) or born.position > copy.position:
        return False
    if any(a.path[: len(around)] != around or not born.position <= a.position < copy.position for a in own):
        return False
    if local in born.read:
        return False
    return not any(
        born.position <= a.position < copy.position for a in others if target in (a.written, *a.read)
    )


def _renamed(program: TensorProgram, copy: _Access, name: str, other: str) -> TensorProgram:
    """Without the copy, and with `name` called `other`; copies of an array to itself go."""
    body = _rename_steps(program.body, {name: other}, copy.path)
    results = tuple(Result(r.name, other, r.type) if r.array == name else r for r in program.results)
    return replace(program, body=body, results=results)


def _rename_steps(steps: Sequence[Step], names: dict[str, str], gone: tuple[int, ...]) -> tuple[Step, ...]:
    """Loops nest as deep as the module's own do, so this recursion is short."""
    made: list[Step] = []
    for position, step in enumerate(steps):
        if gone == (position,):
            continue
        match step:
            case Update(array, value):
                new = replace_arrays(value, names)
                name = names.get(array, array)
                if not (isinstance(new, ArrayValue) and new.name == name):
                    made.append(replace(step, array=name, value=new))
            case TensorLoop(body=body):
                inner = gone[1:] if gone[:1] == (position,) else ()
                made.append(replace(step, body=_rename_steps(body, names, inner)))
    return tuple(made)
