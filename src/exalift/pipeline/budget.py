"""How the seconds of a lift are shared out between search, proof, and the test that must always be made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

GRACE_SECONDS = 30.0
"""A lift ends so many seconds after its budget at the latest: nothing is given out that was not tested."""

_PROOF_SHARE = 0.25
"""The part of the budget that a proof may take; what is decidable is mostly decided in a second."""

_LEAST_SECONDS = 2.0
"""A proof is tried for so long even where the budget is spent."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`seconds` of wall-clock time, from the second `started` of a clock on."""

    seconds: float
    started: float
    clock: Callable[[], float]

    @staticmethod
    def start(seconds: float, clock: Callable[[], float] = time.monotonic) -> Budget:
        return Budget(seconds, clock(), clock)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started

    @property
    def is_spent(self) -> bool:
        return self.left <= 0

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - self.spent)

    @property
    def for_search(self) -> float:
        """Seconds that a search may take now: what is left, but for the share of the proof."""
        return max(0.0, self.left - self.seconds * _PROOF_SHARE)

    @property
    def for_proof(self) -> float:
        """Seconds that a proof may take now."""
        return max(_LEAST_SECONDS, min(self.left, self.seconds * _PROOF_SHARE))

    def for_tests(self, last: bool) -> float:
        """Seconds that tests may take now: to the middle of the grace; for the last program, to its end."""
        grace = GRACE_SECONDS if last else GRACE_SECONDS / 2
        return max(0.0, self.seconds + grace - self.spent)
