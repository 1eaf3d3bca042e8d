"""The bank: every candidate value found so far, by type, with the cheapest known way to make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from exalift.affine.algebra import PrimeField
from exalift.affine.algebra.protocol import Values
from exalift.base import VerificationError
from exalift.dialects import (
    ArrayValue,
    ConstantValue,
    Dialect,
    Hints,
    IndexScalar,
    Node,
    Operation,
    TensorType,
    postorder,
)

from .batched import Batch
from .environment import Environment
from .fingerprints import Fingerprints, fingerprint
from .grammar import Grammar
from .kernels import Kernel, make_kernel
from .static_checks import Signature, SizeLimit, StaticChecks
from .table import LEAF, CandidateTable, Rows

_NOMINAL_FACTOR = 32
_ELEMENTS = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a bank: a row of the table of its type."""

    bank: Bank = field(repr=False)
    type: TensorType
    row: int

    @property
    def node(self) -> Node:
        """The cheapest known graph with this value."""
        return self.bank.node(self)

    @property
    def values(self) -> Values:
        """The value, in its shape at the environment's sizes (samples first, if several)."""
        table = self.bank.table(self.type)
        return table.values[self.row].reshape(table.shape)

    @property
    def fingerprint(self) -> int:
        return int(self.bank.table(self.type).fingerprints[self.row])

    @property
    def cost(self) -> float:
        """The cost of the graph where nothing is shared (see `costs`); seeds are free."""
        return float(self.bank.table(self.type).costs[self.row])


