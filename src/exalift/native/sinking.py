"""Values of whole arrays that a loop in order uses row by row, computed row by row inside of it.

    for all i, j: t[i,j] = f(a, i, j)                  for i:
    for i:                                       =>        for all j: t'[j] = f(a, i, j)
        ... t[i,j] ...                                     ... t'[j] ...

A row stays in the first cache, and the array is never made. It is allowed where no earlier iteration of the
loop writes what the row reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from exalift.affine import Affine, Constraint, Expression, Load, Reduce

from .inequalities import feasible
from .planning import weigh
from .program import Assignment, Block, Buffer, Columns, Item, Product, Sequential, extent_of
from .terms import Pool, postorder
from .unused import assignments_of, products_of


@dataclass(frozen=True, eq=False, slots=True)
class _Write:
    """A statement inside a loop, and what is known of the loops between."""

    statement: Assignment
    loops: tuple[Sequential, ...]


@dataclass(slots=True)
class Sinker:
    """Sinks into the loops of a procedure whose body is `whole`. `private` are arrays that nobody outside
    sees; new buffers go to `buffers` and `temporaries`. `around` is known everywhere in it."""

    pool: Pool
    buffers: dict[str, Buffer]
    temporaries: set[str]
    private: Set[str]
    whole: tuple[Item, ...]
    around: tuple[Constraint, ...] = ()

    def sunk(self) -> tuple[Item, ...]:
        """The body of the procedure after it."""
        return self.items(self.whole, self.around)

    def items(self, items: tuple[Item, ...], context: tuple[Constraint, ...]) -> tuple[Item, ...]:
        """The body of the procedure, or of a loop in `context`."""
        found = list(items)
        # From the end, so that what moves into a loop is seen again inside of it.
        for position in reversed(range(len(found))):
            item = found[position]
            if not isinstance(item, Sequential):
                continue
            before = found[position - 1] if position else None
            if isinstance(before, Block):
                item, left = self._sunk(before, item, items, context)
                found[position - 1] = left
            # Loops nest as deep as the source's own do, so this recursion is short.
            found[position] = replace(item, body=self.items(item.body, (*context, *item.constraints)))
        return tuple(item for item in found if not isinstance(item, Block) or item.assignments)

    def _sunk(
        self, block: Block, loop: Sequential, items: Sequence[Item], context: tuple[Constraint, ...]
    ) -> tuple[Sequential, Block]:
        left: list[Assignment] = []
        for assignment in block.assignments:
            sunk = self._into(assignment, loop, items, context)
            if sunk is None:
                left.append(assignment)
            else:
                loop = sunk
        return loop, replace(block, assignments=tuple(left))

    def _into(
        self, assignment: Assignment, loop: Sequential, items: Sequence[Item], context: tuple[Constraint, ...]
    ) -> Sequential | None:
        """The loop with the assignment inside of it, a row at a time; None where that cannot be."""
        array = assignment.array
        if array not in self.private or assignment.domain or weigh(loop).pays or len(assignment.axes) < 2:
            return None
        symbols = tuple(Affine.symbol(axis.name) for axis in assignment.axes)
        simple = not any(isinstance(term, Reduce) for term in postorder(assignment.body))
        simple &= tuple(extent_of(axis) for axis in assignment.axes) == self.buffers[array].shape
        if assignment.indices != symbols or not simple or not self._is_for(array, loop, items):
            return None
        place = _row_of(array, loop)
        if place is None:
            return None
        position, row = place
        mapping = {assignment.axes[position].name: row}
        axes = tuple(axis for number, axis in enumerate(assignment.axes) if number != position)
        body = self.pool.substitute(assignment.body, mapping)
        moved = replace(assignment, axes=axes, indices=tuple(Affine.symbol(a.name) for a in axes), body=body)
        if not _reads_before_writes(moved, loop, context):
            return None
        return self._placed(moved, position, loop)

    def _is_for(self, array: str, loop: Sequential, items: Sequence[Item]) -> bool:
        """Whether one assignment, before the loop, writes an array, and nothing but the loop reads it."""
        # An array that was made here lives among these items alone.
        everywhere = self.whole if any(a.array == array for a in assignments_of(self.whole)) else items
        writers = sum(statement.array == array for statement in assignments_of(everywhere))
        readers = [sum(_reads(s, array) for s in assignments_of(body)) for body in (everywhere, loop.body)]
        used = {name for p in products_of(everywhere) for name in (*p.read, p.out)}
        return writers == 1 and readers[0] == readers[1] and array not in used

    def _placed(self, moved: Assignment, position: int, loop: Sequential) -> Sequential:
        old = self.buffers[moved.array]
        name = f"%{len(self.temporaries)}"
        self.temporaries.add(name)
        shape = tuple(extent for number, extent in enumerate(old.shape) if number != position)
        self.buffers[name] = Buffer(name, shape, old.dtype)
        del self.buffers[moved.array]

        def renamed(items: tuple[Item, ...]) -> tuple[Item, ...]:
            return tuple(change(item) for item in items)

        def change(item: Item) -> Item:
            match item:
                case Block(assignments):
                    return replace(item, assignments=tuple(map(on_row, assignments)))
                case Columns(statements=statements):
                    return replace(item, statements=tuple(map(on_row, statements)))
                case Sequential(body=body):
                    return replace(item, body=renamed(body))
                case Product():
                    return item

        def on_row(statement: Assignment) -> Assignment:
            replaced: dict[int, Expression] = {}
            for term in postorder(statement.body):
                if isinstance(term, Load) and term.array == moved.array:
                    kept = tuple(index for number, index in enumerate(term.indices) if number != position)
                    replaced[id(term)] = self.pool.load(name, kept, term.dtype)
            if not replaced:
                return statement
            return replace(statement, body=self.pool.rewrite(statement.body, replaced))

        first = Block((replace(moved, array=name),), True)
        return replace(loop, body=(first, *renamed(loop.body)))


def _reads(statement: Assignment, array: str) -> bool:
    return any(isinstance(term, Load) and term.array == array for term in postorder(statement.body))


def _row_of(array: str, loop: Sequential) -> tuple[int, Affine] | None:
    """The dimension in which all reads of an array inside a loop are at one distance from its counter, which
    no other dimension moves with; and that subscript."""
    loads = {
        term
        for statement in assignments_of(loop.body)
        for term in postorder(statement.body)
        if isinstance(term, Load) and term.array == array
    }
    found: set[tuple[int, Affine]] = set()
    for load in loads:
        moving = [n for n, index in enumerate(load.indices) if loop.iv in index.names]
        if len(moving) != 1:
            return None
        found.add((moving[0], load.indices[moving[0]]))
    if len(found) != 1:
        return None
    position, row = next(iter(found))
    return (position, row) if (row - Affine.symbol(loop.iv)).is_constant else None


def _writes(loop: Sequential) -> Iterator[_Write]:
    pending: list[tuple[Item, tuple[Sequential, ...]]] = [(item, (loop,)) for item in loop.body]
    while pending:
        item, loops = pending.pop()
        match item:
            case Block(assignments):
                yield from (_Write(statement, loops) for statement in assignments)
            case Columns(loop=inner, statements=statements):
                yield from (_Write(statement, (*loops, inner)) for statement in statements)
            case Sequential(body=body):
                pending += [(below, (*loops, item)) for below in body]
            case Product():
                pass


def _reads_before_writes(row: Assignment, loop: Sequential, context: Sequence[Constraint]) -> bool:
    """Whether no iteration of the loop writes what a later iteration's row reads."""
    reads = [term for term in postorder(row.body) if isinstance(term, Load)]
    outputs = {product.out for product in products_of(loop.body)}
    if any(load.array in outputs for load in reads):
        return False
    iv, known = Affine.symbol(loop.iv), [*context, *loop.constraints, *row.constraints]
    for write in _writes(loop):
        statement = write.statement
        names = {axis.name for axis in statement.axes} | {below.iv for below in write.loops}
        mapping: Mapping[str, Affine] = {name: Affine.symbol(f"{name}^") for name in names}
        inside = [c for below in write.loops for c in below.constraints]
        theirs = [
            Constraint(c.expression.substitute(mapping), c.equality)
            for c in (*inside, *statement.constraints)
        ]
        earlier = Constraint(iv - mapping[loop.iv] - 1)
        for load in reads:
            if load.array != statement.array:
                continue
            same = [
                Constraint(mine - theirs_.substitute(mapping), equality=True)
                for mine, theirs_ in zip(load.indices, statement.indices, strict=True)
            ]
            if feasible([*known, *theirs, earlier, *same]):
                return False
    return True
