"""Where the web page is served, and under which names browsers may ask for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from exalift.base import UsageError

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port (0: any that is free). names: those under which others reach it, in lower
    case."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def netloc(self, port: int) -> str:
        """As in a URL."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    def hosts(self, port: int) -> frozenset[str]:
        """What a request's Host may say. Another one comes from a page that had its name point here."""
        own = {f"127.0.0.1:{port}", f"[::1]:{port}", f"localhost:{port}"} if self.is_loopback else set[str]()
        named = {text for name in self.names for text in (name, f"{name}:{port}")}
        return frozenset(own | named | {self.netloc(port)})


def parse_address(text: str, names: tuple[str, ...] = ()) -> Address:
    """`127.0.0.1:8080`, `[::1]:8080`, or `localhost:8080`; beyond loopback only with names.

    Raises UsageError.
    """
    try:
        parts = urlsplit(f"//{text}")
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        port = parts.port
        ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"{text!r} is not an IP address and a port, such as 127.0.0.1:8080") from error
    if port is None or parts.path or parts.query or parts.username is not None:
        raise UsageError(f"{text!r} is not an IP address and a port, such as 127.0.0.1:8080")
    wrong = [name for name in names if not _NAME.fullmatch(name.lower())]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is not the name of a host")
    address = Address(host, port, tuple(name.lower() for name in names))
    if not address.is_loopback and not names:
        raise UsageError(
            f"{host} can be reached from other machines, and tokens would go over the network in the clear. "
            "Use 127.0.0.1 and a tunnel; or say --web-name NAME, the name by which others reach it"
        )
    return address
