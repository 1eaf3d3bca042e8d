"""Dependences by memory and dataflow by value, on small programs."""

from __future__ import annotations

from affine_notation import program

from exalift.affine.dependences import Kind, all_accesses, find_dataflow, find_dependences
from exalift.affine.domains import size_context
from exalift.affine.statements import Leaf, find_leaves


def _leaves(text: str, **shapes: str) -> tuple[Leaf, ...]:
    made = program(text, **shapes)
    return find_leaves(made, size_context(made))


def _found(text: str, **shapes: str) -> set[tuple[int, int, str, Kind, int]]:
    edges = find_dependences(all_accesses(_leaves(text, **shapes)))
    return {(e.source.number, e.sink.number, e.array, e.kind, e.level) for e in edges}


def test_the_level_is_that_of_the_carrying_loop() -> None:
    text = """
for i in range(1, N):
  for j in range(1, N):
    A[i, j] = A[i - 1, j] + A[i, j - 1] + A[i + 1, j - 1]
"""
    found = _found(text, A="N + 1, N")
    assert found == {
        (0, 0, "A", Kind.FLOW, 1),
        (0, 0, "A", Kind.FLOW, 2),
        (0, 0, "A", Kind.ANTI, 1),
    }


def test_scalars_carry_at_every_level() -> None:
    text = """
for i in range(0, N):
  t = a[i]
  b[i] = t
"""
    found = _found(text, a="N", b="N", t="")
    assert found == {
        (0, 1, "t", Kind.FLOW, 0),
        (0, 1, "t", Kind.FLOW, 1),
        (1, 0, "t", Kind.ANTI, 1),
        (0, 0, "t", Kind.OUTPUT, 1),
    }


def test_accumulations_commute() -> None:
    text = """
for i in range(0, N):
  s += a[i]
  s -= b[i]
  s = s * a[i]
"""
    found = _found(text, a="N", b="N", s="")
    assert not any(source in (0, 1) and sink in (0, 1) for source, sink, *_ in found)
    assert (0, 2, "s", Kind.FLOW, 0) in found
    assert (2, 0, "s", Kind.FLOW, 1) in found
    assert not any(source == sink == 2 for source, sink, *_ in found)


def test_guards_and_parity_separate() -> None:
    text = """
for i in range(0, N):
  if i > 5:
    A[2*i] = 1
  else:
    B[i] = A[2*i + 1]
"""
    assert _found(text, A="2*N + 2", B="N") == set()


def test_an_else_branch_does_not_follow_its_then_branch() -> None:
    text = """
for i in range(0, N):
  if i > 5:
    A[i] = 1
  else:
    A[i] = 2
"""
    assert _found(text, A="N") == set()


def test_dataflow_sees_the_last_write_only() -> None:
    text = """
for i in range(0, N):
  t = a[i]
  t = b[i]
  c[i] = t
"""
    leaves = _leaves(text, a="N", b="N", c="N", t="")
    flow = find_dataflow(all_accesses(leaves)["t"])
    assert flow.between(leaves[0], leaves[2]) is None
    pairs = flow.between(leaves[1], leaves[2])
    assert pairs is not None
    assert pairs.is_bijective()
    assert not flow.reads_unwritten(leaves[2])


def test_dataflow_knows_what_was_there_before() -> None:
    text = """
for i in range(1, N):
  c[i] = c[i - 1]
"""
    leaves = _leaves(text, c="N")
    flow = find_dataflow(all_accesses(leaves)["c"])
    assert flow.reads_unwritten(leaves[0])
    assert flow.between(leaves[0], leaves[0]) is not None
