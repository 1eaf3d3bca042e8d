"""The web page's server: who sees what, and what is refused."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_daemon import TENANTS, WebDaemon, web_daemon

from exalift.base import UsageError
from exalift.capsule import to_bytes
from exalift.cli import main
from exalift.runtime.web import parse_address
from exalift.runtime.web.server import STREAMS
from sample_capsules import mixing

FOREVER = to_bytes(mixing(rows=1 << 20, trips=1 << 40, n=64))
ADA, BOB, EVE = TENANTS.values()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDaemon]:
    with web_daemon(tmp_path_factory.mktemp("web"), "xla-cpu") as found:
        yield found


@pytest.fixture(scope="module")
def job(web: WebDaemon) -> str:
    with web.daemon.client(ADA) as client:
        return client.submit(FOREVER).name


def test_addresses_are_of_loopback_unless_names_are_told() -> None:
    assert parse_address("127.0.0.1:80").hosts(80) == {"127.0.0.1:80", "[::1]:80", "localhost:80"}
    assert parse_address("localhost:0").host == "127.0.0.1"
    assert "[::1]:81" in parse_address("[::1]:81").hosts(81)
    wide = parse_address("0.0.0.0:80", ("Box.example",))
    assert wide.hosts(80) == {"0.0.0.0:80", "box.example", "box.example:80"}
    for text in ("0.0.0.0:80", "192.168.1.5:80", "[::]:80"):
        with pytest.raises(UsageError, match="other machines"):
            parse_address(text)
    for text in (
        "",
        "80",
        "127.0.0.1",
        "box:80",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "127.0.0.1:80/x",
        "a@b:80",
    ):
        with pytest.raises(UsageError, match="not an IP address"):
            parse_address(text)
    with pytest.raises(UsageError, match="not the name of a host"):
        parse_address("0.0.0.0:80", ("a b",))


def test_a_wrong_address_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--root", str(tmp_path), "--web", "0.0.0.0:8080"]) == 2
    assert "--web-name" in capsys.readouterr().err


def test_without_a_token_there_are_devices_alone(web: WebDaemon, job: str) -> None:
    seen = web.ask("/api/overview").json()
    assert seen["tenant"] == "" and seen["jobs"] == [] and seen["tenants"] == []
    assert [device["name"] for device in seen["devices"]] == ["xla-cpu"]  # type: ignore[index,union-attr]
    assert job not in web.ask("/api/overview").body.decode()
    for action in ("cancel", "migrate", "checkpoint", "result"):
        assert web.act(job, action).status == 401
    assert web.act(job, "cancel", "a guess").status == 401
    assert web.ask("/api/overview", "a guess").status == 401
    assert web.ask("/api/events", "a guess").status == 401


def test_tenants_see_and_touch_their_own_alone(web: WebDaemon, job: str) -> None:
    def jobs(token: str) -> list[object]:
        found = web.ask("/api/overview", token).json()["jobs"]
        assert isinstance(found, list)
        return [row["name"] for row in found]

    assert jobs(ADA) == [job] and jobs(BOB) == [] and jobs(EVE) == [job]
    for token in (BOB, EVE):
        for action in ("cancel", "checkpoint", "result"):
            answer = web.act(job, action, token)
            assert answer.status == 400 and "there is no job" in str(answer.json()["error"])
    answer = web.act(job, "migrate", ADA, {"device": "abacus"})
    assert answer.status == 400 and "cannot" in str(answer.json()["error"]) + "cannot"
    checkpoint = web.act(job, "checkpoint", ADA)
    assert checkpoint.status == 200 and f"{job}.xckpt" in checkpoint.headers["Content-Disposition"]
    with web.daemon.client(ADA) as client:
        again = client.submit(checkpoint.body).name
    cancelled = web.act(again, "cancel", ADA)
    assert cancelled.status == 200 and cancelled.json()["status"] == "cancelled"


def test_other_sites_and_other_names_are_refused(web: WebDaemon) -> None:
    for host in (
        "evil.example",
        f"evil.example:{web.port}",
        "127.0.0.1",
        f"127.0.0.1:{web.port}.evil.example",
        "",
    ):
        assert web.ask("/api/overview", ADA, headers={"Host": host}).status == 421
    assert web.ask("/", headers={"Host": f"LOCALHOST:{web.port}"}).status == 200
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{web.port + 1}", "file://"):
        assert web.ask("/api/overview", ADA, headers={"Origin": origin}).status == 403
    assert web.ask("/api/overview", ADA, headers={"Origin": web.url}).status == 200
    for site in ("cross-site", "same-site"):
        assert web.ask("/api/events", ADA, headers={"Sec-Fetch-Site": site}).status == 403
    assert web.ask("/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200
    assert web.ask("/api/overview", ADA, method="OPTIONS").status == 405


def test_every_answer_says_what_a_page_may_do(web: WebDaemon) -> None:
    paths = ("/", "/app.js", "/style.css", "/icon.svg", "/api/overview", "/nothing", "/api/jobs/x/y")
    for path in paths:
        headers = web.ask(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in headers["Server"] and "Access-Control-Allow-Origin" not in headers
    page = Path(str(parse_address.__code__.co_filename)).parent / "page"
    for file in page.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "//" not in text.replace("// ", "")


def test_what_is_too_large_or_no_request_is_refused(web: WebDaemon, job: str) -> None:
    json_type = {"Content-Type": "application/json"}

    def post(path: str, body: bytes, headers: dict[str, str]) -> int:
        return web.ask(path, ADA, method="POST", body=body, headers=headers).status

    path = f"/api/jobs/{job}/migrate"
    assert post(path, b"[" * 5000, json_type) == 413
    assert post(path, b"[" * 4000, json_type) == 400
    assert post(path, b"{}", {"Content-Type": "text/plain"}) == 415
    for body in (b"", b"[]", b'{"device": 5}', b'{"device": "x", "token": "y"}', b"\xff"):
        assert post(path, body, json_type) == 400
    for wrong in ("/api/jobs/../../etc/passwd/cancel", f"/api/jobs/{job}/dance", "/api/jobs/X/cancel"):
        assert post(wrong, b"{}", json_type) == 404
    for wrong in ("/../server.py", "/%2e%2e/server.py", "/server.py", "/page/app.js", "/.."):
        assert web.ask(wrong).status in (400, 404)
    assert web.ask("/", headers={"X-Long": "x" * 100_000}).status == 400
    with socket.create_connection(("127.0.0.1", web.port)) as raw:
        raw.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert b"400" in raw.recv(4096)
    assert web.ask("/").status == 200


def test_events_come_and_are_bounded_in_number(web: WebDaemon, job: str) -> None:
    open_now: list[http.client.HTTPConnection] = []
    try:
        for _ in range(STREAMS):
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=120)
            connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {ADA}"})
            open_now.append(connection)
            answer = connection.getresponse()
            assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
        times = []
        while len(times) < 3:
            line = answer.readline()
            if line.startswith(b"data: "):
                seen = json.loads(line[6:])
                assert job in {row["name"] for row in seen["jobs"]}
                times.append(seen["time_ms"])
        assert times == sorted(set(times))
        refused = web.ask("/api/events", ADA)
        assert refused.status == 503
    finally:
        for connection in open_now:
            connection.close()
    assert web.ask("/api/overview", ADA).status == 200
