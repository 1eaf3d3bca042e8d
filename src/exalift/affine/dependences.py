"""Which instance must come before which: dependences by memory, and dataflow by value.

Memory-based dependences decide what may be reordered: with flow, anti and output dependences all
kept, they stay sufficient when accumulations are allowed to commute. Value-based dataflow (the last
write before a read) decides what may be given storage of its own.

Sources: R. Allen and K. Kennedy, "Automatic translation of Fortran programs to vector form" (TOPLAS
1987), for levels; P. Feautrier, "Dataflow analysis of array and scalar references" (IJPP 1991).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import islpy as isl

from .domains import DomainError, limited
from .guards import ALWAYS
from .statements import Leaf, bound_loads


class Kind(Enum):
    FLOW = "flow"
    ANTI = "anti-dependence"
    OUTPUT = "output dependence"


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """Instances of `source` that must come before instances of `sink`, because of `array`.

    `level` is the depth (from 1) of the common loop that carries it, 0 where no common loop does.
    """

    source: Leaf
    sink: Leaf
    array: str
    kind: Kind
    level: int
    relation: isl.Map

    @property
    def is_self(self) -> bool:
        return self.source is self.sink


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A write, or a read, of one array by one statement. `accumulates` names the reducing function of
    an accumulation's access to its own target."""

    leaf: Leaf
    array: str
    writes: bool
    accumulates: str
    relation: isl.Map


def find_accesses(leaf: Leaf) -> tuple[Access, ...]:
    """The write and the reads of a statement."""
    assign = leaf.assign
    function = leaf.accumulation.function if leaf.accumulation else ""
    relation = leaf.access(assign.array, assign.indices, (), ALWAYS)
    found = [Access(leaf, assign.array, True, function, relation)]
    for item in bound_loads(assign.value):
        load = item.load
        own = function if load.array == assign.array and load.indices == assign.indices else ""
        relation = leaf.access(load.array, load.indices, item.axes, item.guard)
        found.append(Access(leaf, load.array, False, own, relation))
    return tuple(found)


def _kind(source: Access, sink: Access) -> Kind | None:
    if source.writes:
        return Kind.OUTPUT if sink.writes else Kind.FLOW
    return Kind.ANTI if sink.writes else None


def _order(source: Leaf, sink: Leaf, level: int) -> isl.Map:
    """Pairs of instances that agree in the outer common loops, the first of them earlier in loop `level`."""
    left = [f"a_{k}" for k in range(len(source.ivs))]
    right = [f"b_{k}" for k in range(len(sink.ivs))]
    common = source.common(sink)
    rows = [f"a_{k} = b_{k}" for k in range(common if not level else level - 1)]
    if level:
        rows.append(f"a_{level - 1} < b_{level - 1}")
    where = " and ".join(rows) or "0 = 0"
    return isl.Map(f"{{ {source.name}[{', '.join(left)}] -> {sink.name}[{', '.join(right)}] : {where} }}")


