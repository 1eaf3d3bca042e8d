"""Jobs: capsules with a state and a place in their plan, run in slices, moved, kept."""

from .execution import SLICE_SECONDS, Compiled, Execution, compile_routines, run_to_end
from .state import State, initial_state, random_state, results_of

__all__ = [
    "SLICE_SECONDS",
    "Compiled",
    "Execution",
    "State",
    "compile_routines",
    "initial_state",
    "random_state",
    "results_of",
    "run_to_end",
]
