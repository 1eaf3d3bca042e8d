"""What follows a product, computed in its kernel's last tile: nothing of it passes through memory.

    T = A @ B; out[i,j] = max(T[i,j] + b[j], 0)    =>    out[i,j] = max(sum k. A[i,k] * B[k,j] + b[j], 0)

The product moves down to where its sums are used, so nothing in between may write what it reads. It writes
its result in place, so it may read of that array only the element that it is about to write, and none of it
as a factor. What was a buffer between the two is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from exalift.affine import Affine, Expression, Load, loads, nodes, rewrite, substitute
from exalift.base import DType, UsageError
from exalift.tensorize import Access, Contraction, Target, Unfit, epilogue_of, lacks_emission

from .plans import Planner
from .program import Assignment, Block, Buffer, Item, Product, Sequential, extent_of
from .terms import arrays_read
from .unused import assignments_of, products_of

_NARROW = {DType.F16: "f16c", DType.BF16: "avx512bf16"}
"""Features that round to 16 bits as loads and stores do; without them loops do it in software."""

_BYTES_A_CYCLE = 12.0
"""What loops copy in a cycle, as in the tuner's model."""

_INNER = "%finished"
"""The name of a kernel's result inside what follows it."""


class _Apart(Exception):
    """Why what follows stays a loop of its own."""


