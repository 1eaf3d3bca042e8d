"""The live screen: what a daemon does, once a second, and keys to act on the job under the cursor.

Talks to the daemon in threads of its own, so that a slow answer holds up no key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Footer, Static

from exalift.base import ExaliftError, UsageError, write_atomically
from exalift.runtime.checkpoint import write_checkpoint
from exalift.runtime.client import Client
from exalift.runtime.overview import JobView, Overview
from exalift.runtime.record import Status

from .dialogs import ChooseDevice, ChooseFile, Confirm, Details
from .figures import duration, percent, plain
from .frame import details, devices_table, headline, job_columns, jobs_rows, moves_table, tenants_table

Connect = Callable[[], Client]


class Dashboard(App[None]):
    """See the module. `connect` makes a connection to the daemon; `interval` is in seconds."""

    TITLE = "exalift top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #headline { height: 1; padding: 0 1; background: $panel; }
    #trouble { height: auto; padding: 0 1; background: $error; color: $text; display: none; }
    #trouble.shown { display: block; }
    #jobs { height: 2fr; min-height: 6; }
    #below { height: 1fr; min-height: 8; border-top: solid $panel; }
    #below VerticalScroll { width: 1fr; padding: 0 1; }
    #tenants { margin-top: 1; }
    .dialog { width: 60; max-width: 90%; height: auto; max-height: 80%; padding: 1 2;
              background: $surface; border: round $primary; }
    .wide { width: 100; }
    .hint { color: $text-muted; margin-top: 1; }
    Confirm, ChooseDevice, ChooseFile, Details { align: center middle; }
    """
    BINDINGS = [  # noqa: RUF012 - textual reads it from the class
        Binding("m", "migrate", "migrate"),
        Binding("k", "checkpoint", "checkpoint"),
        Binding("s", "save", "save result"),
        Binding("c", "cancel", "cancel"),
        Binding("i", "details", "details"),
        Binding("p", "pause", "pause"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, connect: Connect, interval: float = 1.0, folder: Path | None = None) -> None:
        super().__init__()
        self._connect, self._interval = connect, interval
        self._folder = folder or Path.cwd()
        self._client: Client | None = None
        self._seen: Overview | None = None
        self._columns: tuple[str, ...] = ()
        self._rows: tuple[str, ...] = ()
        self._paused = False

    def compose(self) -> ComposeResult:
        yield Static("connecting", id="headline")
        yield Static("", id="trouble", markup=False)
        yield DataTable[Text](id="jobs", cursor_type="row", zebra_stripes=True)
        with Horizontal(id="below"):
            with VerticalScroll(can_focus=False):
                yield Static("", id="devices")
                yield Static("", id="tenants")
            with VerticalScroll(can_focus=False):
                yield Static("", id="moves")
        yield Footer()

    def on_mount(self) -> None:
        self._table().focus()
        self.run_worker(self._follow(), exclusive=True, group="follow")

    def on_unmount(self) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _table(self) -> DataTable[Text]:
        return cast("DataTable[Text]", self.query_one("#jobs"))

    async def _follow(self) -> None:
        while True:
            if not self._paused:
                await self.refresh_once()
            await asyncio.sleep(self._interval)

    async def refresh_once(self) -> None:
        """Ask the daemon and show what it says; where it is gone, say so and go on trying."""
        trouble = self.query_one("#trouble", Static)
        try:
            seen = await asyncio.to_thread(self._ask)
        except (ExaliftError, OSError) as error:
            self._hang_up()
            trouble.update(plain(f"{error} - trying again"))
            trouble.add_class("shown")
            return
        trouble.remove_class("shown")
        self._seen = seen
        self._show(seen)

    def _ask(self) -> Overview:
        if self._client is None:
            self._client = self._connect()
        return self._client.overview()

    def _show(self, seen: Overview) -> None:
        self.query_one("#headline", Static).update(headline(seen))
        self.query_one("#devices", Static).update(devices_table(seen))
        self.query_one("#tenants", Static).update(tenants_table(seen))
        self.query_one("#moves", Static).update(moves_table(seen))
        self._show_jobs(seen)

    def _show_jobs(self, seen: Overview) -> None:
        table = self._table()
        columns, rows = job_columns(seen), jobs_rows(seen)
        names = tuple(name for name, _ in rows)
        if columns == self._columns and names == self._rows:
            for name, cells in rows:
                for column, cell in zip(columns, cells, strict=True):
                    table.update_cell(name, column, cell, update_width=True)
            return
        chosen = self._chosen_name()
        table.clear(columns=True)
        for column in columns:
            table.add_column(column, key=column)
        for name, cells in rows:
            table.add_row(*cells, key=name)
        self._columns, self._rows = columns, names
        if chosen in names:
            table.move_cursor(row=names.index(chosen))

    def _chosen_name(self) -> str:
        table = self._table()
        return self._rows[table.cursor_row] if 0 <= table.cursor_row < len(self._rows) else ""

    def _chosen(self) -> JobView | None:
        """The job under the cursor; a word to the user where there is none."""
        name = self._chosen_name()
        for job in self._seen.jobs if self._seen else ():
            if job.record.name == name:
                return job
        self.notify("no job is chosen", severity="warning")
        return None

    # Keys

    def on_data_table_row_selected(self) -> None:
        self.action_details()

    def action_details(self) -> None:
        job = self._chosen()
        if job is not None and self._seen is not None:
            self.push_screen(Details(details(job, self._seen)))

    def action_pause(self) -> None:
        self._paused = not self._paused
        self.notify("paused; p goes on" if self._paused else "going on")

    def action_migrate(self) -> None:
        job = self._chosen()
        if job is None:
            return
        record = job.record
        places = [place for place in job.places if place != record.device]
        if record.status is not Status.RUNNING or not places:
            why = f"it is {record.status.value}" if places else "no other device can run it"
            self.notify(f"{record.name} cannot move: {why}", severity="warning")
            return

        def go(device: str | None) -> None:
            if device:
                self._act(
                    f"moving {record.name} to {device}", lambda client: _move(client, record.name, device)
                )

        self.push_screen(ChooseDevice(f"Move {record.name} ({plain(record.program)}) to", places), go)

    def action_cancel(self) -> None:
        job = self._chosen()
        if job is None:
            return
        record = job.record
        if record.status.is_end:
            self.notify(f"{record.name} is {record.status.value} already", severity="warning")
            return

        def go(sure: bool | None) -> None:
            if sure:
                self._act(f"cancelling {record.name}", lambda client: _cancel(client, record.name))

        at = f", {percent(job.progress.share)} done" if job.progress else ""
        self.push_screen(
            Confirm(f"Cancel {record.name} ({plain(record.program)}{at})? Its state is lost."), go
        )

    def action_checkpoint(self) -> None:
        job = self._chosen()
        if job is not None:
            name = job.record.name
            self._write(
                f"Checkpoint {name} to",
                f"{name}.xckpt",
                lambda client, path: write_checkpoint(client.checkpoint(name), path),
            )

    def action_save(self) -> None:
        job = self._chosen()
        if job is None:
            return
        if job.record.status is not Status.DONE:
            self.notify(f"{job.record.name} is {job.record.status.value}", severity="warning")
            return
        name = job.record.name
        self._write(
            f"Write the results of {name} to",
            f"{name}.npz",
            lambda client, path: write_atomically(path, client.result(name)),
        )

    def _write(self, question: str, proposal: str, write: Callable[[Client, Path], None]) -> None:
        def go(name: str | None) -> None:
            if name:
                path = self._folder / name
                self._act(f"writing {path.name}", lambda client: _write_new(path, write, client))

        self.push_screen(ChooseFile(question, proposal), go)

    def _act(self, what: str, action: Callable[[Client], str]) -> None:
        """Do something at the daemon, over a connection of its own, and tell what came of it."""
        self.notify(what)

        def work() -> str:
            with self._connect() as client:
                return action(client)

        async def tell() -> None:
            try:
                message = await asyncio.to_thread(work)
            except (ExaliftError, OSError) as error:
                self.notify(plain(str(error), 1000), severity="error", markup=False)
            else:
                self.notify(plain(message), markup=False)
            await self.refresh_once()

        self.run_worker(tell(), group="actions")


def _move(client: Client, job: str, device: str) -> str:
    move = client.migrate(job, device).migrations[-1]
    return f"{job} moved from {move.source} to {move.destination}: down for {duration(move.downtime)}"


def _cancel(client: Client, job: str) -> str:
    return f"{job} is {client.cancel(job).status.value}"


def _write_new(path: Path, write: Callable[[Client, Path], None], client: Client) -> str:
    if path.exists():
        raise UsageError(f"{path} is there already")
    write(client, path)
    return f"wrote {path}"
