"""How a message points into its line: long lines, bytes and characters, what would steer a terminal."""

from __future__ import annotations

from exalift.base import Diagnostic, Span


def _rows(line: str, at: str, width: int = 1) -> list[str]:
    """The rendered rows for a place that is given by its text; columns count bytes."""
    column = len(line[: line.index(at)].encode()) + 1
    span = Span("f.c", 1, column, 1, column + width)
    return Diagnostic("wrong", span, "mend it").render(line + "\n").split("\n")


def test_the_caret_is_below_the_place() -> None:
    said, shown, caret, hint = _rows("\tx = a[b];", "b", 1)
    assert (said, hint) == ("f.c:1:8: error: wrong", "  hint: mend it")
    assert shown == "  \tx = a[b];" and caret == "  \t      ^"


def test_bytes_and_characters_differ() -> None:
    _, shown, caret, _ = _rows("/* éé */ x = a[b];", "a[b]", 4)
    assert shown[caret.index("^") :].startswith("a[b]") and caret.endswith("^~~~")


def test_of_a_long_line_the_place_is_shown() -> None:
    line = "x" * 5000 + " a[b] " + "y" * 5000
    _, shown, caret, _ = _rows(line, "a[b]", 4)
    assert len(shown) < 250 and shown.startswith("  ...x") and shown.endswith("y...")
    assert shown[caret.index("^") :].startswith("a[b] y")


def test_nothing_steers_the_terminal() -> None:
    rows = _rows("/* \x1b[31m \x07 */ a = b;\r", "a = b", 5)
    assert "\x1b" not in "".join(rows) and "\x07" not in "".join(rows) and "\r" not in rows[1]
    assert rows[1][rows[2].index("^") :].startswith("a = b")


def test_a_line_that_is_not_there_is_left_out() -> None:
    span = Span("f.c", 9, 1, 9, 2)
    assert Diagnostic("wrong", span).render("one line\n") == "f.c:9:1: error: wrong"
