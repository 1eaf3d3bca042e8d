"""A daemon with its web page, for tests."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from daemon_process import DaemonProcess, running_daemon, wait_until

TENANTS = {"ada": "token of ada", "bob": "token of bob", "eve": "token of eve"}


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class WebDaemon:
    daemon: DaemonProcess
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        token: str = "",
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def act(self, job: str, action: str, token: str = "", content: object = None) -> Answer:
        body = json.dumps(content or {}).encode()
        headers = {"Content-Type": "application/json"}
        return self.ask(f"/api/jobs/{job}/{action}", token, method="POST", body=body, headers=headers)


@contextmanager
def web_daemon(root: Path, *devices: str) -> Iterator[WebDaemon]:
    """One with tenants ada, bob, and eve, who sees all."""
    rows = [
        {"name": name, "token_sha256": sha256(token.encode()).hexdigest(), "oversees": name == "eve"}
        for name, token in TENANTS.items()
    ]
    (root / "tenants.json").write_text(json.dumps({"tenants": rows}))
    (root / "token").write_text(TENANTS["ada"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running_daemon(root, *devices, options=("--web", f"127.0.0.1:{port}")) as daemon:
        found = WebDaemon(daemon, port)

        def listens() -> bool:
            try:
                return found.ask("/").status == 200
            except OSError:
                return False

        wait_until(listens)
        yield found
