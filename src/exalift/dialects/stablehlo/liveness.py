"""Which arrays' contents are still wanted at which point of a lifted program."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import ArrayValue, Step, TensorLoop, Update
from .walks import walk


def reads(update: Update) -> frozenset[str]:
    """The arrays whose contents the update's value uses."""
    return frozenset(node.name for node in walk(update.value) if isinstance(node, ArrayValue))


def written(steps: Sequence[Step]) -> frozenset[str]:
    """The arrays that the steps, loops included, may update."""
    found: set[str] = set()
    pending = list(steps)
    while pending:
        match pending.pop():
            case Update(array=array):
                found.add(array)
            case TensorLoop(body=body):
                pending.extend(body)
    return frozenset(found)


def live_before(step: Step, live: frozenset[str]) -> frozenset[str]:
    """What is wanted before a step, given what is wanted after it.

    A loop may run zero times, so it takes nothing off the list.
    """
    match step:
        case Update(array=array):
            return (live - {array}) | reads(step) if array in live else live
        case TensorLoop():
            return live | live_in_body(step, live)


def live_in_body(loop: TensorLoop, live: frozenset[str]) -> frozenset[str]:
    """What is wanted at the start of an iteration (and so after one), given what is wanted after the loop."""
    wanted = live
    while True:
        start = wanted | live_before_all(loop.body, wanted)
        if start == wanted:
            return wanted
        wanted = start


def live_before_all(steps: Sequence[Step], live: frozenset[str]) -> frozenset[str]:
    return live_between(steps, live)[0]


def live_between(steps: Sequence[Step], live: frozenset[str]) -> tuple[frozenset[str], ...]:
    """What is wanted before the first step, between the steps, and after the last (which is `live`)."""
    found = [live]
    for step in reversed(steps):
        found.append(live_before(step, found[-1]))
    return tuple(reversed(found))


def carried(loop: TensorLoop, live: frozenset[str]) -> frozenset[str]:
    """The arrays that the loop updates and whose contents outlive an iteration."""
    return written(loop.body) & live_in_body(loop, live)
