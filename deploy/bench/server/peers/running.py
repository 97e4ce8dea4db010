"""Starts the peers, and asks of them what our server is asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.bench.server.making import BenchRoom
from deploy.bench.server.modules import ROOT, module_command


@contextmanager
def bare_server(room: BenchRoom, *, verifies: bool = False) -> Iterator[tuple[str, int]]:
    """The bare server for this room's kiosks: its URL and process id."""
    database = room.folder.path.parent / ("bare-verify.db" if verifies else "bare.db")
    words = (room.plan_file, room.folder.server_certificate_file, database)
    with _serving("bare", *words, *(["--verify"] if verifies else [])) as (first, pid):
        yield f"https://127.0.0.1:{first.split()[0]}", pid
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def naive_closed_loop(room: BenchRoom, *, clients: int, seconds: float) -> dict[str, Any]:
    """The naive server under so many clients, each waiting for its answer."""
    database = room.folder.path.parent / "naive.db"
    words = (room.folder.server_certificate_file, database, clients)
    with _serving("naive", *words) as (port, _):
        command = (port.strip(), room.folder.authority_file, clients, seconds, 200)
        done = subprocess.run(
            [*module_command("deploy.bench.server.http_load"), *map(str, command)],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@contextmanager
def _serving(name: str, *words: str | Path | int) -> Iterator[tuple[str, int]]:
    with subprocess.Popen(
        [*module_command(f"deploy.bench.server.peers.{name}"), *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101  narrows
        try:
            first = process.stdout.readline()
            if not first:
                message = f"the {name} server did not start"
                raise RuntimeError(message)
            yield first, process.pid
        finally:
            process.kill()
