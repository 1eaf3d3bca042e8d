"""`exalift top`: one frame, JSON, and the live screen with its keys, on made-up and on real daemons."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from daemon_process import running_daemon, wait_until
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, OptionList, Static

from exalift.base import UsageError
from exalift.capsule import to_bytes
from exalift.cli import main
from exalift.cli.dashboard import frame
from exalift.cli.dashboard.dialogs import ChooseDevice, ChooseFile, Confirm, Details
from exalift.cli.dashboard.figures import bar, count, duration, percent, plain, size
from exalift.cli.dashboard.screen import Dashboard
from exalift.runtime.overview import DeviceView, JobView, Overview, TenantView
from exalift.runtime.policy import Quota, Room
from exalift.runtime.progress import Level, Progress
from exalift.runtime.record import Migration, Record, Status
from sample_capsules import mixing

HOSTILE = "evil\x1b[2J\x1b]0;owned\x07[bold]name"


def record(name: str, status: Status, device: str = "", program: str = "stencil") -> Record:
    return Record(name, "ada", program, "normal", "any", 1 << 20, int(name[-1]), status, device)


def overview(*, oversees: bool = False) -> Overview:
    running = record("job1", Status.RUNNING, "xla-cpu")
    running.migrations.append(Migration("iree-cpu", "xla-cpu", 0.0042, 0.001, 95.0))
    running.migrations.append(Migration("xla-cpu", "iree-cpu", 0.0187, 1.4, 90.0))
    progress = Progress(543.0, 1000.0, 20.0, 0, 1, (Level("t", 5, 0, 10), Level("sweep", 43, 0, 100)))
    places = ("xla-cpu", "iree-cpu")
    return Overview(
        100.0,
        "ada",
        oversees,
        Room(),
        3,
        1,
        (DeviceView("xla-cpu", "xla", True, 1, 1 << 20, 4), DeviceView("iree-cpu", "iree", False, 0, 0, 0)),
        (TenantView("ada", 3, 3 << 20, Quota()),),
        (
            JobView(running, places, "iree-cpu", progress, 0, 2),
            JobView(
                record("job2", Status.WAITING, program=HOSTILE), places, "", replace(progress, done=0.0), 1
            ),
            JobView(replace(record("job3", Status.FAILED), reason=HOSTILE)),
        ),
    )


class FakeClient:
    """A daemon of the mind, which notes what it was asked."""

    def __init__(self) -> None:
        self.seen, self.asked, self.gone = overview(), list[tuple[str, ...]](), False

    def overview(self) -> Overview:
        if self.gone:
            raise UsageError("the daemon is gone")
        return self.seen

    def migrate(self, job: str, device: str) -> Record:
        self.asked.append(("migrate", job, device))
        return self.seen.jobs[0].record

    def cancel(self, job: str) -> Record:
        self.asked.append(("cancel", job))
        return replace(self.seen.jobs[0].record, status=Status.CANCELLED)

    def checkpoint(self, job: str) -> bytes:
        self.asked.append(("checkpoint", job))
        raise UsageError("no such luck")

    def close(self) -> None:
        pass

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def on_screen(
    client: FakeClient, folder: Path, check: Callable[[Dashboard, Pilot[None]], Awaitable[None]]
) -> None:
    async def go() -> None:
        app = Dashboard(lambda: client, 3600.0, folder)  # type: ignore[arg-type,return-value]
        async with app.run_test(size=(150, 40)) as pilot:
            await until(pilot, lambda: app.query_one("#jobs", DataTable).row_count > 0)
            await check(app, pilot)

    asyncio.run(go())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not happen in time")


def test_figures() -> None:
    assert [size(n) for n in (0, 512, 1536, 4 << 30, 1000 << 10)] == [
        "0 B",
        "512 B",
        "1.5 KiB",
        "4 GiB",
        "1000 KiB",
    ]
    assert [count(n) for n in (0, 999, 3_000_000, 1e12)] == ["0", "999", "3M", "1T"]
    assert [duration(s) for s in (0.0087, 12, 184, 7384, 5 * 86400)] == [
        "8.7 ms",
        "12 s",
        "3:04",
        "2:03:04",
        "5 d",
    ]
    assert bar(0, 3) == "   " and bar(1, 3) == "███" and bar(0.5, 1) == "▌" and bar(7, 2) == "██"
    assert percent(0.99999) == "99.9 %" and percent(1) == "100 %"
    assert plain("a\x1b[2Jb\n") == "a·[2Jb·"


@pytest.mark.parametrize("oversees", [False, True])
def test_a_frame_has_everything_and_nothing_of_a_strangers_escapes(oversees: bool) -> None:
    out = io.StringIO()
    Console(file=out, width=160).print(frame(overview(oversees=oversees)))
    text = out.getvalue()
    for wanted in ("xla-cpu → iree-cpu", "54.3 %", "t 5/10 sweep 43/100", "20/s", "waiting #1", "failed"):
        assert wanted in text
    for wanted in ("warm 1 ms", "cold 1.4 s", "4.2 ms", "3 of 16", "3 MiB of 4 GiB", "not started", "22.9 s"):
        assert wanted in text
    assert "\x1b" not in text and "\x07" not in text
    assert ("sees all" in text) == oversees


def test_keys_ask_first_and_then_act(tmp_path: Path) -> None:
    client = FakeClient()

    async def check(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("c")
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        assert not client.asked
        await pilot.press("c", "y")
        await until(pilot, lambda: ("cancel", "job1") in client.asked)
        await pilot.press("m")
        assert isinstance(app.screen, ChooseDevice)
        assert app.screen.query_one(OptionList).option_count == 1
        await pilot.press("escape")
        await pilot.press("m", "enter")
        await until(pilot, lambda: ("migrate", "job1", "iree-cpu") in client.asked)
        await pilot.press("k")
        assert isinstance(app.screen, ChooseFile)
        assert app.screen.query_one(Input).value == "job1.xckpt"
        await pilot.press("enter")
        await until(pilot, lambda: ("checkpoint", "job1") in client.asked)
        assert not (tmp_path / "job1.xckpt").exists()
        await pilot.press("i")
        assert isinstance(app.screen, Details)
        await pilot.press("escape")
        # What cannot move or end is not even asked about.
        await pilot.press("down", "m")
        assert not isinstance(app.screen, ChooseDevice)
        await pilot.press("down", "c")
        assert not isinstance(app.screen, Confirm)

    on_screen(client, tmp_path, check)
    assert client.asked == [("cancel", "job1"), ("migrate", "job1", "iree-cpu"), ("checkpoint", "job1")]


def test_the_cursor_stays_on_its_job_and_a_lost_daemon_is_told(tmp_path: Path) -> None:
    client = FakeClient()

    async def check(app: Dashboard, pilot: Pilot[None]) -> None:
        table = app.query_one("#jobs", DataTable)
        await pilot.press("down")
        client.seen = replace(client.seen, jobs=client.seen.jobs[1:])
        await app.refresh_once()
        assert table.row_count == 2 and table.cursor_row == 0
        client.gone = True
        await app.refresh_once()
        assert app.query_one("#trouble", Static).has_class("shown")
        client.gone, client.seen = False, overview(oversees=True)
        await app.refresh_once()
        assert not app.query_one("#trouble", Static).has_class("shown")
        assert table.row_count == 3 and table.cursor_row == 1 and len(table.columns) == 10

    on_screen(client, tmp_path, check)


def test_a_real_daemon_is_watched_and_acted_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "root"
    with running_daemon(root, "xla-cpu") as daemon, daemon.client() as client:
        assert main(["top", "--once", "--root", str(root)]) == 0
        assert "no jobs" in capsys.readouterr().out
        job = client.submit(to_bytes(mixing(rows=1 << 20, trips=1 << 40, n=64))).name

        def moving() -> bool:
            (only,) = client.overview().jobs
            return only.progress is not None and only.progress.rate > 0

        wait_until(moving)
        assert main(["top", "--json", "--root", str(root)]) == 0
        known = json.loads(capsys.readouterr().out)
        assert known["schema"] == 1 and known["tenant"] == "owner"
        (row,) = known["jobs"]
        assert row["name"] == job and row["progress"]["rate"] > 0 and row["progress"]["levels"]
        assert main(["top", "--once", "--root", str(root)]) == 0
        assert job in capsys.readouterr().out
        assert main(["top", "--root", str(root)]) == 2
        assert "needs a terminal" in capsys.readouterr().err

        async def live() -> None:
            app = Dashboard(daemon.client, 0.1, tmp_path)
            async with app.run_test(size=(150, 40)) as pilot:
                await until(pilot, lambda: app.query_one("#jobs", DataTable).row_count == 1)
                await pilot.press("k", "enter")
                await until(pilot, (tmp_path / f"{job}.xckpt").exists)
                await pilot.press("c", "y")
                await until(pilot, lambda: client.overview().jobs[0].record.status is Status.CANCELLED)

        asyncio.run(live())


def test_it_starts_on_a_terminal_and_q_ends_it(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "xla-cpu"):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "exalift", "top", "--root", str(tmp_path)]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm-256color"}
        )
        os.close(theirs)
        shown = bytearray()
        while b"tenant" not in shown:
            shown += os.read(ours, 1 << 16)
        os.write(ours, b"q")
        with pytest.raises(OSError):
            while os.read(ours, 1 << 16):
                pass
        assert process.wait(60) == 0
        os.close(ours)
