"""A second solver, cvc5, asked the same question where it is installed.

The question goes to it as text in SMT-LIB, which its own parser reads, so that nothing but the encoding is
shared with the first solver.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache


@lru_cache(maxsize=1)
def has_cvc5() -> bool:
    """Whether the optional package is there."""
    return importlib.util.find_spec("cvc5") is not None


def cvc5_says(question: str, timeout_s: float) -> str:
    """`sat`, `unsat` or `unknown` for assertions and a `check-sat` in SMT-LIB.

    What cvc5 does not understand, or not in time, is `unknown`.
    """
    if not has_cvc5() or timeout_s <= 0:
        return "unknown"
    cvc5 = importlib.import_module("cvc5")
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("tlimit-per", str(max(1, int(timeout_s * 1000))))
    # A limit of work beside that of time: what it does between two looks at the clock is bounded too.
    solver.setOption("rlimit-per", str(int(10_000_000 * max(1.0, timeout_s))))
    parser = cvc5.InputParser(solver)
    answer = "unknown"
    try:
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic ALL)\n{question}", "question")
        symbols = parser.getSymbolManager()
        while True:
            command = parser.nextCommand()
            if command.isNull():
                return answer
            said = str(command.invoke(solver, symbols)).strip()
            if said in ("sat", "unsat"):
                answer = said
            elif said.startswith("(error"):
                return "unknown"
    except Exception:
        # Its errors share no class of their own; whatever it raises, it has no opinion.
        return "unknown"
