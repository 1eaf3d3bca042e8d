"""Statements in program order, from values that are written down once and read anywhere later.

An SSA value that loads from memory has the contents at the load's place. Here it stays an expression, which
is read where it is used, until a store in between may change what it reads; then it gets a local of rank 0.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Hashable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

from exalift.affine import Affine, Apply, Array, Assign, Expression, Load, Role, Statement
from exalift.affine.traversal import loads
from exalift.base import DType, Span

from . import scalars
from .scalars import Scalar

MAX_DEPTH = 60
MAX_SHARED_WEIGHT = 40
_PREFIX = re.compile(r"^(?![A-Za-z_])")
_OTHER = re.compile(r"\W", re.ASCII)


@dataclass(slots=True)
class Names:
    """Unlike names for arrays, sizes and induction variables, made from the source's own."""

    taken: set[str] = field(default_factory=lambda: {"return"})
    released: set[str] = field(default_factory=set[str])

    def fresh(self, hint: str, reuse: bool = False) -> str:
        """`hint` as an identifier, with a number behind it where it is taken.

        `reuse` also takes names that were released: those of induction variables out of scope.
        """
        stem = _PREFIX.sub("v", _OTHER.sub("_", hint))
        name, count = stem, 0
        while name in self.taken and not (reuse and name in self.released):
            count += 1
            name = f"{stem}_{count}"
        self.taken.add(name)
        self.released.discard(name)
        return name

    def release(self, name: str) -> None:
        """Let an induction variable have the name again, but nothing else."""
        self.released.add(name)


@dataclass(slots=True)
class Emitter:
    """The statements, arrays and values of the function under translation.

    Values are known by any hashable key. `define` says how often a value will be used; `use` counts.
    """

    names: Names = field(default_factory=Names)
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])
    predicate: Scalar | None = None
    _blocks: list[list[Statement]] = field(default_factory=lambda: [[]])
    _scalars: dict[Hashable, Scalar] = field(default_factory=dict[Hashable, Scalar])
    _remaining: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    _live: dict[Hashable, Span] = field(default_factory=dict[Hashable, Span])

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What was emitted outside of all open blocks."""
        return tuple(self._blocks[0])

    @contextmanager
    def block(self) -> Generator[list[Statement]]:
        """Statements emitted inside go to the list that this gives."""
        inner: list[Statement] = []
        self._blocks.append(inner)
        try:
            yield inner
        finally:
            self._blocks.pop()

    @contextmanager
    def under(self, condition: Scalar) -> Generator[None]:
        """Assignments emitted inside keep the old contents where the condition, on data, does not hold."""
        outer = self.predicate
        # Not `and`: the inner condition may read what only exists where the outer one holds.
        never = scalars.number(0, DType.I1)
        self.predicate = condition if outer is None else scalars.selection(outer, condition, never)
        try:
            yield
        finally:
            self.predicate = outer

    def append(self, statement: Statement) -> None:
        self._blocks[-1].append(statement)

    def local(self, hint: str, dtype: DType, span: Span) -> str:
        """A new local of rank 0."""
        name = self.names.fresh(hint)
        self.arrays[name] = Array(name, dtype, (), Role.LOCAL, span)
        return name

    def define(self, key: Hashable, scalar: Scalar, uses: int, span: Span) -> None:
        """Give a value to `key`, which will be used `uses` times."""
        self._scalars[key] = scalar
        self._remaining[key] = uses
        if scalar.depth > MAX_DEPTH or (uses > 1 and scalar.weight > MAX_SHARED_WEIGHT):
            self._keep(key, span)
        elif scalar.reads and uses:
            self._live[key] = span

    def use(self, key: Hashable) -> Scalar:
        """The value, as it is to be read at this place; counts one use."""
        self._remaining[key] -= 1
        if not self._remaining[key]:
            self._live.pop(key, None)
        return self._scalars[key]

    def store(
        self,
        array: str,
        indices: tuple[Affine, ...],
        value: Scalar,
        span: Span,
        key: Hashable | None = None,
    ) -> None:
        """Emit `array[indices] = value`. `key` is the value's, if it has one and may be used again."""
        again = False
        for live in list(self._live):
            if array not in self._scalars[live].reads or self._apart(live, array, indices):
                continue
            if live == key:
                again = True
            else:
                self._keep(live, span)
        old = Load(array, indices, value.dtype)
        self.append(Assign(array, indices, self._predicated(value.expression, old), span))
        if again:
            self._scalars[key] = scalars.load(array, indices, value.dtype)

    def assign(self, local: str, value: Scalar, span: Span) -> None:
        """Emit `local = value` where nothing that is still to be used reads the local."""
        zero = scalars.number(0, value.dtype).expression
        self.append(Assign(local, (), self._predicated(value.expression, zero), span))

    def before(self, stored: Iterable[str]) -> None:
        """Statements follow that may store, any number of times, to these arrays."""
        targets = frozenset(stored)
        for live, span in list(self._live.items()):
            if self._scalars[live].reads & targets:
                self._keep(live, span)

    def kept(self, value: Scalar, hint: str, span: Span) -> Scalar:
        """The value, in a new local of rank 0."""
        name = self.local(hint, value.dtype, span)
        self.assign(name, value, span)
        return scalars.load(name, (), value.dtype)

    def _keep(self, key: Hashable, span: Span) -> None:
        self._scalars[key] = self.kept(self._scalars[key], "t", self._live.get(key, span))
        self._live.pop(key, None)  # nothing else ever stores to that local

    def _apart(self, key: Hashable, array: str, indices: tuple[Affine, ...]) -> bool:
        """Whether a value reads other elements of the array only. Both are in the same iteration."""
        return all(
            any((a - b).is_constant and a != b for a, b in zip(read.indices, indices, strict=True))
            for read in loads(self._scalars[key].expression)
            if read.array == array
        )

    def _predicated(self, value: Expression, otherwise: Expression) -> Expression:
        if self.predicate is None:
            return value
        return Apply("select", (self.predicate.expression, value, otherwise), value.dtype)
