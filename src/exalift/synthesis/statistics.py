"""What a search counts: the columns of mlirSynth's table of results (arXiv 2310.04196, section 6)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """Counts of one search, or of several added up.

    enumerated: candidates drawn from the grammar, those that a static check ends included.
    static: candidates that a static check ended (types, shapes, size limit); a whole set of
        attributes that its operand types exclude counts once per operand tuple.
    evaluated: candidates whose value was observed (by fingerprint at least).
    equivalent: evaluated candidates dropped because a known candidate has their value.
    solutions: candidates that had the goal's value.
    seconds: wall-clock time.
    """

    enumerated: int = 0
    static: int = 0
    evaluated: int = 0
    equivalent: int = 0
    solutions: int = 0
    seconds: float = 0.0

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.enumerated + other.enumerated,
            self.static + other.static,
            self.evaluated + other.evaluated,
            self.equivalent + other.equivalent,
            self.solutions + other.solutions,
            self.seconds + other.seconds,
        )

    @property
    def rate(self) -> float:
        """Candidates decided a second."""
        return self.enumerated / self.seconds if self.seconds else 0.0
