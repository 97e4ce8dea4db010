"""The server and the generator as processes, with what the system says of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.bench.server.making import PASSPHRASE, PASSWORD, BenchRoom
from deploy.bench.server.modules import ROOT, module_command
from deploy.demo.browser import Person
from deploy.demo.processes import start, stop, wait_ready

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 300.0  # five thousand forms are opened while the page waits
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class RunningServer:
    """A real `exam-server serve`."""

    room: BenchRoom
    process: subprocess.Popen[bytes]
    kiosk_url: str
    console_url: str
    started_s: float

    def person(self, name: str) -> Person:
        """One of the staff, signed in at a browser of their own."""
        return Person(
            self.console_url,
            self.room.folder.authority_file,
            name=name,
            password=PASSWORD,
            patience_s=_PATIENCE_S,
        )

    def open_paper(self) -> None:
        """Two people open the paper."""
        with self.person("it") as technician, self.person("chief") as chief:
            technician.post(
                "/opening/key",
                {"passphrase": PASSPHRASE},
                files={"key_file": ("key.age", self.room.opening_key)},
                page="/opening",
            )
            chief.post("/opening/code", {"code": self.room.opening_code}, page="/opening")

    def cpu_s(self) -> float:
        """Processor seconds so far, of all threads."""
        return cpu_s(self.process.pid)

    def rss_bytes(self) -> int:
        """Memory in use."""
        return rss_bytes(self.process.pid)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


def start_server(
    room: BenchRoom,
    *,
    env: Mapping[str, str] | None = None,
    words: Sequence[str] = (),
) -> RunningServer:
    """Start, and return when connections are accepted."""
    log = room.folder.path.parent / "server.log"
    room.folder.ready_file.unlink(missing_ok=True)
    began = time.monotonic()
    process = start(
        (
            *("exam-server", "serve", "--data", room.folder.path),
            *("--kiosk-port", "0", "--console-port", "0", *words),
        ),
        log=log,
        env=env,
    )
    ready = wait_ready(process, room.folder.ready_file, log)
    return RunningServer(
        room=room,
        process=process,
        kiosk_url=ready["kiosk_url"],
        console_url=ready["console_url"],
        started_s=time.monotonic() - began,
    )


@contextmanager
def serving(
    room: BenchRoom, *, env: Mapping[str, str] | None = None, words: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """A server for the length of the block."""
    server = start_server(room, env=env, words=words)
    try:
        yield server
    finally:
        stop(server.process)


class GeneratorProcess:
    """The load generator, asked over a pipe."""

    def __init__(self, plan_file: Path) -> None:
        self.process = subprocess.Popen(
            [*module_command("deploy.bench.server.generator"), str(plan_file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, what: str, **words: Any) -> dict[str, Any]:
        """Do one thing; returns what it measured.

        Raises:
            RuntimeError: The generator ended.
        """
        assert self.process.stdin is not None  # noqa: S101  narrows
        assert self.process.stdout is not None  # noqa: S101  narrows
        self.process.stdin.write(json.dumps({"do": what} | words).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            message = f"the generator ended while it should {what}"
            raise RuntimeError(message)
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def generating(plan_file: Path) -> Iterator[GeneratorProcess]:
    """A generator for the length of the block."""
    generator = GeneratorProcess(plan_file)
    with generator.process:
        try:
            yield generator
        finally:
            generator.process.kill()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process."""
    return _stat_cpu_s(Path(f"/proc/{pid}/stat"))


def threads_cpu_s(pid: int) -> dict[str, float]:
    """Processor seconds of each thread of a process; the first runs the loop."""
    used = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended just now
            name = "loop" if task.name == str(pid) else f"thread {task.name}"
            used[name] = _stat_cpu_s(task / "stat")
    return used


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _stat_cpu_s(file: Path) -> float:
    fields = file.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