class Bank:
    """Candidates by type, observed in one environment; no two of one type have one value.

    A bank may serve many goals. `nominal` gives sizes at which candidates are costed and the size
    limit applies; by default the environment's, enlarged.
    """

    def __init__(
        self,
        environment: Environment,
        dialect: Dialect,
        nominal: Mapping[str, int] | None = None,
        limit: SizeLimit | None = None,
    ) -> None:
        self.environment = environment
        self.dialect = dialect
        enlarged = {name: value * _NOMINAL_FACTOR for name, value in environment.sizes.items()}
        self.checks = StaticChecks(environment, {**enlarged, **(nominal or {})}, limit)
        self._tables: dict[TensorType, CandidateTable] = {}
        self._leaves: dict[tuple[TensorType, int], Node] = {}
        self._rows: dict[Node, Entry] = {}
        self._grammars: dict[Hints, Grammar] = {}
        self._kernels: dict[int, tuple[Kernel, Batch]] = {}

    def table(self, type: TensorType) -> CandidateTable:
        """The table of a type, made where there is none."""
        table = self._tables.get(type)
        if table is None:
            storage = self.environment.algebra.storage(type.dtype)
            table = CandidateTable(type, self.environment.observed_shape(type), storage)
            self._tables[type] = table
        return table

    @property
    def bytes(self) -> int:
        """Memory that all candidates take, about."""
        return sum(table.bytes for table in self._tables.values())

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The types that have candidates."""
        return tuple(type for type, table in self._tables.items() if table.count)

    def entries(self, type: TensorType) -> Sequence[Entry]:
        """All candidates of a type."""
        return [Entry(self, type, row) for row in range(self.table(type).count)]

    def seed(self, node: Node, values: Values | None = None) -> Entry:
        """A candidate that costs nothing. An array's contents are random where no values are given.

        Raises VerificationError for an operation without values.
        """
        if values is None:
            values = self._leaf_values(node)
        return self._insert_seed(node, values)

    def pin(self, entry: Entry, node: Node) -> None:
        """Make `node` the graph of an entry from now on, cheaper ones notwithstanding.

        Of several graphs with one value here, a caller may know which one is right elsewhere too.
        """
        table = self.table(entry.type)
        table.overwrite(entry.row, 0.0, (LEAF,))
        self._leaves[entry.type, entry.row] = node
        self._rows[node] = entry

    def add(self, node: Node) -> Entry:
        """The candidate of a node; operands that the bank does not know are added before it.

        An equal value that is known already is returned in its place, with this node as its recipe
        where that is cheaper. Raises VerificationError where a static check ends the node.
        """
        for part in postorder(node):
            if part in self._rows:
                continue
            if isinstance(part, Operation):
                self._rows[part] = self._add_operation(part)
            else:
                self.seed(part)
        return self._rows[node]

    def lookup(self, type: TensorType, values: Values) -> Entry | None:
        """The candidate of that value, or None."""
        table = self.table(type)
        row = table.find(int(self.fingerprints(type, values.reshape(1, -1))[0]))
        if row < 0 or not np.array_equal(table.values[row], values.reshape(-1)):
            return None
        return Entry(self, type, row)

    def fingerprints(self, type: TensorType, values: Values) -> Fingerprints:
        """Fingerprints (n,) of values (n, elements) of a type."""
        return fingerprint(values, type.dtype, self.has_residues(type), self.environment.seed)

    def has_residues(self, type: TensorType) -> bool:
        """Whether values of the type are residues modulo 2^31 - 1."""
        return type.dtype.is_float and isinstance(self.environment.algebra, PrimeField)

    def grammar(self, hints: Hints) -> Grammar:
        """The dialect's signatures for some hints, kept for later searches with the same ones."""
        grammar = self._grammars.get(hints)
        if grammar is None:
            grammar = Grammar(self.dialect, self.checks, hints)
            self._grammars[hints] = grammar
        return grammar

    def kernel(self, signature: Signature) -> Kernel:
        """What fingerprints whole blocks of a signature's candidates."""
        return self._compiled(signature)[0]

    def batch(self, signature: Signature) -> Batch:
        """The signature's evaluator on arrays (..., elements)."""
        return self._compiled(signature)[1]

    def compute(self, signature: Signature, operands: Sequence[Rows], count: int) -> Values:
        """The values (count, elements) of candidates, given by the rows of each operand (count,)."""
        tables = [self.table(type).values for type in signature.operands]
        batch = self.batch(signature)
        step = max(1, _ELEMENTS // self.table(signature.type).elements)
        parts: list[Values] = []
        for start in range(0, count, step):
            chosen = [v[rows[start : start + step]] for v, rows in zip(tables, operands, strict=True)]
            parts.append(batch(chosen))
        return np.concatenate(parts).reshape(count, -1)

    def _compiled(self, signature: Signature) -> tuple[Kernel, Batch]:
        compiled = self._kernels.get(signature.number)
        if compiled is None:
            compiled = make_kernel(signature, self.environment)
            self._kernels[signature.number] = compiled
        return compiled

    def insert(self, signature: Signature, rows: tuple[int, ...], values: Values, fingerprint: int) -> int:
        """The row of a computed candidate: a new one, or its equal's, which takes the cheaper recipe."""
        table = self.table(signature.type)
        cost = signature.cost + sum(
            float(self.table(type).costs[row]) for type, row in zip(signature.operands, rows, strict=True)
        )
        recipe = (signature.number, *rows)
        known = table.find(fingerprint)
        if known < 0:
            return table.append(values, fingerprint, cost, recipe)
        if cost < table.costs[known]:
            table.overwrite(known, cost, recipe)
        return known

    def node(self, entry: Entry) -> Node:
        """The graph of an entry, by its recipes; shared parts are shared."""
        made: dict[tuple[TensorType, int], Node] = {}
        stack = [(entry.type, entry.row)]
        while stack:
            key = stack[-1]
            if key in made:
                stack.pop()
                continue
            recipe = self.table(key[0]).recipes[key[1]]
            if recipe[0] == LEAF:
                made[key] = self._leaves[key]
                continue
            signature = self.checks.signatures[int(recipe[0])]
            rows = [int(row) for row in recipe[1 : 1 + len(signature.operands)]]
            parts = list(zip(signature.operands, rows, strict=True))
            missing = [part for part in parts if part not in made]
            if missing:
                stack += missing
                continue
            operands = tuple(made[part] for part in parts)
            made[key] = Operation(signature.definition.name, operands, signature.attributes, signature.type)
        return made[entry.type, entry.row]

    def cost(self, node: Node) -> float:
        """The cost of a graph, shared parts counted once. Raises VerificationError as `add` does."""
        total = 0.0
        for part in postorder(node):
            if isinstance(part, Operation):
                total += self._signature(part).cost
        return total

    def _signature(self, node: Operation) -> Signature:
        operands = tuple(operand.type for operand in node.operands)
        signature = self.checks.signature(self.dialect[node.name], operands, node.attributes)
        if signature is None or signature.type != node.type:
            raise VerificationError(f"{node.name} does not take these operands and attributes to {node.type}")
        return signature

    def observe(self, node: Node) -> Values:
        """The value of a graph (elements,), without keeping it. Raises VerificationError as `add` does."""
        found: dict[Node, Values] = {}
        for part in postorder(node):
            if part in self._rows:
                entry = self._rows[part]
                found[part] = self.table(entry.type).values[entry.row]
            elif isinstance(part, Operation):
                batch = self.batch(self._signature(part))
                found[part] = batch([found[operand] for operand in part.operands]).reshape(-1)
            else:
                found[part] = self._leaf_values(part).reshape(-1)
        return found[node]

    def _leaf_values(self, node: Node) -> Values:
        environment = self.environment
        match node:
            case ArrayValue(name, type):
                return environment.random(name, type)
            case ConstantValue(value, type):
                literal = environment.algebra.constant(value, type.dtype)
                return np.broadcast_to(literal, environment.observed_shape(type))
            case IndexScalar(index, type):
                place = np.full(environment.observed_shape(type), index.at(environment.sizes), dtype=np.int64)
                return environment.algebra.index(place, type.dtype)
            case Operation(name=name):
                raise VerificationError(f"{name} needs values to be a seed")

    def _insert_seed(self, node: Node, values: Values) -> Entry:
        table = self.table(node.type)
        if values.shape != table.shape:
            raise VerificationError(f"values of shape {values.shape} do not fit {node.type}")
        flat = values.reshape(1, -1)
        mark = int(self.fingerprints(node.type, flat)[0])
        row = table.find(mark)
        if row < 0:
            row = table.append(flat[0], mark, 0.0, (LEAF,))
        elif table.costs[row] > 0:
            table.overwrite(row, 0.0, (LEAF,))
        self._leaves.setdefault((node.type, row), node)
        entry = Entry(self, node.type, row)
        self._rows[node] = entry
        return entry

    def _add_operation(self, node: Operation) -> Entry:
        signature = self._signature(node)
        entries = [self._rows[operand] for operand in node.operands]
        evaluate = self.batch(signature)
        values = evaluate([self.table(e.type).values[e.row : e.row + 1] for e in entries]).reshape(1, -1)
        mark = int(self.fingerprints(node.type, values)[0])
        row = self.insert(signature, tuple(entry.row for entry in entries), values[0], mark)
        return Entry(self, node.type, row)
