# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Hosts as Ray's actors: each talks to the daemon of its own machine, over that daemon's socket.

Ray knows who is there, carries requests and states between machines, and starts an actor again that died. All
the rest is the daemons': their devices, quotas and jobs. An actor acts as the tenant whose token lies in its
daemon's folder. Ray itself trusts whoever can reach it, and so does all that is here.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayError

from exalift.base import Fields, UsageError

from ..client import Client
from ..overview import Overview, overview_of
from ..record import Record, record_of
from .placement import HostLoad, in_order

NAMESPACE = "exalift"
ANSWER_SECONDS = 600.0
"""A host that has not answered after so long is told to be gone. Waiting for a job's end is not limited."""

_CONNECT_SECONDS = 10.0
_JOIN_SECONDS = 60.0
_LOOK_SECONDS = 20.0
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}")

_Handle = ActorHandle["HostActor"]

Answer = tuple[bool, object]
"""Whether it went well, and what came of it, else the daemon's own words."""


class HostActor:
    """What runs on a host. Answers are plain data, since errors would come wrapped in Ray's."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def _ask(self, question: Callable[[Client], object]) -> Answer:
        try:
            with Client(self._root) as client:
                return True, question(client)
        except UsageError as error:
            return False, str(error)

    def overview(self) -> Answer:
        return self._ask(lambda client: client.overview().as_fields())

    def submit(self, job: bytes, inputs: bytes, seed: int, device: str, priority: str) -> Answer:
        def question(client: Client) -> object:
            return client.submit(job, inputs=inputs, seed=seed, device=device, priority=priority).as_fields()

        return self._ask(question)

    def cancel(self, job: str) -> Answer:
        return self._ask(lambda client: client.cancel(job).as_fields())

    def checkpoint(self, job: str) -> Answer:
        return self._ask(lambda client: client.checkpoint(job))

    def wait(self, job: str, seconds: int) -> Answer:
        return self._ask(lambda client: client.wait(job, seconds).as_fields())

    def result(self, job: str) -> Answer:
        return self._ask(lambda client: client.result(job))


@dataclass(frozen=True, slots=True)
class HostMove:
    """A job that went to another host: its name there, and the seconds from asking for its state to the
    other daemon's having taken it."""

    name: str
    seconds: float


class Hosts:
    """The cluster as seen from here. Methods raise UsageError, in a daemon's own words where it has some."""

    def __init__(self, address: str) -> None:
        """address: of Ray's head, HOST:PORT, or "auto" for the cluster that this machine belongs to."""
        _check_that_it_listens(address)
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            raise UsageError(f"no Ray cluster at {address}: {error}; ray start begins one") from error

    def __enter__(self) -> Hosts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ray.shutdown()

    def join(self, name: str, root: Path) -> Overview:
        """Make the daemon of a folder on the host of that name part of the cluster."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"a host's name has letters, digits, - and _, not {name!r}")
        if name in self.names():
            raise UsageError(f"there is a host {name} already")
        place = f"exalift:{name}"
        actor = ray.remote(HostActor).options(
            name=name,
            lifetime="detached",
            max_restarts=-1,
            num_cpus=0,
            max_concurrency=16,
            resources={place: 0.001},
        )
        handle = cast(_Handle, actor.remote(str(root)))
        try:
            return self._overview(name, handle, _JOIN_SECONDS)
        except UsageError as error:
            ray.kill(handle)
            hint = (
                f"start Ray on that machine with --resources '{{\"{place}\": 1}}', and its daemon at {root}"
            )
            raise UsageError(f"{error}; {hint}") from error

    def leave(self, name: str) -> None:
        """Take a host out; its daemon and its jobs go on."""
        ray.kill(self._handle(name))

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(str(name) for name in ray.util.list_named_actors()))

    def overviews(self) -> Mapping[str, Overview | str]:
        """Every host, or why it does not answer."""
        found: dict[str, Overview | str] = {}
        for name in self.names():
            try:
                found[name] = self._overview(name, self._handle(name), _LOOK_SECONDS)
            except UsageError as error:
                found[name] = str(error)
        return found

    def submit(
        self, place: tuple[str, str], job: bytes, *, inputs: bytes = b"", seed: int = 0, priority: str
    ) -> str:
        """Give a capsule or a checkpoint to a host, or to the first that takes it; the job's name."""
        refusals: list[str] = []
        for host in self._candidates(place[0]):
            try:
                reply = self._ask(host, "submit", [job, inputs, seed, place[1], priority])
            except UsageError as error:
                refusals.append(f"{host}: {error}")
                continue
            return f"{host}/{_record(reply).name}"
        raise UsageError("; ".join(refusals) or "there is no host; exalift cluster join adds one")

    def _candidates(self, host: str) -> Sequence[str]:
        if host != "any":
            return (host,)
        seen = [(name, view) for name, view in self.overviews().items() if isinstance(view, Overview)]
        return in_order(HostLoad(name, len(view.devices), view.unfinished) for name, view in seen)

    def move(self, host: str, job: str, place: tuple[str, str], priority: str = "normal") -> HostMove:
        """Move an unfinished job to another host. It goes on here until the other has taken its state; what
        it did meanwhile is done again there."""
        if place[0] == host:
            raise UsageError(f"{host}/{job} is on {host}; exalift migrate moves between devices of one host")
        begun = time.monotonic()
        data = self._ask(host, "checkpoint", [job])
        if not isinstance(data, bytes):
            raise UsageError(f"{host} sent no checkpoint")
        name = self.submit(place, data, priority=priority)
        seconds = time.monotonic() - begun
        try:
            self._ask(host, "cancel", [job])
        except UsageError as error:
            other, copy = name.split("/")
            self._ask(other, "cancel", [copy])
            raise UsageError(f"{host}/{job} was not moved: {error}") from error
        return HostMove(name, seconds)

    def wait(self, host: str, job: str, seconds: int) -> Record:
        """The job's record when it has ended, or after so long."""
        return _record(self._ask(host, "wait", [job, seconds], seconds + ANSWER_SECONDS))

    def result(self, host: str, job: str) -> bytes:
        """The results as an .npz file's bytes."""
        data = self._ask(host, "result", [job])
        if not isinstance(data, bytes):
            raise UsageError(f"{host} sent no results")
        return data

    def _handle(self, name: str) -> _Handle:
        try:
            return ray.get_actor(name)
        except ValueError as error:
            raise UsageError(
                f"there is no host {name}; there are {', '.join(self.names()) or 'none'}"
            ) from error

    def _overview(self, name: str, handle: _Handle, seconds: float) -> Overview:
        return overview_of(Fields(self._wait_for(name, handle.overview.remote(), seconds), f"host {name}"))

    def _ask(
        self, name: str, method: str, arguments: Sequence[object], seconds: float = ANSWER_SECONDS
    ) -> object:
        return self._wait_for(name, getattr(self._handle(name), method).remote(*arguments), seconds)

    def _wait_for(self, name: str, reply: object, seconds: float) -> object:
        try:
            good, value = ray.get(cast("ray.ObjectRef[Answer]", reply), timeout=seconds)
        except GetTimeoutError as error:
            raise UsageError(f"host {name} has not answered for {seconds:.0f} s") from error
        except RayError as error:
            raise UsageError(f"host {name} is gone: {str(error).splitlines()[0]}") from error
        if not good:
            raise UsageError(str(value))
        return value


def _check_that_it_listens(address: str) -> None:
    """Ray itself tries for minutes. Raises UsageError."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"no Ray cluster at {address}: {error}; ray start begins one") from error


def _record(value: object) -> Record:
    return record_of(Fields(value, "a job"))
