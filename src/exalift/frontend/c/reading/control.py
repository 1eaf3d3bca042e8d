"""`continue` and early `return` as plain `if` and `else`.

    if (c) continue; rest        becomes        if (c) ; else { rest }

and `return` alike, so that afterwards a jump is only ever the last thing that happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from .syntax import Block, IfStatement, Jump, LoopStatement, Statement, refusal, statements_in

MAX_NESTING = 60
MAX_COPIES = 4000


def without_jumps(body: tuple[Statement, ...], kind: str) -> tuple[Statement, ...]:
    """The body with every jump of the kind in tail position. Raises Refusal for a `return` in a loop."""
    if kind == "return":
        for statement in statements_in(body):
            if isinstance(statement, LoopStatement):
                for inner in statements_in(statement.body):
                    if isinstance(inner, Jump) and inner.kind == kind:
                        raise refusal(
                            inner.span,
                            "`return` inside a loop makes the number of iterations depend on data",
                            "let the loop run to its end, and return after it",
                        )
    return _Rewriter(kind).rewrite(body, 0)


class UnreachableError(Exception):
    """The program ends here, so what leads here is taken not to happen."""


@dataclass
class _Rewriter:
    kind: str
    copies: int = 0

    def rewrite(self, body: tuple[Statement, ...], depth: int) -> tuple[Statement, ...]:
        """Statements behind a conditional jump go into the branches that do not jump."""
        done: list[Statement] = []
        for position, statement in enumerate(body):
            if not self.jumps(statement):
                done.append(statement)
                continue
            if depth > MAX_NESTING:
                raise refusal(statement.span, f"more than {MAX_NESTING} conditional jumps in a row")
            rest = body[position + 1 :]
            match statement:
                case Jump():
                    return (*done, statement)
                case Block(inner):
                    return (*done, *self.rewrite(inner + rest, depth + 1))
                case IfStatement(test, then, otherwise, span):
                    branches = [b if self.always(b) else b + rest for b in (then, otherwise)]
                    if not self.always(then) and not self.always(otherwise):
                        self.copies += sum(1 for _ in statements_in(rest))
                    if self.copies > MAX_COPIES:
                        raise refusal(span, "too many paths through nested conditional jumps")
                    first, second = (self.rewrite(branch, depth + 1) for branch in branches)
                    return (*done, IfStatement(test, first, second, span))
                case _:
                    done.append(statement)
        return tuple(done)

    def jumps(self, statement: Statement) -> bool:
        """Whether a jump of the kind may happen in it; a `continue` of an inner loop is its own."""
        pending = [statement]
        while pending:
            current = pending.pop()
            match current:
                case Jump(kind):
                    if kind == self.kind:
                        return True
                case Block(inner):
                    pending.extend(inner)
                case IfStatement(_, then, otherwise):
                    pending.extend(then + otherwise)
                case _:
                    pass
        return False

    def always(self, body: tuple[Statement, ...]) -> bool:
        """Whether the body always ends in a jump of the kind."""
        for statement in body:
            match statement:
                case Jump(kind) if kind == self.kind:
                    return True
                case Block(inner) if self.always(inner):
                    return True
                case IfStatement(_, then, otherwise) if self.always(then) and self.always(otherwise):
                    return True
                case _:
                    pass
        return False