@dataclass(frozen=True, slots=True)
class Epilogues:
    """`private` are the locals that nobody else sees; they and `temporaries` may vanish where they are
    written once and read once."""

    buffers: dict[str, Buffer]
    temporaries: set[str]
    private: Set[str]
    planner: Planner

    def fused(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The items with what follows products put into them; buffers that this frees are gone."""
        written = Counter(p.out for p in products_of(items))
        read = Counter(name for p in products_of(items) for name in p.read)
        for assignment in assignments_of(items):
            written[assignment.array] += 1
            read.update(arrays_read([assignment.body]))
        once = {name for name in self.private | self.temporaries if read[name] == written[name] == 1}
        return self._items(items, once)

    def _items(self, items: Sequence[Item], once: Set[str]) -> tuple[Item, ...]:
        found: list[Item] = []
        for item in items:
            # Loops nest as deep as the source's own do, so this recursion is short.
            if isinstance(item, Sequential):
                item = replace(item, body=self._items(item.body, once))
            found.append(item)
        position = 0
        while position < len(found):
            item = found[position]
            if isinstance(item, Product):
                user = _user(found, position, item.out) if item.out in once else None
                if user is not None:
                    try:
                        found = self._moved(found, position, item, *user)
                        # What comes next stands here now; the product comes again, further down.
                        continue
                    except _Apart as reason:
                        found[position] = replace(item, note=str(reason))
                elif item.out in self.temporaries:
                    found[position] = replace(item, note="its sums are used in several places")
            position += 1
        return tuple(found)

    def _moved(
        self, items: list[Item], position: int, product: Product, place: int, user: Assignment
    ) -> list[Item]:
        """The items with the product where its only user was."""
        made = self._with(product, user)
        between = items[position + 1 : place]
        changed = {a.array for a in assignments_of(between)} | {p.out for p in products_of(between)}
        block = items[place]
        assert isinstance(block, Block)
        at = next(n for n, assignment in enumerate(block.assignments) if assignment is user)
        before, after = block.assignments[:at], block.assignments[at + 1 :]
        changed |= {assignment.array for assignment in before}
        if changed & product.read:
            raise _Apart(f"{min(changed & product.read)} is written in between")
        old, new = product.plan, made.plan
        del self.buffers[product.out]
        self.temporaries.discard(product.out)
        if new.packed_bytes != old.packed_bytes:
            self._resize(product.packed, new.packed_bytes)
        threads = self.planner.threads
        if new.workspace_bytes(threads) != old.workspace_bytes(threads):
            self._resize(product.workspace, new.workspace_bytes(threads))
        parts = [replace(block, assignments=part) for part in (before, after)]
        around: list[Item] = [made]
        if before:
            around.insert(0, parts[0])
        if after:
            around.append(parts[1])
        return [*items[:position], *between, *around, *items[place + 1 :]]

    def _resize(self, name: str, size: int) -> None:
        self.buffers[name] = Buffer(name, (max(64, size),), DType.UI8)

    def _with(self, product: Product, user: Assignment) -> Product:
        """The product finished by what its user computes, written where the user writes."""
        contraction = product.plan.contraction
        if user.domain:
            raise _Apart(f"only a part of {user.array} is written")
        if user.array in (product.lhs, product.rhs):
            raise _Apart(f"{user.array} is a factor and would be overwritten")
        mapping = self._loops(contraction, user, product.out)
        finished = self._finished(product, user, mapping)
        shape = self.buffers[user.array].shape
        indices = tuple(index.substitute(mapping) for index in user.indices)
        names = {d.name for d in contraction.dimensions}
        for load in loads(finished):
            if not all(index.is_linear and index.names <= names for index in load.indices):
                raise _Apart(f"{load.array} is read where a loop around the product says")
        if not all(index.is_linear and index.names <= names for index in indices):
            raise _Apart(f"{user.array} is written where a loop around the product says")
        self._check_types(finished)
        out = Access(finished.dtype, shape, indices)
        try:
            accumulate, epilogue, extra = epilogue_of(
                finished, contraction.accumulator, Target(user.array, shape, indices), out, self._read
            )
            fused = replace(contraction, out=out, epilogue=epilogue, accumulate=accumulate)
            plan, cycles = self.planner.plan(fused)
        except (Unfit, UsageError, ValueError) as reason:
            raise _Apart(str(reason).partition("\n")[0]) from reason
        if plan.blocks_k == 1 < product.plan.blocks_k:
            raise _Apart("it needs whole sums, and these are kept in blocks of k")
        apart = self.planner.plan(contraction)[1] + self._loop_cycles(product, user)
        if cycles > apart:
            raise _Apart("the kernel would write in an order that takes longer")
        return replace(product, plan=plan, out=user.array, finished=finished, extra=extra, note="")

    def _loops(self, contraction: Contraction, user: Assignment, array: str) -> Mapping[str, Affine]:
        """The kernel's loops by the user's axes."""
        found = {load for load in loads(user.body) if load.array == array}
        if len(found) != 1:
            raise _Apart("its sums are read at several places at once")
        mapping: dict[str, Affine] = {}
        (load,) = found
        extents = contraction.extents
        axes = {axis.name: extent_of(axis) for axis in user.axes}
        for index, loop in zip(load.indices, contraction.out.indices, strict=True):
            name = next((name for name in axes if index == Affine.symbol(name)), None)
            own = next((name for name in extents if loop == Affine.symbol(name)), None)
            if name is None or own is None or name in mapping or axes[name] != extents[own]:
                raise _Apart("its sums are read in another pattern than they are made in")
            mapping[name] = loop
        for name, extent in axes.items():
            if name not in mapping and extent != 1:
                raise _Apart("its sums are used over and over")
            mapping.setdefault(name, Affine())
        return mapping

    def _finished(self, product: Product, user: Assignment, mapping: Mapping[str, Affine]) -> Expression:
        inner = Load(_INNER, (), self.buffers[product.out].dtype)

        def marked(node: Expression) -> Expression:
            return inner if isinstance(node, Load) and node.array == product.out else node

        body = substitute(rewrite(user.body, marked), mapping)
        finished = rewrite(body, lambda node: product.finished if node == inner else node)
        lacking = lacks_emission(finished)
        if lacking:
            raise _Apart(f"{lacking} has no place in a kernel")
        return finished

    def _check_types(self, finished: Expression) -> None:
        for node in nodes(finished):
            needed = _NARROW.get(node.dtype)
            if needed is not None and needed not in self.planner.features:
                raise _Apart(f"{node.dtype} needs {needed}")
        if any(node.dtype is DType.I1 for node in (finished, *loads(finished))):
            raise _Apart("truth values are stored as bytes")

    def _read(self, load: Load) -> Access:
        """How a kernel reads an operand of what follows."""
        return Access(load.dtype, self.buffers[load.array].shape, load.indices)

    def _loop_cycles(self, product: Product, user: Assignment) -> float:
        """Of a loop of its own, shared among the threads: sums read, results written."""
        size = self.buffers[product.out].dtype.bytes + user.body.dtype.bytes
        return user.points * size / _BYTES_A_CYCLE / self.planner.threads


def _user(items: Sequence[Item], position: int, array: str) -> tuple[int, Assignment] | None:
    """The assignment after `position` that reads an array, and where it is; None where it is not beside."""
    for place in range(position + 1, len(items)):
        item = items[place]
        if isinstance(item, Block):
            for assignment in item.assignments:
                if array in arrays_read([assignment.body]):
                    return place, assignment
    return None
