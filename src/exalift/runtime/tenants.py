"""Who may talk to the daemon: a token tells the tenant. Tokens are kept as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from exalift.base import Fields, UsageError
from exalift.capsule import check_name

from .policy import WEIGHTS, Quota

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Tenant:
    """A name, the SHA-256 of its token in hexadecimal, what it may have, and whether it sees (and no more
    than sees) the jobs of all."""

    name: str
    token_sha256: str
    quota: Quota
    oversees: bool = False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find_tenant(tenants: tuple[Tenant, ...], token: str) -> Tenant:
    """The tenant of a token. Raises UsageError for a token of nobody; every tenant is compared with, so that
    the time tells nothing."""
    digest = _digest(token)
    found: Tenant | None = None
    for tenant in tenants:
        if hmac.compare_digest(tenant.token_sha256, digest):
            found = tenant
    if found is None:
        raise UsageError("the token is not one of a tenant here")
    return found


def read_tenants(root: Path) -> tuple[Tenant, ...]:
    """The tenants of `tenants.json`. Where there is none, one is made, whose token is left in `token`.

    Raises UsageError for a file that is not a list of tenants.
    """
    path = root / "tenants.json"
    if not path.exists():
        token = secrets.token_hex(32)
        _write_private(root / "token", token)
        row = {"name": "owner", "token_sha256": _digest(token)}
        _write_private(path, json.dumps({"tenants": [row]}, indent=1))
    try:
        content: object = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    tenants = Fields(content, str(path)).each("tenants", _MOST, _read)
    if len({tenant.name for tenant in tenants}) != len(tenants):
        raise UsageError(f"{path} names a tenant twice")
    return tenants


def _read(item: Fields) -> Tenant:
    name = item.text("name")
    check_name(name, "a tenant")
    default = Quota()
    highest = item.text("highest") if item.has("highest") else default.highest
    if highest not in WEIGHTS:
        raise UsageError(f"{item.what}: there is no priority {highest!r}")
    quota = Quota(
        item.integer("jobs", 0) if item.has("jobs") else default.jobs,
        item.integer("bytes", 0) if item.has("bytes") else default.bytes,
        highest,
    )
    oversees = item.truth("oversees") if item.has("oversees") else False
    found = Tenant(name, item.text("token_sha256", 64), quota, oversees)
    item.done()
    return found


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
