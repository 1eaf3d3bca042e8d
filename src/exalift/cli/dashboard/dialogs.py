"""Questions before anything is done: which device, which file, whether really."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option


class Confirm(ModalScreen[bool]):
    """A question that is answered by y, or by anything that leaves it."""

    BINDINGS = [  # noqa: RUF012 - textual reads it from the class
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._question, markup=False)
            yield Label("y: yes    n: no", classes="hint", markup=False)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class ChooseDevice(ModalScreen[str]):
    """The destination of a migration; empty where it was left."""

    BINDINGS = [Binding("escape,q", "leave", "leave")]  # noqa: RUF012

    def __init__(self, question: str, places: Sequence[str]) -> None:
        super().__init__()
        self._question, self._places = question, tuple(places)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._question, markup=False)
            yield OptionList(*(Option(place) for place in self._places), markup=False)
            yield Label("enter: move    escape: leave", classes="hint", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._places[event.option_index])

    def action_leave(self) -> None:
        self.dismiss("")


class ChooseFile(ModalScreen[str]):
    """The name of a file to write; empty where it was left."""

    BINDINGS = [Binding("escape", "leave", "leave")]  # noqa: RUF012

    def __init__(self, question: str, name: str) -> None:
        super().__init__()
        self._question, self._name = question, name

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._question, markup=False)
            yield Input(self._name)
            yield Label("enter: write    escape: leave", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss("")


class Details(ModalScreen[None]):
    """All about one job."""

    BINDINGS = [Binding("escape,enter,q,i", "leave", "leave")]  # noqa: RUF012

    def __init__(self, content: RenderableType) -> None:
        super().__init__()
        self._content = content

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog wide"):
            yield Static(self._content)
            yield Label("escape: leave", classes="hint", markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)
