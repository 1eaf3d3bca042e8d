"""The web page over HTTP, by aiohttp: the same requests as over the socket, with the same tokens.

Without a token there are the devices to see and nothing to do. Tokens come in a header, never in a cookie, so
no other site's page can act in a user's name. docs/runtime.md has the addresses and what is refused.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

from exalift.base import ExaliftError, Fields, UsageError

from ..daemon import Daemon, answer
from ..overview import Overview
from ..tenants import Tenant, find_tenant
from .address import Address

EVENT_SECONDS = 0.5
STREAMS = 64
"""So many pages are kept up to date at a time; more are told to come again later."""

_BODY_BYTES = 4096
_WRONG_TOKEN_SECONDS = 0.3
_ACTIONS = frozenset({"migrate", "cancel", "checkpoint", "result"})
_PAGE: Mapping[str, str] = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "view.js": "text/javascript",
    "figures.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "exalift",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(address: Address, daemon: Daemon, say: Callable[[str], None]) -> AsyncGenerator[None]:
    """Serve the page as long as this is open; `say` is told its URL. Raises OSError for a port in use."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server((address.host, address.port), family=family)
    port = int(listener.getsockname()[1])
    application = _Server(daemon, address.hosts(port)).application()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        say(f"http://{address.netloc(port)}/")
        yield
    finally:
        await runner.cleanup()
        listener.close()


@dataclass(slots=True)
class _Server:
    """hosts: what a request's Host may be. streams: how many pages are followed now."""

    daemon: Daemon
    hosts: frozenset[str]
    streams: int = 0

    def application(self) -> web.Application:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        application = web.Application(middlewares=[guard], client_max_size=_BODY_BYTES)
        application.on_response_prepare.append(_add_headers)
        application.router.add_get("/", _page("index.html"))
        for name in _PAGE:
            application.router.add_get(f"/{name}", _page(name))
        application.router.add_get("/api/overview", self._overview)
        application.router.add_get("/api/events", self._events)
        application.router.add_post("/api/jobs/{job:[0-9a-f]{1,64}}/{action:[a-z]{1,16}}", self._act)
        return application

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What every request must be; errors in plain words, as JSON."""
        host = request.headers.get("Host", "").lower()
        if host not in self.hosts:
            return _error(421, "this server does not go by that name (--web-name adds one)")
        if request.headers.get("Origin", f"http://{host}").lower() not in (
            f"http://{host}",
            f"https://{host}",
        ):
            return _error(403, "another site's page may not ask this")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in ("none", "same-origin") and request.path.startswith("/api/"):
            return _error(403, "another site's page may not ask this")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except (ExaliftError, OSError) as error:
            return _error(400, str(error))

    async def _tenant(self, request: web.Request) -> Tenant | None:
        """The tenant whose token is presented, None where there is none. Raises for one of nobody."""
        token = _token(request)
        if not token:
            return None
        try:
            return find_tenant(self.daemon.tenants, token)
        except UsageError as error:
            await asyncio.sleep(_WRONG_TOKEN_SECONDS)
            raise web.HTTPUnauthorized(reason=str(error)) from error

    def _seen(self, tenant: Tenant | None) -> Overview:
        return self.daemon.view().seen_by(tenant)

    async def _overview(self, request: web.Request) -> web.StreamResponse:
        return _json(200, self._seen(await self._tenant(request)).as_fields())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: an overview now, and one whenever half a second has passed."""
        tenant = await self._tenant(request)
        if self.streams >= STREAMS:
            return _error(503, f"{STREAMS} pages are open already; try again later")
        self.streams += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            while True:
                text = json.dumps(self._seen(tenant).as_fields(), separators=(",", ":"))
                await response.write(f"data: {text}\n\n".encode())
                await asyncio.sleep(EVENT_SECONDS)
        except ConnectionError:
            return response  # The page was left.
        finally:
            self.streams -= 1

    async def _act(self, request: web.Request) -> web.StreamResponse:
        tenant, action = await self._tenant(request), request.match_info["action"]
        if tenant is None:
            raise web.HTTPUnauthorized(reason="without a token there is nothing to do here")
        if action not in _ACTIONS:
            raise web.HTTPNotFound(reason=f"there is no action {action}")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(reason="the body must be application/json")
        try:
            body: object = json.loads(await request.read() or b"{}")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the body is not JSON: {error}") from error
        fields = Fields(body, "the body")
        device = {"device": fields.text("device", 64)} if action == "migrate" else {}
        fields.done()
        job = request.match_info["job"]
        asked = {"do": action, "job": job, "token": _token(request), **device}
        reply = await answer(self.daemon, Fields(asked, "a request"))
        for name, suffix in (("checkpoint", "xckpt"), ("npz", "npz")):
            data = reply.get(name)
            if isinstance(data, bytes):
                return _file(data, f"{job}.{suffix}")
        return _json(200, reply)


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip()[:256] if kind.lower() == "bearer" else ""


def _page(name: str) -> Handler:
    content = (files("exalift.runtime.web") / "page" / name).read_bytes()

    async def handler(_: web.Request) -> web.StreamResponse:
        charset = None if name.endswith(".svg") else "utf-8"
        return web.Response(body=content, content_type=_PAGE[name], charset=charset)

    return handler


def _json(status: int, content: object) -> web.Response:
    return web.Response(status=status, text=json.dumps(content), content_type="application/json")


def _error(status: int, reason: str) -> web.Response:
    return _json(status, {"error": reason})


def _file(data: bytes, name: str) -> web.Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type="application/octet-stream", headers=disposition)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