class _Orders:
    """The order relations, each built once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], isl.Map] = {}

    def get(self, source: Leaf, sink: Leaf, level: int) -> isl.Map:
        key = (source.number, sink.number, level)
        if key not in self._known:
            self._known[key] = _order(source, sink, level)
        return self._known[key]


Accesses = Mapping[str, Sequence[Access]]
"""The accesses to each array, in source order of the statements."""


def all_accesses(leaves: Iterable[Leaf]) -> Accesses:
    by_array: dict[str, list[Access]] = {}
    for leaf in leaves:
        for access in find_accesses(leaf):
            by_array.setdefault(access.array, []).append(access)
    return by_array


def find_dependences(by_array: Accesses) -> tuple[Dependence, ...]:
    """All memory-based dependences, except those between accumulations by one function into one array.

    These commute: whatever order they run in, the sum is the same. Where isl gives up on a pair, a
    dependence is assumed.
    """
    orders = _Orders()
    found: list[Dependence] = []
    for accesses in by_array.values():
        if not any(access.writes for access in accesses):
            continue
        for source in accesses:
            for sink in accesses:
                found += _between(source, sink, orders)
    return tuple(found)


def _between(source: Access, sink: Access, orders: _Orders) -> list[Dependence]:
    kind = _kind(source, sink)
    if kind is None or (source.accumulates and source.accumulates == sink.accumulates):
        return []
    common = source.leaf.common(sink.leaf)
    levels = list(range(1, common + 1))
    if source.leaf is not sink.leaf and source.leaf.before(sink.leaf):
        levels.append(0)
    if not levels:
        return []
    try:
        with limited():
            touching = source.relation.apply_range(sink.relation.reverse())
            if touching.is_empty():
                return []
    except DomainError:
        touching = isl.Map.from_domain_and_range(source.leaf.domain, sink.leaf.domain)
    found: list[Dependence] = []
    for level in levels:
        order = orders.get(source.leaf, sink.leaf, level)
        try:
            with limited():
                relation = touching.intersect(order)
                exists = not relation.is_empty()
        except DomainError:
            relation, exists = order, True
        if exists:
            found.append(Dependence(source.leaf, sink.leaf, source.array, kind, level, relation))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Dataflow:
    """For one array: pairs (writing instance -> reading instance that sees its value), and the
    instances that read what no statement wrote."""

    pairs: isl.UnionMap
    unwritten: isl.UnionSet

    def between(self, source: Leaf, sink: Leaf) -> isl.Map | None:
        """The pairs of two statements, or None where there is none."""
        found: list[isl.Map] = []

        def keep(relation: isl.Map) -> None:
            ends = (relation.get_tuple_name(isl.dim_type.in_), relation.get_tuple_name(isl.dim_type.out))
            if ends == (source.name, sink.name):
                found.append(relation)

        self.pairs.foreach_map(keep)
        return found[0] if found and not found[0].is_empty() else None

    def reads_unwritten(self, leaf: Leaf) -> bool:
        found: list[bool] = []

        def keep(points: isl.Set) -> None:
            if points.get_tuple_name() == leaf.name and not points.is_empty():
                found.append(True)

        self.unwritten.foreach_set(keep)
        return bool(found)


def _schedule(leaves: Sequence[Leaf]) -> isl.UnionMap:
    """The source order as a 2d+1 schedule. The static positions are the numbers of first statements,
    which grow in source order."""
    depth = max((len(leaf.ivs) for leaf in leaves), default=0)
    first: dict[int, int] = {}
    for leaf in leaves:
        for node in leaf.loops:
            first.setdefault(node.number, leaf.number)
    parts: list[str] = []
    for leaf in leaves:
        names = [f"d_{k}" for k in range(len(leaf.ivs))]
        time: list[str] = []
        for node, name in zip(leaf.loops, names, strict=True):
            time += [str(first[node.number]), name]
        time.append(str(leaf.number))
        time += ["0"] * (2 * depth + 1 - len(time))
        parts.append(f"{leaf.name}[{', '.join(names)}] -> [{', '.join(time)}]")
    return isl.UnionMap("{ " + "; ".join(parts) + " }")


def find_dataflow(accesses: Sequence[Access]) -> Dataflow:
    """The value-based dataflow of one array, by all its accesses. Raises DomainError where isl gives up."""
    with limited():
        reads = isl.UnionMap("{ }")
        writes = isl.UnionMap("{ }")
        for access in accesses:
            if access.writes:
                writes = writes.union(access.relation)
            else:
                reads = reads.union(access.relation)
        leaves = {access.leaf.number: access.leaf for access in accesses}
        schedule = _schedule([leaves[number] for number in sorted(leaves)])
        info = isl.UnionAccessInfo.from_sink(reads).set_must_source(writes)
        flow = info.set_schedule_map(schedule).compute_flow()
        return Dataflow(flow.get_may_dependence(), flow.get_may_no_source().domain())
