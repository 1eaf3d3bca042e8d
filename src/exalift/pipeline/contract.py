"""The contract of what a lift writes: which arguments, which results, in which order.

The emitted function is pure. Its arguments are the scalars and arrays whose initial contents its
results depend on, in the order of the C parameters; its results are the return value, named
`return`, then the final contents of every array that it writes, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exalift.affine import Program, parameter_arrays, written_arrays
from exalift.base import VerificationError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    postorder,
)

RETURN = "return"


def conform(lifted: TensorProgram, source: Program, live_in: frozenset[str]) -> TensorProgram:
    """`lifted` with the arguments and results of the contract, and without updates that nobody reads.

    `live_in` names the parameters whose initial contents the source's results depend on; one that is read
    at the start of `lifted` and not named there may start with anything, and becomes local.
    Raises VerificationError where a result of the source is missing.
    """
    by_name = {result.name: result for result in lifted.results}
    names = ([RETURN] if source.returns is not None else []) + list(written_arrays(source))
    missing = [name for name in names if name not in by_name]
    if missing:
        raise VerificationError(f"the lifted {source.name} lacks the results {', '.join(missing)}")
    results = tuple(by_name[name] for name in names)
    swept = _sweep(lifted.body, frozenset(result.array for result in results))
    types = {a.name: a.type for a in (*lifted.arguments, *lifted.locals)}
    arguments = tuple(name for name in parameter_arrays(source) if name in swept.live and name in live_in)
    mentioned = _mentioned(swept.steps) | {result.array for result in results}
    rest = [name for name in types if name in mentioned and name not in arguments]
    return replace(
        lifted,
        arguments=tuple(Argument(name, _type(types, name, source)) for name in arguments),
        locals=tuple(Argument(name, types[name]) for name in rest),
        body=swept.steps,
        results=results,
    )


def _type(types: dict[str, TensorType], name: str, source: Program) -> TensorType:
    if name in types:
        return types[name]
    array = source.array(name)
    return TensorType(array.shape, array.dtype)


def _reads(update: Update) -> frozenset[str]:
    return frozenset(node.name for node in postorder(update.value) if isinstance(node, ArrayValue))


def _mentioned(steps: Iterable[Step]) -> set[str]:
    found: set[str] = set()
    pending = list(steps)
    while pending:
        match pending.pop():
            case Update() as update:
                found |= {update.array, *_reads(update)}
            case TensorLoop(body=body):
                pending.extend(body)
    return found


@dataclass(frozen=True, slots=True)
class _Swept:
    """Steps without dead updates, and the arrays whose contents they need at their start."""

    steps: tuple[Step, ...]
    live: frozenset[str]


def _sweep(steps: tuple[Step, ...], live: frozenset[str]) -> _Swept:
    """Backward liveness; `live` is what is needed after. Recurses into loops only, whose depth C bounds."""
    kept: list[Step] = []
    for step in reversed(steps):
        match step:
            case Update():
                if step.array not in live:
                    continue
                live = (live - {step.array}) | _reads(step)
                kept.append(step)
            case TensorLoop():
                # A loop may run no iteration, so what is live after it is live before it too.
                around = live
                while True:
                    body = _sweep(step.body, around)
                    if body.live <= around:
                        break
                    around |= body.live
                if body.steps:
                    kept.append(replace(step, body=body.steps))
                    live = around
    return _Swept(tuple(reversed(kept)), live)
