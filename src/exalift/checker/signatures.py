"""What a module's arguments and results stand for: C parameters, by the contract of what `lift` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from exalift.affine import (
    Affine,
    Array,
    Program,
    initial_contents_needed,
    parameter_arrays,
    solve_sizes,
    written_arrays,
)
from exalift.base import DType, UsageError
from exalift.dialects import ModuleSignature, Parameter

RETURN = "return"
_MOST_CANDIDATES = 5000


@dataclass(frozen=True, slots=True)
class Match:
    """Names for a module's arguments and results, and the sizes that its shapes tell with those given."""

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Slot:
    """What the source has in one place."""

    name: str
    shape: tuple[Affine, ...]
    dtype: DType

    def __str__(self) -> str:
        return f"{self.name} ({self.dtype}{''.join(f'[{extent}]' for extent in self.shape)})"


def result_names(program: Program) -> tuple[str, ...]:
    """The names of what a port of a function gives."""
    return ((RETURN,) if program.returns is not None else ()) + written_arrays(program)


def needed_arguments(program: Program) -> tuple[str, ...]:
    """The parameters, sizes left out, whose initial contents the results depend on."""
    needed = initial_contents_needed(program)
    return tuple(name for name in parameter_arrays(program) if name in needed)


def match_signature(
    program: Program,
    signature: ModuleSignature,
    given: Mapping[str, int],
    names: Sequence[str] | None = None,
) -> Match:
    """Find out which C parameters the arguments are, and which sizes the shapes tell.

    `given` are sizes that the caller knows; `names` say which parameter each argument is. Without them
    the arguments are, in this order of preference, those whose initial contents the results depend on, all
    arrays and scalars, those that the module's text calls by C names, or the only selection that fits in
    types and shapes. A size that no shape tells and that is not given is not in the result.

    Raises UsageError where the numbers, types or shapes do not fit, with what does not.
    """
    slots = {array.name: _slot(array) for array in program.arrays}
    results = _results(program, slots)
    if len(results) != len(signature.results):
        listed = ", ".join(map(str, results)) or "nothing"
        raise UsageError(
            f"{signature.name} gives {len(signature.results)} results, but {program.name} has "
            f"{len(results)}: {listed} (the return value, then the arrays written, in C order)"
        )
    if names is not None:
        return _named(program, signature, given, names, slots, results)
    problem = ""
    for chosen in _selections(program, signature):
        found = _fit(program, signature, given, [slots[name] for name in chosen], results)
        if isinstance(found, Match):
            return found
        problem = problem or found
    raise UsageError(problem or _count_problem(program, signature))


def _named(
    program: Program,
    signature: ModuleSignature,
    given: Mapping[str, int],
    names: Sequence[str],
    slots: Mapping[str, _Slot],
    results: Sequence[_Slot],
) -> Match:
    known = parameter_arrays(program)
    for name in names:
        if name not in known:
            raise UsageError(f"{program.name} has no array or scalar {name!r}; it has {', '.join(known)}")
    if len(names) != len(signature.arguments) or len(set(names)) != len(names):
        raise UsageError(
            f"{signature.name} takes {len(signature.arguments)} tensors, "
            f"but the names given are {', '.join(names) or 'none'}"
        )
    found = _fit(program, signature, given, [slots[name] for name in names], results)
    if isinstance(found, str):
        raise UsageError(found)
    return found


def _slot(array: Array) -> _Slot:
    return _Slot(array.name, array.shape, array.dtype)


def _results(program: Program, slots: Mapping[str, _Slot]) -> list[_Slot]:
    found = [slots[name] for name in written_arrays(program)]
    if program.returns is not None:
        found.insert(0, _Slot(RETURN, (), program.returns.dtype))
    return found


def _selections(program: Program, signature: ModuleSignature) -> Iterator[tuple[str, ...]]:
    """Names that the arguments may have, likely ones first."""
    every, count = parameter_arrays(program), len(signature.arguments)
    for names in (needed_arguments(program), every):
        if len(names) == count:
            yield names
    hints = tuple(argument.hint for argument in signature.arguments)
    if len(set(hints)) == count and set(hints) <= set(every):
        yield hints
    if count < len(every):
        fitting = list(islice(_by_type(program, signature), _MOST_CANDIDATES))
        if len(fitting) == 1:
            yield fitting[0]


def _by_type(program: Program, signature: ModuleSignature) -> Iterator[tuple[str, ...]]:
    """Selections in C order whose element types and ranks fit."""
    wanted = [(a.type.dtype, a.type.rank) for a in signature.arguments]
    arrays = {array.name: (array.dtype, len(array.shape)) for array in program.arrays}
    for names in islice(combinations(parameter_arrays(program), len(wanted)), _MOST_CANDIDATES):
        if [arrays[name] for name in names] == wanted:
            yield names


def _count_problem(program: Program, signature: ModuleSignature) -> str:
    return (
        f"{signature.name} takes {len(signature.arguments)} tensors, but the results of {program.name} "
        f"depend on {', '.join(needed_arguments(program)) or 'no parameter'}; "
        "say with --arguments which they are"
    )


def _fit(
    program: Program,
    signature: ModuleSignature,
    given: Mapping[str, int],
    arguments: Sequence[_Slot],
    results: Sequence[_Slot],
) -> Match | str:
    """The match, or what does not fit."""
    rows = [("argument", s, p) for s, p in zip(arguments, signature.arguments, strict=True)]
    rows += [("result", s, p) for s, p in zip(results, signature.results, strict=True)]
    for position, (what, slot, parameter) in enumerate(rows):
        where = position + 1 - (len(arguments) if what == "result" else 0)
        if slot.dtype is not parameter.type.dtype or len(slot.shape) != parameter.type.rank:
            return (
                f"{what} {where} of {signature.name} is {parameter.type}, but {program.name} has {slot} there"
            )
    equations = [pair for _, slot, parameter in rows for pair in _equations(slot, parameter)]
    fixed = {size.name: size.value for size in program.sizes if size.value is not None}
    sizes = solve_sizes(equations, {**fixed, **given})
    for what, slot, parameter in rows:
        for extent, value in _equations(slot, parameter):
            at = extent.substitute({name: Affine.of(v) for name, v in sizes.items()})
            if at.is_constant and at.constant != value:
                shown = ", ".join(f"{name} = {v}" for name, v in sizes.items() if name in extent.names)
                return f"the {what} for {slot} of {signature.name} is {parameter.type}" + (
                    f", which does not go with {shown}" if shown else ""
                )
    return Match(tuple(s.name for s in arguments), tuple(s.name for s in results), sizes)


def _equations(slot: _Slot, parameter: Parameter) -> list[tuple[Affine, int]]:
    return [(e, v.constant) for e, v in zip(slot.shape, parameter.type.shape, strict=True)]
