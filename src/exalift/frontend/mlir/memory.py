"""Which memory a memref value denotes, and what operations store to."""

from __future__ import annotations

from dataclasses import dataclass, field

from exalift.affine import Affine

from .source import Unsupported
from .syntax import Function, MemRefType, Operation, Value

STORES = {"affine.store": 1, "memref.store": 1, "memref.copy": 1}
"""Operations that store, and which operand names the memory."""

_ALIASES = {"memref.cast", "memref.assume_alignment"}


@dataclass(frozen=True, slots=True)
class Storage:
    """An array of the program, as the source sees it: a memref of this type.

    `scalar` says that the array has rank 0 whatever the memref has: every extent is 1.
    """

    array: str
    type: MemRefType
    extents: tuple[Affine, ...]
    scalar: bool = False


@dataclass(slots=True)
class Memory:
    """Memref values by the value that made their memory."""

    storages: dict[Value, Storage] = field(default_factory=dict[Value, Storage])
    returned: tuple[Value, ...] = ()
    _roots: dict[Value, Value] = field(default_factory=dict[Value, Value])
    _stored: dict[Operation, frozenset[Value]] = field(default_factory=dict[Operation, frozenset[Value]])

    def survey(self, function: Function) -> None:
        """Follow aliases, before anything is translated."""
        for block in function.blocks:
            for outer in block.operations:
                for operation in outer.walk():
                    if operation.name in _ALIASES and operation.results:
                        self._roots[operation.results[0]] = self.root(operation.operands[0])
                    if operation.name == "func.return":
                        memrefs = (v for v in operation.operands if isinstance(v.type, MemRefType))
                        self.returned += tuple(self.root(memref) for memref in memrefs)

    def root(self, memref: Value) -> Value:
        return self._roots.get(memref, memref)

    def storage(self, memref: Value) -> Storage:
        """The memory of a memref; raises Unsupported where it is not known."""
        found = self.storages.get(self.root(memref))
        if found is None:
            raise Unsupported(f"the memory of %{memref.name} is not known")
        return found

    def stored(self, operation: Operation) -> frozenset[str]:
        """The arrays that an operation, or one inside it, may store to, as far as they exist already."""
        if operation not in self._stored:
            self._stored[operation] = frozenset(
                self.root(inner.operands[STORES[inner.name]])
                for inner in operation.walk()
                if inner.name in STORES
            )
        roots = self._stored[operation]
        return frozenset(self.storages[root].array for root in roots if root in self.storages)
