"""Which arrays' contents are still wanted at which point of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Capsule
from .plan import Array, Call, Loop, Step, Sweep


def reads(step: Call | Sweep) -> frozenset[str]:
    """The arrays whose contents a step takes."""
    return frozenset(operand.name for operand in step.operands if isinstance(operand, Array))


def live_before(step: Step, live: frozenset[str]) -> frozenset[str]:
    """What is wanted before a step, given what is wanted after it.

    Loops may run no iteration, so they take nothing off the list.
    """
    match step:
        case Call():
            return (live - frozenset(step.results)) | reads(step)
        case Sweep():
            return live | reads(step)
        case Loop():
            return live_in_body(step, live)


def live_in_body(loop: Loop, live: frozenset[str]) -> frozenset[str]:
    """What is wanted at the start of an iteration (and so after one), given what is wanted after the loop.

    Recurses into loops, whose depth `limits.DEPTH` bounds.
    """
    wanted = live
    while True:
        start = wanted | live_between(loop.body, wanted)[0]
        if start == wanted:
            return wanted
        wanted = start


def live_between(steps: Sequence[Step], live: frozenset[str]) -> tuple[frozenset[str], ...]:
    """What is wanted before the first step, between the steps, and after the last (which is `live`)."""
    found = [live]
    for step in reversed(steps):
        found.append(live_before(step, found[-1]))
    return tuple(reversed(found))


def live_at(capsule: Capsule, positions: Sequence[int]) -> frozenset[str]:
    """What is wanted where a cursor stands before the step of these positions, outermost first.

    The same holds in the middle of that step: a sweep between two pieces wants what it wants before the
    first, and a kernel at a yield point also what it writes (which is added here).
    """
    steps: Sequence[Step] = capsule.plan
    live = frozenset(result.array for result in capsule.results)
    for position in positions[:-1]:
        loop = steps[position]
        if not isinstance(loop, Loop):
            raise ValueError(f"step {position} is not a loop")
        live = live_in_body(loop, live_between(steps, live)[position + 1])
        steps = loop.body
    last = positions[-1]
    if last == len(steps):
        return live
    step = steps[last]
    after = live_between(steps, live)
    written = frozenset[str]() if isinstance(step, Loop) else frozenset(step.results)
    return after[last] | written
