"""Several hosts' daemons as one, over Ray: docs/scale.md. Jobs are named HOST/JOB here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from exalift.base import UsageError, write_atomically
from exalift.runtime.cluster import split_job, split_place

from .console import Columns, output_console, say
from .daemon_options import add_root_option
from .options import seed

if TYPE_CHECKING:
    from exalift.runtime.cluster.hosts import Hosts


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=text, description=text)
        found.add_argument(
            "--address", metavar="HOST:PORT", default="auto", help="Ray's head (the one of this machine)"
        )
        return found

    join = verb("join", "make a host's daemon part of the cluster")
    join.add_argument("host", metavar="HOST")
    add_root_option(join)
    verb("leave", "take a host out; its jobs go on").add_argument("host", metavar="HOST")
    verb("hosts", "list hosts and their devices")
    verb("ps", "list the jobs of all hosts")
    submit = verb("submit", "give a capsule or a checkpoint to a host")
    submit.add_argument("file", metavar="JOB.xcap", type=Path)
    submit.add_argument("--to", metavar="PLACE", default="any", help="HOST, HOST/DEVICE, or any (any)")
    inputs = submit.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", metavar="IN.npz", type=Path, help="the arguments by name")
    inputs.add_argument("--seed", type=seed, default=0, help="make random arguments from this (0)")
    submit.add_argument("--priority", choices=("low", "normal", "high"), default="normal")
    move = verb("move", "move an unfinished job to another host, with its state")
    move.add_argument("job", metavar="HOST/JOB")
    move.add_argument("to", metavar="PLACE", help="HOST or HOST/DEVICE")
    result = verb("result", "wait for a job, and write its results")
    result.add_argument("job", metavar="HOST/JOB")
    result.add_argument("-o", dest="output", metavar="OUT.npz", type=Path, required=True)
    result.add_argument("--wait", metavar="SECONDS", type=int, default=0, help="wait so long for its end (0)")


def run(arguments: argparse.Namespace) -> int:
    try:
        from exalift.runtime.cluster.hosts import Hosts
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise UsageError("several hosts need Ray: pip install 'exalift[cluster]'") from None
    with Hosts(arguments.address) as hosts:
        _act(hosts, arguments)
    return 0


def _act(hosts: Hosts, arguments: argparse.Namespace) -> None:
    match arguments.verb:
        case "join":
            seen = hosts.join(arguments.host, arguments.root.absolute())
            print(f"{arguments.host} joined with {', '.join(device.name for device in seen.devices)}")
        case "leave":
            hosts.leave(arguments.host)
        case "hosts":
            _list_hosts(hosts)
        case "ps":
            _list_jobs(hosts)
        case "submit":
            inputs = arguments.inputs.read_bytes() if arguments.inputs else b""
            print(
                hosts.submit(
                    split_place(arguments.to),
                    arguments.file.read_bytes(),
                    inputs=inputs,
                    seed=arguments.seed,
                    priority=arguments.priority,
                )
            )
        case "move":
            move = hosts.move(*split_job(arguments.job), split_place(arguments.to))
            print(f"{arguments.job} is {move.name} now; its state was there after {move.seconds:.3f} s")
        case _:
            host, job = split_job(arguments.job)
            if arguments.wait:
                hosts.wait(host, job, arguments.wait)
            write_atomically(arguments.output, hosts.result(host, job))


def _list_hosts(hosts: Hosts) -> None:
    rows = [("host", "device", "jobs", "worker")]
    for name, seen in hosts.overviews().items():
        if isinstance(seen, str):
            rows.append((name, "-", "-", seen))
            continue
        rows += [(name, d.name, str(d.jobs), "up" if d.up else "not started") for d in seen.devices]
    say(output_console(), "\n".join(Columns(tuple(rows), frozenset({2})).lines()))


def _list_jobs(hosts: Hosts) -> None:
    rows = [("job", "program", "status", "device", "progress")]
    for name, seen in hosts.overviews().items():
        for job in seen.jobs if not isinstance(seen, str) else ():
            record = job.record
            done = f"{job.progress.share * 100:.1f} %" if job.progress else "-"
            status = record.status.value
            rows.append((f"{name}/{record.name}", record.program, status, record.device or "-", done))
    say(output_console(), "\n".join(Columns(tuple(rows), frozenset({4})).lines()))
